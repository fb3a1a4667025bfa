"""Fuzz targets, what changes their inputs, the corpus and the harness (`run.py`, which needs atheris)."""
