"""The bridge: dataset class names to the COCO categories whose images cannot be background."""
