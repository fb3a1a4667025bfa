"""Look before you train: the review page, its local server, and what carries the decisions out."""
