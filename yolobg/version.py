"""The version, in the one place that says it; a release sets it here."""

__version__ = "0.1.0"
