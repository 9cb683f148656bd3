"""Rows of near-duplicates: which clips were compared, their index, and the pairs that share seconds."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from schemas.arrow import column


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A clip that was compared. Written after its pairs and postings: a clip without it was not compared yet."""

    marks_id: str = column("key_of(clip_id, version)")
    clip_id: str = column("clips.clip_id")
    version: str = column("digest of recipe, fingerprints and rule")
    run_id: str = column("provenance")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexEntry:
    """One key of a clip in the index of near-duplicates, which is read by key. Appended under the hop's lease."""

    posting_id: int = column("hash of clip, key and version")
    key: int = column("pipelines/dedup/index.py: hash of a mark and the version, or of the clip itself")
    clip_id: str = column("clips.clip_id")
    rank: str = column("pipelines/dedup/index.py: which of a key's clips stand for it, the least first")
    times: int = column("how many of the clip's marks have this key", pa.int16())
    marks: int = column("how many marks the clip has", pa.int32())
    run_id: str = column("provenance")


@dataclass(frozen=True, slots=True, kw_only=True)
class CrowdedKey:
    """A key on more clips than are compared with one another. Of several rows of a key the least rank holds."""

    common_id: str = column("key_of(key, rank)")
    key: int = column("postings.key")
    rank: str = column("the last rank that stands for the key")
    version: str = column("digest of recipe, fingerprints and rule")
    run_id: str = column("provenance")


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """Two clips of which some seconds are copies: a row rests on the two alone. pipelines/corpus/duplicates.py: which
    count."""

    duplicate_id: str = column("key_of(clip_a, clip_b, version)")
    clip_a: str = column("clips.clip_id, the lesser")
    clip_b: str = column("clips.clip_id, the greater")
    kind: str = column("exact: the very same frames in other bytes; near; mirrored: left is right in one of them")
    offset_ns: int = column("a time in clip a less the same moment's in clip b, each from its recording's first frame")
    overlap_ns: int = column("what both show")
    distance: float = column("filters/fingerprint_match.py: 0 for equal ones")
    keys: list[int] = column("postings.key of what both share, as often as both have it", pa.list_(pa.int64()))
    needed: int = column("how many of the keys must count")
    rank: str = column("the lesser of the two clips' ranks")
    version: str = column("digest of recipe, fingerprints and rule")
    run_id: str = column("provenance")
