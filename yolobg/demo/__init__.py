"""The demo's material, drawn here and without a network; see `material` for what is promised."""

from __future__ import annotations

from yolobg.demo.material import LEAST_IMAGES, Demo, Size, label_lines, write_demo, write_material

__all__ = ["LEAST_IMAGES", "Demo", "Size", "label_lines", "write_demo", "write_material"]
