"""Comparisons with what people use; `python -m benchmarks` runs them."""

import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
# The tests' servers and the drawing of the sample serve here too; neither is installed.
sys.path += [str(_ROOT / "tests/helpers"), str(_ROOT / "tools")]
