"""What the corpus holds now: the newest revision of every place, each recording's bytes counted once and redacted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from infra.storage.tables import Store
from schemas import Clip
from schemas.arrow import schema_of
from schemas.columns import (
    Array,
    Mask,
    SortKeys,
    equals,
    exceeds,
    items_of,
    joined,
    table_from,
    values_of,
    with_nulls_as,
)
from schemas.keys import recipes_of, stored_as
from schemas.recordings import StoredGap, StoredNarration
from schemas.spans import StoredSpan
from schemas.tables import TypedTable, columns_of


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentAsset:
    """The newest asset of a place: columns of Asset, and what it is among those of the same bytes."""

    asset_id: str
    uri: str
    revision: str
    modified_ns: int
    sha256: str
    stage: str
    licence: str | None
    wearer_id: str | None
    robot_id: str | None
    site_id: str | None
    narrations: list[StoredNarration]
    recipe: str
    # What a decode of the bytes found: the one's that satisfies everyone (`_governing`).
    width_px: int
    height_px: int
    duration_ns: int
    decoded_ns: int
    gaps: list[StoredGap]
    decode_variant: str = stored_as("tiling")
    quarter_turns: int
    redacted: list[StoredSpan]
    redaction: str | None
    current: bool  # decoded under this recipe
    primary: bool  # the one asset that speaks for its bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentClip:
    """A clip of a primary asset, with its asset's stage and licence. Its table has the signals too."""

    clip_row_id: str
    clip_id: str
    sha256: str
    start_ns: int
    end_ns: int
    cutter: str
    stage: str
    licence: str | None


ASSET, CLIP = columns_of(CurrentAsset), columns_of(CurrentClip)
COLUMNS = tuple(name for name in vars(ASSET).values() if name not in ("current", "primary"))
# What a decode of the bytes found.
DECODED = COLUMNS[COLUMNS.index("width_px") :]
LIGHT = tuple(name for name in schema_of(Clip).names if name not in ("fingerprints", "faces"))
# What one copy of some bytes may say other than the next copy.
SPEAKING = ("stage", "licence", "wearer_id", "robot_id", "site_id", "said")


def inventory(store: Store, recipe: str) -> TypedTable[CurrentAsset]:
    """Newest asset of each uri (this recipe's first, then the latest), with two columns more.

    A uri that both a log and another source hold has two: a robot's and a person's.

    current: decoded under this recipe or that of an earlier generation (`Recipe`), the newest one first. primary: the
    one asset whose licence, stage, ids and narrations speak for its bytes: of the current ones the least by these,
    whatever the order of arrival and wherever the copies lie. What a decode found (DECODED) is, of a current asset,
    what the one found that satisfies everyone: see `_governing`.
    """
    every = store.read("assets", COLUMNS)
    recipes = pa.array(recipes_of(recipe))
    age = pc.index_in(every["recipe"], value_set=recipes)
    every = every.append_column("current", pc.is_valid(age)).append_column("age", with_nulls_as(age, len(recipes)))
    assets = every.append_column("robot", equals(every["stage"], "robot")).sort_by(
        [
            ("uri", "ascending"),
            ("robot", "ascending"),
            ("age", "ascending"),
            ("modified_ns", "descending"),
            ("revision", "descending"),
        ]
    )
    assets = assets.filter(pc.or_(_firsts(assets["uri"]), _firsts(assets["robot"]))).drop_columns("robot")
    assets = assets.append_column("said", _said(assets["narrations"]))
    order: SortKeys = [
        ("sha256", "ascending"),
        ("age", "ascending"),
        *((name, "ascending") for name in SPEAKING),
    ]
    assets = assets.sort_by([*order, ("asset_id", "ascending")]).drop_columns(["said", "age"])
    assets = assets.append_column("primary", pc.and_(_firsts(assets["sha256"]), assets["current"]))
    return TypedTable(CurrentAsset, _as_governed(assets, _of_primary(every.filter(every["current"]), assets)))


