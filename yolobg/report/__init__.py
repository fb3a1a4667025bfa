"""The report: cards, thumbnails, the page, the contact sheet."""
