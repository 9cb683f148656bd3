"""Which spans are copies of better ones now: the pairs that dedup found, and the verdicts of keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from filters import fingerprint_match, fingerprints
from filters.duplicates import COPY, MIRRORED, CandidateSpan, ClipPair, CopiedSpan, find_copied_spans
from infra.storage.tables import Store
from pipelines.corpus.inventory import ASSET, CurrentAsset
from schemas import CrowdedKey, Decision, Reject
from schemas.columns import differs, equals
from schemas.keys import digest_of, stored_text
from schemas.tables import TypedTable, columns_of

CROWDED_KEY, DECISION, REJECT = columns_of(CrowdedKey), columns_of(Decision), columns_of(Reject)
# The accepted spans that are copies, by span_id.
Copies = Mapping[str, CopiedSpan]
P = TypeVar("P", "StoredPair", "KeyedPair")

RULE = fingerprint_match.MatchRule()
VERDICT_OF = {COPY: "reject", MIRRORED: "quarantine"}


def version_of(recipe: str) -> str:
    """Digest of everything that makes two clips a pair."""
    return digest_of([recipe, fingerprints.VERSION, fingerprint_match.VERSION, stored_text(RULE, "Rule")])[:16]


@dataclass(frozen=True, slots=True)
class StoredPair:
    """What is read of `duplicates`, where no key is common."""

    clip_a: str
    clip_b: str
    offset_ns: int
    kind: str


@dataclass(frozen=True, slots=True)
class KeyedPair:
    """The same with the keys that brought the two together."""

    clip_a: str
    clip_b: str
    offset_ns: int
    kind: str
    keys: list[int]
    needed: int
    rank: str


def pairs_of(store: Store, recipe: str) -> list[ClipPair]:
    """Every pair of clips that are copies, the same whatever the order in which the clips came.

    A pair that met while its keys were rare counts no longer where too few of them would bring it together now.
    """
    where = f"version = '{version_of(recipe)}'"
    common: dict[int, str] = {}
    for key, rank in zip(*_common(store, where), strict=True):
        common[key] = min(rank, common.get(key, rank))
    if not common:
        return [_pair(row) for row in _stored(store, StoredPair, where)]
    return [
        _pair(row)
        for row in _stored(store, KeyedPair, where)
        if sum(row.rank <= common.get(k, row.rank) for k in row.keys) >= row.needed
    ]


def _common(store: Store, where: str) -> tuple[list[int], list[str]]:
    table = TypedTable(CrowdedKey, store.read("commons", ["key", "rank"], where))
    return table.values(CROWDED_KEY.key), table.values(CROWDED_KEY.rank)


def _stored(store: Store, row: type[P], where: str) -> list[P]:
    return TypedTable(row, store.read("duplicates", [f.name for f in fields(row)], where)).rows()


def _pair(row: StoredPair | KeyedPair) -> ClipPair:
    return ClipPair(row.clip_a, row.clip_b, row.offset_ns, row.kind == "mirrored")


@dataclass(frozen=True, slots=True)
class Accepted:
    """What is read of a decision that accepts a span."""

    span_id: str
    clip_id: str
    start_ns: int
    end_ns: int
    sha256: str


def copies_of(
    store: Store, recipe: str, assets: TypedTable[CurrentAsset], decisions: TypedTable[Decision]
) -> dict[str, CopiedSpan]:
    """The accepted spans that are copies of better ones, by span_id; a robot's never are.

    assets: the inventory; decisions: one policy's, of current clips. A recording that could not be cut for a release
    shows nothing in it, so that its copies stay.
    """
    pairs = pairs_of(store, recipe)
    if not pairs:
        return {}
    unread, pixels = unread_of(store, recipe), _pixels(assets)
    paired = pa.array(sorted({c for p in pairs for c in (p.clip_a, p.clip_b)}))
    wanted = pc.and_(pc.is_in(decisions[DECISION.clip_id], paired), equals(decisions[DECISION.verdict], "accept"))
    takes = [
        CandidateSpan(row.span_id, row.clip_id, row.start_ns, row.end_ns, pixels[row.sha256])
        for row in TypedTable(Accepted, decisions.filter(wanted).table).rows()
        if row.sha256 in pixels and row.sha256 not in unread
    ]
    return find_copied_spans(takes, pairs)


def _pixels(assets: TypedTable[CurrentAsset]) -> dict[str, int]:
    """Pixels of a frame of people's recordings, by sha256."""
    primary = assets.filter(pc.and_(assets[ASSET.primary], differs(assets[ASSET.stage], "robot")))
    sizes = zip(primary.values(ASSET.width_px), primary.values(ASSET.height_px), strict=True)
    return {sha: w * h for sha, (w, h) in zip(primary.values(ASSET.sha256), sizes, strict=True)}


def unread_of(store: Store, recipe: str) -> dict[str, str]:
    """Recordings that decoded once and could not be cut when they were published, with the reason."""
    where = f"stage = 'publish' and recipe = '{recipe}'"
    table = TypedTable(Reject, store.read("rejects", ["subject", "reason"], where))
    return dict(zip(table.values(REJECT.subject), table.values(REJECT.reason), strict=True))
