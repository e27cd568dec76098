"""Recorded vendor bodies with the status and headers they came with."""

import json
from pathlib import Path
from typing import Any

from market_pipeline.vendors.replies import Reply


def files_of(folder: Path, vendor: str) -> set[str]:
    """Name every recorded body of a vendor."""
    return {path.name for path in (folder / vendor).iterdir() if path.is_file()}


def record_of(folder: Path, vendor: str, name: str) -> dict[str, Any]:
    """Give the entry of `responses.json` for a body."""
    entries = json.loads((folder / "responses.json").read_text("utf-8"))
    (entry,) = (entry for entry in entries if entry["file"] == f"{vendor}/{name}")
    assert isinstance(entry, dict)
    return entry


def reply_of(folder: Path, vendor: str, name: str) -> Reply:
    """Give a recorded answer as the transport hands it over."""
    entry = record_of(folder, vendor, name)
    body = (folder / vendor / name).read_bytes()
    return Reply(entry["status"], entry["headers"], body)
