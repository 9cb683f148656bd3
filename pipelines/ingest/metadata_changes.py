"""What a source says otherwise of what it offered before: what is offered now is newer than what was.

The corpus reads every place through its newest asset. A corrected manifest or config changes no revision, and another
revision, or one that was there before, need not sort after it, so that such items get a revision and a time that do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from pipelines.corpus.stated import MARK, ROBOT, STATED, StatedAsset, base_revision, newest_stated
from pipelines.hop import Run
from pipelines.sources.recordings import Item


def as_new_revisions(run: Run, items: Sequence[Item], recipe: str) -> list[Item]:
    """The items, as newer revisions of their places where they say otherwise than the newest assets there.

    A place that is offered twice says two things at once: its items stay as they are.
    """
    newest, taken = newest_stated(run, f"recipe = '{recipe}' and stage != '{ROBOT}'")
    offered = Counter(item.uri for item in items)
    return [_as_now(item, newest.get(item.uri), taken) if offered[item.uri] == 1 else item for item in items]


def _as_now(item: Item, before: StatedAsset | None, taken: Counter[tuple[str, str]]) -> Item:
    """taken: how often each revision of a place was taken."""
    if item.bad is not None or before is None:
        return item
    later = replace(item, modified_ns=max(item.modified_ns, before.modified_ns + 1))
    if not (times := taken[item.uri, item.revision]):
        return later
    # An item with a sidecar has all that is said in its revision. A server may have two ETags for the same bytes: what
    # it was asked for and said before is no news.
    newest = item.served or base_revision(before.revision) == item.revision
    if newest and (item.sidecar is not None or all(getattr(before, name) == getattr(item, name) for name in STATED)):
        return item
    return replace(later, revision=f"{item.revision}{MARK}{times}", served=False)
