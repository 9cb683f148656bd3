"""A robot's recordings whose licence or consent is said otherwise than before: rows that are newer than those."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pipelines.corpus.stated import MARK, ROBOT, newest_stated
from pipelines.hop import Run
from schemas.keys import asset_key


def restated_media(run: Run, said: Mapping[str, Mapping[str, Any]], recipe: str) -> list[dict[str, Any]]:
    """Assets of a robot's recordings, by uri, whose licence or consent is said otherwise now: rows to be added."""
    newest, stated = newest_stated(run, f"recipe = '{recipe}' and stage = '{ROBOT}'")
    changed = {row["asset_id"] for uri, row in newest.items() if uri in said and not said[uri].items() <= row.items()}
    rows = run.store.read_keys("assets", "asset_id", sorted(changed)).to_pylist()
    return [_later(row, said[row["uri"]], stated, run.run_id) for row in rows]


def _later(
    row: dict[str, Any], said: Mapping[str, Any], stated: Counter[tuple[str, str]], run_id: str
) -> dict[str, Any]:
    base = row["revision"].partition(MARK)[0]
    revision = f"{base}{MARK}{stated[row['uri'], base]}"
    key = asset_key(row["uri"], revision, row["recipe"], robot=True)
    order = {"asset_id": key, "revision": revision, "modified_ns": row["modified_ns"] + 1, "run_id": run_id}
    return row | order | dict(said)
