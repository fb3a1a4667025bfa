"""Draws a labelled dataset and a COCO-format source of any size: for tests, benchmarks and sample_data."""

from __future__ import annotations

from demo_drawing.material import LEAST_IMAGES, Size, label_lines, write_material

__all__ = ["LEAST_IMAGES", "Size", "label_lines", "write_material"]
