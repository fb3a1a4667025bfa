"""The user's side: everything we know about a YOLO dataset."""