def _of_primary(decoded: pa.Table, assets: pa.Table) -> pa.Table:
    """Those assets that were decoded in the generation in which their bytes are read now."""
    primary = assets.filter(assets["primary"])
    at = pc.index_in(decoded["sha256"], value_set=primary["sha256"].combine_chunks())
    return decoded.filter(equals(decoded["recipe"], primary["recipe"].take(at)))


def _as_governed(assets: pa.Table, decoded: pa.Table) -> pa.Table:
    """Assets with the DECODED columns that hold for their bytes; those that are not current keep their own."""
    counts = pc.value_counts(decoded["sha256"])
    several = counts.field("values").filter(exceeds(counts.field("counts"), 1))
    if not len(several):
        return assets
    governing = _governing(decoded.filter(pc.is_in(decoded["sha256"], several)), assets.filter(assets["primary"]))
    at = pc.index_in(assets["sha256"], governing["sha256"].combine_chunks())
    moved = pc.add(at, assets.num_rows)
    row = pc.if_else(pc.and_(assets["current"], pc.is_valid(at)), moved, pa.array(range(assets.num_rows), pa.int32()))
    decoded_columns = pa.concat_tables([assets.select(DECODED), governing.select(DECODED)]).take(row)
    return table_from({name: (decoded_columns if name in DECODED else assets)[name] for name in assets.column_names})


def _governing(decoded: pa.Table, primary: pa.Table) -> pa.Table:
    """The asset of each recording through whose clips it is read, superseded revisions of places included.

    What is asked of the same bytes only grows (media.requirements.required_spec): the one in whose clips faces are
    blurred, of which most is redacted and that is turned satisfies all. Of several the one of the stage that speaks
    for the bytes: a robot's clips end with its attempts.
    """
    hidden = [sum(s["end_ns"] - s["start_ns"] for s in spans) for spans in values_of(decoded["redacted"], list)]
    speaking = primary["stage"].take(pc.index_in(decoded["sha256"], primary["sha256"].combine_chunks()))
    ranked = table_from(
        {
            "sha256": decoded["sha256"],
            "blurred": pc.is_valid(decoded["redaction"]),
            "redacted_ns": pa.array(hidden, pa.int64()),
            "quarter_turns": decoded["quarter_turns"],
            "speaks": equals(decoded["stage"], speaking),
            "tiling": decoded["tiling"],
        }
    )
    order: SortKeys = [("sha256", "ascending"), *((name, "descending") for name in ranked.column_names[1:])]
    best = pc.sort_indices(ranked, sort_keys=order)
    first = _firsts(decoded["sha256"].take(best))
    return decoded.take(best.filter(first))


def _said(narrations: pa.ChunkedArray[Any]) -> Array:
    """The texts of each list of narrations, joined."""
    lists = narrations.combine_chunks()
    ends = np.cumsum(with_nulls_as(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False))
    texts = pc.struct_field(items_of(lists), "text")
    offsets = pa.array(np.concatenate([[0], ends]), pa.int32())
    return joined(pa.ListArray.from_arrays(offsets, texts), "\n")


def _firsts(column: pa.ChunkedArray[Any]) -> Mask:
    """Where a sorted column's value differs from the one before."""
    values = column.to_numpy(zero_copy_only=False)
    new = np.concatenate([[True], values[1:] != values[:-1]]) if len(values) else np.array([], bool)
    return pa.array(new, pa.bool_())


def current_clips(store: Store, assets: TypedTable[CurrentAsset], recipe: str) -> TypedTable[CurrentClip]:
    """Clips of the primary assets under this recipe, with their asset's stage and licence; read through their parent.

    Without fingerprints and faces, which are for dedup and the encoder alone.
    """
    primary = assets.filter(assets[ASSET.primary])
    parents = primary.only((ASSET.sha256, ASSET.decode_variant, ASSET.recipe, ASSET.stage, ASSET.licence)).table
    recipes = ", ".join(f"'{one}'" for one in recipes_of(recipe))
    clips = store.read("clips", LIGHT, f"recipe in ({recipes})")
    keys = ["sha256", "tiling", "recipe"]
    return TypedTable(CurrentClip, clips.join(parents, keys, join_type="inner").sort_by("clip_id"))
