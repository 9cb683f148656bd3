"""Which rows stand for attempts: one an identity, one a place, the last reading, whatever the order of the table."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.corpus.episodes import STANDING, latest_rows, rank_of, standing_rows
from schemas import Episode
from schemas.arrow import schema_of
from schemas.tables import TypedTable

ROW = st.fixed_dictionaries(
    {
        "episode_id": st.sampled_from("ab"), "name": st.sampled_from("xy"), "uri": st.sampled_from("uv"),
        "reading": st.none() | st.integers(0, 3), "modified_ns": st.integers(0, 2), "copy_of": st.none() | st.just("c"),
        "withdrawn": st.none() | st.just("why"),
    }
)  # fmt: skip


def table(rows: list[dict[str, Any]]) -> TypedTable[Episode]:
    schema = pa.schema([schema_of(Episode).field(name) for name in STANDING])
    usual = {"outcome": "unknown", "cameras": []}
    return TypedTable(Episode, pa.Table.from_pylist([usual | row for row in rows], schema=schema))


def ranked(row: dict[str, Any]) -> tuple[int, int, str]:
    return rank_of(row["reading"], row["modified_ns"], row["revision"])


@given(rows=st.lists(ROW, max_size=12), data=st.data())
@pytest.mark.slow
def test_the_last_of_an_identity_and_of_a_place_and_no_other(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    rows = [row | {"revision": f"r{i:02}"} for i, row in enumerate(rows)]
    latest = latest_rows(table(rows))
    found = [rows[i]["revision"] for i in latest]
    for row in rows:
        rivals = [
            r for r in rows
            if r["episode_id"] == row["episode_id"] or (r["uri"], r["name"]) == (row["uri"], row["name"])
        ]  # fmt: skip
        assert (row["revision"] in found) == (ranked(row) == max(map(ranked, rivals)))
    standing = [rows[i]["revision"] for i in standing_rows(table(rows))]
    there = [rows[i] for i in latest if not rows[i]["withdrawn"]]
    originals = [row["revision"] for row in there if not row["copy_of"]]
    # All are of one content: without an original the first copy by name and place stands.
    copies = [row["revision"] for row in sorted(there, key=lambda row: (row["name"], row["uri"]))]
    assert standing == (originals or copies[:1])
    shuffled = data.draw(st.permutations(rows))
    assert sorted(shuffled[i]["revision"] for i in latest_rows(table(shuffled))) == sorted(found)


def test_a_later_reading_counts_before_a_later_time() -> None:
    """A log that is put back as it was has its earlier time again."""
    row = {"episode_id": "a", "name": "x", "uri": "u", "copy_of": None, "withdrawn": None}
    rows = [
        row | {"reading": None, "modified_ns": 9, "revision": "old schema"},
        row | {"reading": 1, "modified_ns": 9, "revision": "relabelled"},
        row | {"reading": 2, "modified_ns": 5, "revision": "put back"},
    ]
    assert latest_rows(table(rows)) == [2]


def test_a_copy_is_hidden_only_while_what_it_is_a_copy_of_stands_and_says_the_same() -> None:
    usual = {"name": "x", "modified_ns": 1, "reading": 1, "revision": "r", "reader": "plain_log 1"}
    was = [{"camera": "main", "sha256": "s", "start_ns": 0, "end_ns": 9}]
    original = usual | {"episode_id": "a", "uri": "a", "namespace": "a", "steps_id": "1", "cameras": was}
    copies = [original | {"episode_id": n, "uri": n, "namespace": n, "copy_of": "a"} for n in ("c", "b")]

    def standing(first: dict[str, Any]) -> list[str]:
        rows = [first, *copies]
        return [rows[i]["episode_id"] for i in standing_rows(table(rows))]

    assert standing(original) == ["a"]
    assert standing(original | {"withdrawn": "gone"}) == ["b"]
    assert standing(original | {"outcome": "failure"}) == ["a", "b"]
    assert standing(original | {"steps_id": "2", "reader": "plain_log 2"}) == ["a"]
