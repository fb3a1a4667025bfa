"""yolobg adds background (negative) images to an existing YOLO dataset, safely."""

__version__ = "0.1.0"
