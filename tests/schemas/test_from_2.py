"""The step from schema 2: attempts under their namespace and name, what they were called kept."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from schemas.keys import key_of
from schemas.migrations import RobotPlace, from_2

SHA_1, SHA_2 = [{"camera": "main", "sha256": "1"}], [{"camera": "main", "sha256": "2"}]


def rows(*given: tuple[str, str, str, Any]) -> pa.Table:
    """Rows of (episode_id, name, uri, cameras), each at a later time."""
    plain = [
        {"episode_row_id": f"row {i}", "episode_id": old, "name": name, "uri": uri, "revision": f"r{i}",
         "modified_ns": i, "cameras": cameras} for i, (old, name, uri, cameras) in enumerate(given)
    ]  # fmt: skip
    return pa.Table.from_pylist(plain)


def mapped(table: pa.Table, *places: RobotPlace) -> list[dict[str, Any]]:
    made = from_2.episodes(places, {"episodes": table.select(list(from_2.READS))})(table)
    assert made.unmapped == {}
    return made.rows.to_pylist()


@pytest.mark.parametrize(
    ("uri", "root"),
    [
        ("s3://b/sets/kitchen/data/chunk-000/file-000.parquet", "s3://b/sets/kitchen"),
        ("/data/kitchen/data/chunk-000/episode_000000.parquet", "/data/kitchen"),
        ("/data/logs/one.jsonl", "/data/logs"),
        ("input/logs/one.jsonl", "input/logs"),
    ],
)
def test_the_root_is_told_by_the_layout(uri: str, root: str) -> None:
    assert from_2.root_of(uri) == root


def test_an_attempt_has_its_new_id_and_keeps_the_old_one_which_its_steps_have_too() -> None:
    (row,) = mapped(rows(("old", "one", "/data/logs/a/one.jsonl", SHA_1)), RobotPlace("/data/logs", "lab"))
    assert row["episode_id"] == key_of("lab/a", "one")
    assert row["episode_row_id"] == key_of(row["episode_id"], "r0", 0)
    told = [row[name] for name in ("namespace", "root", "earlier_id", "steps_id", "reading", "copy_of")]
    assert told == ["lab/a", "/data/logs/a", "old", "old", 0, None]
    (unknown,) = mapped(rows(("old", "one", "/data/logs/a/one.jsonl", SHA_1)), RobotPlace("/elsewhere"))
    assert (unknown["namespace"], unknown["episode_id"]) == ("a", key_of("a", "one"))


def test_an_attempt_that_was_read_at_two_places_stays_one() -> None:
    old = [("old", "one", f"/data/{folder}/one.jsonl", SHA_1) for folder in ("a", "b", "a", "c")]
    made = mapped(rows(*old, ("old", "one", "/data/d/one.jsonl", SHA_2)), RobotPlace("/data"))
    # The last place that has its recordings speaks for it; what has others is another take.
    assert [r["copy_of"] for r in made] == [key_of("c", "one")] * 3 + [None, None]


def test_what_a_place_held_before_makes_no_copy_of_what_it_holds_now() -> None:
    old = [("old", "one", "/data/a/one.jsonl", SHA_1), ("old", "one", "/data/c/one.jsonl", SHA_1)]
    made = mapped(rows(*old, ("new", "one", "/data/a/one.jsonl", SHA_2)), RobotPlace("/data"))
    assert [r["copy_of"] for r in made] == [key_of("c", "one"), None, None]


def test_two_attempts_of_equal_numbers_that_were_one_are_two() -> None:
    given = [("zeros", "one", f"/data/{folder}/one.jsonl", cameras) for folder, cameras in (("a", SHA_1), ("b", SHA_2))]
    made = mapped(rows(*given), RobotPlace("/data"))
    assert [(r["episode_id"], r["copy_of"]) for r in made] == [(key_of("a", "one"), None), (key_of("b", "one"), None)]


def test_rows_that_are_of_schema_3_already_stay() -> None:
    once = from_2.episodes((), {"episodes": rows(("o", "n", "/u/l.jsonl", SHA_1)).select(list(from_2.READS))})(
        rows(("o", "n", "/u/l.jsonl", SHA_1))
    )
    assert from_2.episodes((), {"episodes": once.rows.select(list(from_2.READS))})(once.rows).rows.equals(once.rows)
