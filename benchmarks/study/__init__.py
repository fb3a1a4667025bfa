"""The study: do random background images help a detector? The protocol is fixed; docs/study.md tells the answer."""
