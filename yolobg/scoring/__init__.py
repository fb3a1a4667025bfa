"""Models → detections: what a trained model finds in a list of images."""
