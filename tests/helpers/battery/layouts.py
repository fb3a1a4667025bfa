"""The battery: dataset layouts by name. Pure data; `generate.py` asks the real Ultralytics for the answers."""

from __future__ import annotations

from battery.cases_labels import LABELS
from battery.cases_lists import LISTED
from battery.cases_paths import PATHS
from battery.cases_splits import SPLITS
from battery.cases_yaml import YAMLS
from battery.layout import Layout

LAYOUTS: dict[str, Layout] = {**YAMLS, **PATHS, **SPLITS, **LISTED, **LABELS}
assert len(LAYOUTS) == sum(map(len, (YAMLS, PATHS, SPLITS, LISTED, LABELS))), "two layouts have one name"
