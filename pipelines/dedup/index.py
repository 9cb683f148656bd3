"""The index of near-duplicates: a row for each key of a clip, read by key, so that a batch costs what it brings.

Which pairs are compared is the same for every order of arrival. A key's `MAX_COMPARED` clips of least rank stand for
it: a clip with the key is compared with those, and those with all. A clip that stands for a key stood for it in every
smaller corpus too, so the others are posted under a second key, which is read when a new clip stands for the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from filters.duplicates import MAX_COMPARED
from filters.fingerprints import Marks
from schemas import IndexEntry
from schemas.arrow import schema_of
from schemas.columns import Array, table_from, values_of

MS = 1_000_000
REST, SELF = 0x7265737473, 0x73656C66  # salts: the second key, and the key that is the clip itself
COLUMNS = ("key", "clip_id", "rank", "times", "marks")

Keys = npt.NDArray[np.int64]


class JoinedEntries(NamedTuple):
    """shared: postings of two clips or more, one of them new, with `new` and `stands`.

    crowded: the last rank that stands for a key that more than MAX_COMPARED have. opened: crowded keys for which a new
    clip stands, so that the rest of their clips belongs to them.
    """

    shared: pa.Table
    crowded: dict[int, str]
    opened: Keys


def rank_of(pixels: int, length_ns: int, clip_id: str) -> str:
    """Most pixels first, then the longest, then the least clip: as releases choose among copies."""
    return f"{2**36 - min(pixels, 2**36):010x}{2**32 - min(length_ns // MS, 2**32):09x}{clip_id[:13]}"


def hash_keys(values: npt.NDArray[np.uint64], salt: int) -> Keys:
    """64-bit hashes (splitmix64's finaliser)."""
    x = values ^ np.uint64(salt)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    return (x ^ (x >> np.uint64(31))).view(np.int64)


def keys_of(marks: Marks, version: str) -> tuple[Keys, npt.NDArray[np.int16]]:
    """A clip's keys under a version, each once, and how many marks have each."""
    keys, times = np.unique(marks.keys, return_counts=True)
    return hash_keys(keys, int(version, 16)), times.astype(np.int16)


def shared_keys(a: Marks, b: Marks, version: str) -> list[int]:
    """The keys that both have, each as often as both have it."""
    (keys_a, times_a), (keys_b, times_b) = keys_of(a, version), keys_of(b, version)
    keys, at_a, at_b = np.intersect1d(keys_a, keys_b, return_indices=True)
    return np.repeat(keys, np.minimum(times_a[at_a], times_b[at_b])).tolist()


def self_keys(clips: Sequence[str], version: str) -> Keys:
    """The keys under which clips themselves are posted: whether a killed run posted them is asked by these."""
    return hash_keys(_numbers(clips), int(version, 16) ^ SELF)


def rest_keys(keys: Keys) -> Keys:
    """The second keys."""
    return hash_keys(keys.view(np.uint64), REST)


def entries_of(marks: Mapping[str, Marks], ranks: Mapping[str, str], version: str) -> pa.Table:
    """COLUMNS of these clips."""
    made = {clip: keys_of(m, version) for clip, m in marks.items()}
    sizes = [len(keys) for keys, _ in made.values()]

    def column(values: Iterable[object], kind: pa.DataType) -> Array:
        return pa.array(np.repeat(np.array(list(values), object), sizes), kind)

    columns = pa.schema([schema_of(IndexEntry).field(name) for name in COLUMNS])
    return table_from(
        {
            "key": np.concatenate([keys for keys, _ in made.values()] or [np.array([], np.int64)]),
            "clip_id": column(made, pa.string()),
            "rank": column((ranks[clip] for clip in made), pa.string()),
            "times": np.concatenate([times for _, times in made.values()] or [np.array([], np.int16)]),
            "marks": column((len(m.keys) for m in marks.values()), pa.int32()),
        },
        columns,
    )


def join_entries(new: pa.Table, known: pa.Table) -> JoinedEntries:
    """What new clips share with one another and with known ones; both: COLUMNS, no clip in both."""
    tables = [t.append_column("new", pa.repeat(n, t.num_rows)) for t, n in ((new, True), (known, False))]
    both = pa.concat_tables(tables).sort_by([("key", "ascending"), ("rank", "ascending")]).combine_chunks()
    keys, fresh = both["key"].to_numpy(), both["new"].to_numpy()
    _, first, group, count = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    place = np.arange(len(keys)) - first[group]
    stands, crowded = place < MAX_COMPARED, count[group] > MAX_COMPARED
    opened = np.bincount(group, crowded & stands & fresh, len(first))[group] > 0
    last = crowded & (place == MAX_COMPARED - 1)
    wanted = (count[group] > 1) & (stands | fresh | opened)
    return JoinedEntries(
        both.append_column("stands", pa.array(stands)).filter(pa.array(wanted)),
        dict(zip(keys[last].tolist(), values_of(both["rank"].filter(pa.array(last)), str), strict=True)),
        np.unique(keys[opened]),
    )


def with_rest(joined: JoinedEntries, rest: pa.Table) -> pa.Table:
    """Shared postings with the rest (COLUMNS, by their second keys) of the opened keys."""
    at = pc.index_in(rest["key"], value_set=pa.array(rest_keys(joined.opened)))
    rest = rest.set_column(0, rest.schema.field("key"), pa.array(joined.opened).take(at))
    for name in ("new", "stands"):
        rest = rest.append_column(name, pa.repeat(False, rest.num_rows))
    return pa.concat_tables([joined.shared, rest.select(joined.shared.column_names)])


def index_rows(new: pa.Table, crowded: Mapping[int, str], clips: Sequence[str], version: str) -> pa.Table:
    """Rows of `postings` without run_id: new ones (COLUMNS) under their first or second key, and each clip itself."""
    keys = new["key"].to_numpy()
    bounds = [crowded.get(k) for k in keys.tolist()]
    ranks = values_of(new["rank"], str)
    second = np.array([b is not None and r > b for b, r in zip(bounds, ranks, strict=True)], bool)
    of = np.array(new["clip_id"].to_pylist(), object)
    own = self_keys(clips, version)
    ids = hash_keys(
        np.concatenate([keys.view(np.uint64) ^ hash_keys(_numbers(of), SELF).view(np.uint64), own.view(np.uint64)]), 0
    )
    none = len(clips)
    return table_from(
        {
            "posting_id": ids,
            "key": np.concatenate([np.where(second, rest_keys(keys), keys), own]),
            "clip_id": pa.array([*of, *clips], pa.string()),
            "rank": pa.array([*ranks, *[""] * none], pa.string()),
            "times": np.concatenate([new["times"].to_numpy(), np.zeros(none, np.int16)]),
            "marks": np.concatenate([new["marks"].to_numpy(), np.zeros(none, np.int32)]),
        }
    )


def _numbers(clips: Iterable[str]) -> npt.NDArray[np.uint64]:
    return np.array([int(clip[:16], 16) for clip in clips], np.uint64)
