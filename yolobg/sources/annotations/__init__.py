"""COCO-format annotations: local and remote files, their schema, reading them."""
