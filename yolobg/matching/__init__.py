"""The bridge: dataset class names to the COCO categories whose images cannot be background."""

from yolobg.matching.matcher import check_resolved, excluded_categories, match_classes

__all__ = ["check_resolved", "excluded_categories", "match_classes"]
