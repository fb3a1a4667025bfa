"""Look before you train: the report, the contact sheet and the review page. Reads the dataset; `apply` changes it."""
