"""What the corpus was last told of each place: its newest asset, and how often each revision was taken."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pipelines.hop import Run

ROBOT = "robot"
STATED = ("stage", "licence", "consent")
MARK = "+~"  # what stands before the first + of a revision stays: an S3 object's ETag


def newest_stated(run: Run, where: str) -> tuple[dict[str, dict[str, Any]], Counter[tuple[str, str]]]:
    """What the newest asset of each place says, and how often each revision of a place was taken."""
    newest: dict[str, dict[str, Any]] = {}
    stated: Counter[tuple[str, str]] = Counter()
    columns = ["asset_id", "uri", "revision", "modified_ns", *STATED]
    for row in run.store.read("assets", columns, where).to_pylist():
        stated[row["uri"], row["revision"].partition(MARK)[0]] += 1
        newest[row["uri"]] = max(newest.get(row["uri"], row), row, key=lambda r: (r["modified_ns"], r["revision"]))
    return newest, stated
