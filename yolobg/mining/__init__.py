"""Choosing backgrounds with the user's own model: images that it fires on although they hold none of its classes."""
