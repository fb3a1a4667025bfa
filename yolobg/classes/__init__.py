"""The bridge: dataset class names to the COCO categories whose images cannot be background."""

from yolobg.classes.matcher import match_classes
from yolobg.classes.resolve import check_resolved, excluded_categories

__all__ = ["check_resolved", "excluded_categories", "match_classes"]
