"""COCO's zip archive: its members, by ranges or whole."""
