"""What the corpus holds now: the newest revision of every place, each recording's bytes counted once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from infra.store import Store
from schemas import Clip
from schemas.arrow import schema_of

COLUMNS = (
    "asset_id", "uri", "revision", "modified_ns", "sha256", "stage", "licence", "wearer_id", "robot_id", "site_id",
    "width_px", "height_px", "duration_ns", "decoded_ns", "gaps", "tiling", "quarter_turns", "narrations", "recipe",
)  # fmt: skip
LIGHT = tuple(name for name in schema_of(Clip).names if name not in ("fingerprints", "faces"))
# What one copy of some bytes may say other than the next copy.
SPEAKING = ("stage", "licence", "wearer_id", "robot_id", "site_id", "said")


def inventory(store: Store, recipe: str) -> pa.Table:
    """Newest asset of each uri (this recipe's first, then the latest), with two columns more.

    current: decoded under this recipe. primary: the one asset whose licence, stage, ids and narrations speak for its
    bytes: of the current ones one whose clips are redacted, where any is, then the least by these, whatever the order
    of arrival and wherever the copies lie.
    """
    assets = store.read("assets", COLUMNS)
    assets = assets.append_column("current", pc.equal(assets["recipe"], recipe))
    assets = assets.sort_by(
        [
            ("uri", "ascending"),
            ("current", "descending"),
            ("modified_ns", "descending"),
            ("revision", "descending"),
        ]
    )
    assets = assets.filter(_firsts(assets["uri"]))
    assets = assets.append_column("said", _said(assets["narrations"]))
    order = [
        ("sha256", "ascending"),
        ("current", "descending"),
        ("tiling", "descending"),
        *((name, "ascending") for name in SPEAKING),
    ]
    assets = assets.sort_by([*order, ("asset_id", "ascending")]).drop_columns("said")
    return assets.append_column("primary", pc.and_(_firsts(assets["sha256"]), assets["current"]))


def _said(narrations: pa.ChunkedArray) -> pa.Array:
    """The texts of each list of narrations, joined."""
    lists = narrations.combine_chunks()
    ends = np.cumsum(pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False))
    texts = pc.struct_field(lists.flatten(), "text")
    offsets = pa.array(np.concatenate([[0], ends]), pa.int32())
    return pc.binary_join(pa.ListArray.from_arrays(offsets, texts), "\n")


def _firsts(column: pa.ChunkedArray) -> pa.Array:
    """Where a sorted column's value differs from the one before."""
    values = column.to_numpy(zero_copy_only=False)
    return pa.array(np.concatenate([[True], values[1:] != values[:-1]]) if len(values) else np.array([], bool))


def current_clips(store: Store, assets: pa.Table, recipe: str) -> pa.Table:
    """Clips of the primary assets under this recipe, with their asset's stage and licence; read through their parent.

    Without fingerprints and faces, which are for dedup and the encoder alone.
    """
    parents = assets.filter(assets["primary"]).select(["sha256", "tiling", "stage", "licence"])
    clips = store.read("clips", LIGHT, f"recipe = '{recipe}'")
    return clips.join(parents, ["sha256", "tiling"], join_type="inner").sort_by("clip_id")
