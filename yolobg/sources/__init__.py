"""The source side: COCO-format annotations, the official archive and the catalog."""
