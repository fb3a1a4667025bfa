"""The battery: dataset layouts whose answers come from the real Ultralytics."""
