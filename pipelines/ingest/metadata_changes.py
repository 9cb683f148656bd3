"""What a source says otherwise of what it offered before: what is offered now is newer than what was.

The corpus reads every place through its newest asset. A corrected manifest or config changes no revision, and another
revision, or one that was there before, need not sort after it, so that such items get a revision and a time that do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pipelines.hop import Run
from pipelines.media.requirements import ROBOT
from pipelines.sources.recordings import Item
from schemas.keys import key_of

SAID = ("stage", "licence", "consent")
MARK = "+~"  # what stands before the first + of a revision stays: an S3 object's ETag


def restated(run: Run, items: Sequence[Item], recipe: str) -> list[Item]:
    """The items, as newer revisions of their places where they say otherwise than the newest assets there.

    A place that is offered twice says two things at once: its items stay as they are.
    """
    newest, stated = _assets(run, f"recipe = '{recipe}' and stage != '{ROBOT}'")
    offered = Counter(item.uri for item in items)
    return [_as_now(item, newest.get(item.uri), stated) if offered[item.uri] == 1 else item for item in items]


def _as_now(item: Item, before: dict[str, Any] | None, stated: Counter[tuple[str, str]]) -> Item:
    """stated: how often each revision of a place was taken."""
    if item.bad is not None or before is None:
        return item
    later = replace(item, modified_ns=max(item.modified_ns, before["modified_ns"] + 1))
    if not (times := stated[item.uri, item.revision]):
        return later
    # What is yet unread has all that is said in its revision. A server may have two ETags for the same bytes: what it
    # was asked for and said before is no news.
    newest = item.asked or before["revision"].partition(MARK)[0] == item.revision
    if newest and (item.unread is not None or all(before[name] == getattr(item, name) for name in SAID)):
        return item
    return replace(later, revision=f"{item.revision}{MARK}{times}", asked=False)


def _assets(run: Run, where: str) -> tuple[dict[str, dict[str, Any]], Counter[tuple[str, str]]]:
    """What the newest asset of each place says, and how often each revision of a place was taken."""
    newest: dict[str, dict[str, Any]] = {}
    stated: Counter[tuple[str, str]] = Counter()
    columns = ["asset_id", "uri", "revision", "modified_ns", *SAID]
    for row in run.store.read("assets", columns, where).to_pylist():
        stated[row["uri"], row["revision"].partition(MARK)[0]] += 1
        newest[row["uri"]] = max(newest.get(row["uri"], row), row, key=lambda r: (r["modified_ns"], r["revision"]))
    return newest, stated


def restated_media(run: Run, said: Mapping[str, Mapping[str, Any]], recipe: str) -> list[dict[str, Any]]:
    """Assets of a robot's recordings, by uri, whose licence or consent is said otherwise now: rows to be added."""
    newest, stated = _assets(run, f"recipe = '{recipe}' and stage = '{ROBOT}'")
    changed = {row["asset_id"] for uri, row in newest.items() if uri in said and not said[uri].items() <= row.items()}
    rows = run.store.read_keys("assets", "asset_id", sorted(changed)).to_pylist()
    return [_later(row, said[row["uri"]], stated, run.run_id) for row in rows]


def _later(
    row: dict[str, Any], said: Mapping[str, Any], stated: Counter[tuple[str, str]], run_id: str
) -> dict[str, Any]:
    base = row["revision"].partition(MARK)[0]
    revision = f"{base}{MARK}{stated[row['uri'], base]}"
    key = key_of(row["uri"], revision, row["recipe"], ROBOT)
    order = {"asset_id": key, "revision": revision, "modified_ns": row["modified_ns"] + 1, "run_id": run_id}
    return row | order | dict(said)
