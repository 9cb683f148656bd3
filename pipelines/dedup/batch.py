"""Some clips on their way into the index: their fingerprints, and what the index holds under their keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from filters import fingerprints
from filters.fingerprints import Fingerprint
from infra.storage.tables import Store
from pipelines.corpus.duplicates import version_of
from pipelines.dedup import index
from pipelines.dedup.index import COLUMNS, JoinedEntries
from schemas.columns import values_of
from schemas.keys import recipes_of


@dataclass(frozen=True, slots=True)
class Batch:
    """Some clips on their way into the index: what they share with it, and their postings that it lacks."""

    clips: list[str]
    version: str
    joined: JoinedEntries
    new: pa.Table


def read_batch(store: Store, ranks: Mapping[str, str], recipe: str) -> Batch:
    """Reads what is posted under the keys of these clips, and nothing else. ranks: by clip."""
    clips, version = list(ranks), version_of(recipe)
    prints = prints_of(store, clips, recipe)
    new = index.entries_of({c: fingerprints.find_marks(prints[c]) for c in clips if c in prints}, ranks, version)
    own = index.self_keys(clips, version).tolist()
    known = store.lookup("postings", "key", [*values_of(new["key"].unique(), int), *own], COLUMNS)
    ours = pc.is_in(known["clip_id"], value_set=pa.array(clips, pa.string()))  # posted by a run that was killed
    there = known.filter(ours)["clip_id"].unique()
    known = known.filter(pc.invert(ours))
    joined = index.join_entries(new, known)
    if len(joined.opened):
        rest = store.lookup("postings", "key", index.rest_keys(joined.opened).tolist(), COLUMNS)
        rest = rest.filter(pc.invert(pc.is_in(rest["clip_id"], value_set=pa.array(clips, pa.string()))))
        joined = joined._replace(shared=index.with_rest(joined, rest))
    absent = pc.invert(pc.is_in(new["clip_id"], value_set=there))
    left = [c for c in clips if c not in set(there.to_pylist())]
    return Batch(clips, version, joined, index.index_rows(new.filter(absent), joined.crowded, left, version))


def prints_of(store: Store, clips: Iterable[str], recipe: str) -> dict[str, Fingerprint]:
    """Fingerprints by clip; clips without a sample have none."""
    columns = ["clip_id", "recipe", "tiling", "fingerprints"]
    table = store.read_keys("clips", "clip_id", sorted(clips), columns)
    # Where a span was cut under several variants the last by name speaks: they differ in how it was turned.
    # Of several generations the newest speaks.
    age = pc.index_in(table["recipe"], value_set=pa.array(recipes_of(recipe)))
    table = table.append_column("age", age).filter(pc.is_valid(age))
    table = table.sort_by([("age", "descending"), ("tiling", "ascending")]).combine_chunks()
    words = table["fingerprints"]
    return {
        str(clip): fingerprints.fingerprint_of(words[i].values.to_numpy())
        for i, clip in enumerate(table["clip_id"].to_pylist())
        if words[i].is_valid
    }
