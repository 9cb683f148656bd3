"""Columns that a table does not have read as null, in what is selected and in filters."""

from __future__ import annotations

from pathlib import Path

import lance
import pyarrow as pa
import pytest

from infra.storage.absent_columns import filter_of
from infra.storage.tables import Store
from schemas import Caption
from schemas.arrow import schema_of

THERE = pa.schema([("caption_id", pa.string()), ("text", pa.string())])


def test_absent_names_in_a_filter_are_nulls_and_text_in_quotes_stays() -> None:
    wanted = schema_of(Caption)
    assert filter_of("text = 'parent''s parent' and parent = 'a'", THERE, wanted) == (
        "text = 'parent''s parent' and cast(null as string) = 'a'"
    )
    assert filter_of("parents = 1", THERE, wanted) == "parents = 1"
    assert filter_of("checks is null", THERE, wanted) == "null is null"
    assert filter_of(None, THERE, wanted) is None
    assert filter_of("parent = 'a'", wanted, wanted) == "parent = 'a'"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Captions of a time before all columns but three."""
    store = Store(str(tmp_path))
    old = schema_of(Caption)
    rows = {"caption_id": ["a", "b"], "span_id": ["s", "t"], "kind": ["L1", "L2"]}
    part = pa.schema([old.field(name) for name in rows])
    lance.write_dataset(pa.table(rows, schema=part), store.uri("captions"), data_storage_version="2.2")
    return store


def test_absent_columns_read_as_null_in_the_order_of_the_row_class(store: Store) -> None:
    assert store.read("captions").column_names == schema_of(Caption).names
    assert store.read("captions", ["parent", "kind"]).to_pylist() == [
        {"parent": None, "kind": "L1"}, {"parent": None, "kind": "L2"},
    ]  # fmt: skip
    assert store.read("captions", ["checks", "parent"]).num_rows == 2
    (batch,) = store.scan("captions", ["text", "span_id"], "kind = 'L2'")
    assert batch.to_pylist() == [{"text": None, "span_id": "t"}]


@pytest.mark.parametrize(
    ("where", "found"),
    [("parent is null", 2), ("parent = 'a'", 0), ("parent = 'a' or kind = 'L1'", 1), ("parent in ('a', 'b')", 0)],
)
def test_filters_on_absent_columns_find_what_nulls_would(store: Store, where: str, found: int) -> None:
    assert store.read("captions", ["caption_id"], where).num_rows == found


def test_a_pinned_table_that_came_later_is_empty(store: Store) -> None:
    then = store.at({"captions": 1})
    assert then.read("captions").num_rows == 2
    assert then.read("episodes").num_rows == 0
