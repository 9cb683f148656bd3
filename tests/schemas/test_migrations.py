"""The step from schema 1: new rows from the old rows' own columns and what stands in other tables, or a reason."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from schemas.keys import key_of
from schemas.migrations import SCHEMA, from_1, recognised_version

CLIPS = ("clip_id", "clip_row_id", "sha256", "recipe", "tiling")
ASSETS = ("sha256", "recipe", "tiling", "stage", "licence")
CLIP = ("c", "row", "bytes", "r", "")
ASSET = ("bytes", "r", "", "web", None)


def table(columns: tuple[str, ...], *rows: tuple[Any, ...]) -> pa.Table:
    return pa.table({name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate(columns)})


@pytest.mark.parametrize(
    ("clips", "assets", "why"),
    [
        ([CLIP], [ASSET], None),
        ([CLIP, ("other", "row 2", "bytes", "r", "")], [ASSET, ASSET], None),
        ([CLIP], [ASSET, ("bytes", "r 2", "", "ego", "CC0-1.0")], None),
        ([CLIP, ("c", "row 2", "bytes", "r 2", "")], [ASSET], from_1.SEVERAL_CLIPS),
        ([], [ASSET], from_1.NO_CLIP),
        ([CLIP], [ASSET, ("bytes", "r", "", "web", "CC0-1.0")], from_1.SEVERAL_SAY),
        ([CLIP], [ASSET, ("bytes", "r", "", "ego", None)], from_1.SEVERAL_SAY),
        ([CLIP], [], from_1.NO_ASSET),
    ],
)
def test_a_decision_rests_on_the_one_decode_and_the_one_stage_and_licence(
    clips: list[tuple[Any, ...]], assets: list[tuple[Any, ...]], why: str | None
) -> None:
    rows = table(("decision_id", "span_id", "clip_id", "policy"), ("old", "s", "c", "p"))
    made = from_1.decisions({"clips": table(CLIPS, *clips), "assets": table(ASSETS, *assets)})(rows)
    if why is not None:
        assert (made.rows.num_rows, made.unmapped) == (0, {why: 1})
        return
    assert made.unmapped == {}
    (row,) = made.rows.to_pylist()
    assert row["decision_id"] == key_of("s", "row", "web", None, "p")
    assert (row["clip_row_id"], row["stage"], row["licence"]) == ("row", "web", None)


def test_an_asset_says_what_its_gaps_hide_and_what_looked_for_faces() -> None:
    gap = {"start_ns": 1, "end_ns": 5, "reason": "redacted"}
    rows = pa.table(
        {
            "asset_id": ["a", "b"], "uri": ["u", "v"], "revision": ["1", "1"], "recipe": ["r", "r"],
            "sha256": ["x", "y"], "tiling": ["t", ""], "stage": ["ego", "robot"],
            "gaps": [[gap, gap | {"reason": "damaged"}], None],
        }
    )  # fmt: skip
    looked = table(("sha256", "recipe", "tiling", "redaction"), ("x", "r", "t", "faces 1"), ("x", "r", "", None))
    ego, robot = from_1.assets({"clips": looked})(rows).rows.to_pylist()
    assert (ego["asset_id"], ego["redacted"], ego["redaction"]) == ("a", [{"start_ns": 1, "end_ns": 5}], "faces 1")
    assert (robot["asset_id"], robot["redacted"], robot["redaction"]) == (key_of("v", "1", "r", "robot"), [], None)


def test_rows_that_are_of_schema_2_already_stay() -> None:
    rows = {
        "assets": ("redacted", from_1.assets({"clips": table(("sha256", "recipe", "tiling", "redaction"))})),
        "duplicates": ("needed", from_1.duplicates({})),
        "decisions": ("clip_row_id", from_1.decisions({"clips": table(CLIPS), "assets": table(ASSETS)})),
    }
    for column, map_rows in rows.values():
        there = table(("key", column), ("k", "v"))
        assert map_rows(there).rows.equals(there)
    assert from_1.marks({})(table(("key", "keys", "version"), ("k", "1", "v"))).rows.column_names == ["key", "version"]


@pytest.mark.parametrize(
    ("columns", "version"),
    [
        ({}, SCHEMA),
        ({"rejects": {"reject_id"}}, SCHEMA),
        ({"assets": {"asset_id", "redacted"}, "marks": {"marks_id"}, "episodes": {"episode_id"}}, 2),
        ({"episodes": {"episode_id", "steps_id"}}, SCHEMA),
        ({"assets": {"asset_id"}}, 1),
        ({"assets": {"redacted"}, "marks": {"marks_id", "keys", "at_ms"}}, 1),
        ({"decisions": {"decision_id", "clip_row_id"}, "clips": {"clip_id"}}, 1),
    ],
)
def test_columns_tell_the_version_of_a_corpus_without_a_number(columns: dict[str, set[str]], version: int) -> None:
    assert recognised_version({table: frozenset(names) for table, names in columns.items()}) == version
