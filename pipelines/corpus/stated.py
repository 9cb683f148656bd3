"""What the corpus was last told of each place: its newest asset, and how often each revision was taken."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields

from pipelines.hop import Run
from schemas.tables import TypedTable

ROBOT = "robot"
STATED = ("stage", "licence", "consent")
MARK = "+~"  # what stands before the first + of a revision stays: an S3 object's ETag


@dataclass(frozen=True, slots=True)
class StatedAsset:
    """What is read of an asset to tell whether its source says otherwise now; the last three are STATED."""

    asset_id: str
    uri: str
    revision: str
    modified_ns: int
    stage: str
    licence: str | None
    consent: str | None


def base_revision(revision: str) -> str:
    """The source's own part of a revision, without what tells that it says otherwise."""
    return revision.partition(MARK)[0]


def newest_stated(run: Run, where: str) -> tuple[dict[str, StatedAsset], Counter[tuple[str, str]]]:
    """The newest asset of each place by uri, and how often each revision of a place (uri, base) was taken."""
    newest: dict[str, StatedAsset] = {}
    taken: Counter[tuple[str, str]] = Counter()
    for row in TypedTable(StatedAsset, run.store.read("assets", [f.name for f in fields(StatedAsset)], where)).rows():
        taken[row.uri, base_revision(row.revision)] += 1
        newest[row.uri] = max(newest.get(row.uri, row), row, key=lambda r: (r.modified_ns, r.revision))
    return newest, taken
