"""The assets of the committed graph, by what their partitions are: sessions or news days.

Tests that run the whole graph ask here, so that a new asset is run and counted without a list to
extend; `test_graph_snapshot.py` holds the file against the definitions.
"""

import json
from pathlib import Path

SNAPSHOT = Path(__file__).with_name("graph.json")

_ASSETS = json.loads(SNAPSHOT.read_text())["assets"]
_MADE = {name: asset["partitions"] for name, asset in _ASSETS.items() if asset["is_executable"]}

DAY_ASSETS = frozenset(name for name, keys in _MADE.items() if "America/New_York" in keys)
SESSION_ASSETS = frozenset(_MADE) - DAY_ASSETS
