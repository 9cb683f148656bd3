"""A corpus says which schema it is of; a program that cannot read it says so, and what to do, in one line."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import lance
import pyarrow as pa
import pytest

from infra.storage import corpus_version, objects
from infra.storage.corpus_version import FILE, Stamp, check, current, prepare, put_stamp, read_stamp
from infra.storage.tables import Store
from schemas import TABLES, Asset, Clip
from schemas.arrow import schema_of
from schemas.errors import UsageError
from schemas.migrations import SCHEMA


def made(store: Store, table: str, without: tuple[str, ...] = (), beside: tuple[pa.Field[Any], ...] = ()) -> None:
    """An empty table of today's schema less some columns, and others beside them."""
    fields = [field for field in schema_of(TABLES[table]) if field.name not in without]
    lance.write_dataset(pa.schema([*fields, *beside]).empty_table(), store.uri(table), data_storage_version="2.2")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "corpus"))


def test_reading_where_nothing_is_writes_nothing(store: Store) -> None:
    check(store)
    assert not Path(store.root).exists()


def test_a_hop_stamps_the_corpus_and_from_then_on_one_small_read_tells(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for table in TABLES:
        made(store, table)
    prepare(store)
    assert read_stamp(store.root)[0] == current()
    reads: list[str] = []
    real = objects.read
    monkeypatch.setattr(objects, "read", lambda uri: reads.append(uri) or real(uri))
    monkeypatch.setattr(Store, "open", lambda *_: pytest.fail("a table was opened"))
    check(store)
    prepare(store)
    assert reads == [objects.join(store.root, FILE)] * 2


def test_absent_nullable_columns_read_as_null_until_a_hop_adds_them(store: Store) -> None:
    made(store, "clips", without=("text_share", "camera"))
    put_stamp(store.root, Stamp(SCHEMA, "of other columns"), "")
    files = set(Path(store.uri("clips"), "data").glob("*"))
    check(store)
    assert store.version("clips") == 1
    prepare(store)
    dataset = lance.dataset(store.uri("clips"))
    assert set(dataset.schema.names) == set(schema_of(Clip).names)
    assert dataset.schema.field("text_share").nullable
    assert set(Path(store.uri("clips"), "data").glob("*")) == files  # no data file was written
    prepare(store)
    assert store.version("clips") == 2


def test_of_many_hops_that_open_at_once_all_succeed_and_each_column_is_there_once(store: Store) -> None:
    names = ("text_share", "camera", "sharpness", "motion")
    made(store, "clips", without=names)
    made(store, "captions", without=("parent",))
    put_stamp(store.root, Stamp(SCHEMA), "")
    start = threading.Barrier(6)

    def opened(_: int) -> None:
        start.wait()
        prepare(store)

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(opened, range(6))) == [None] * 6
    for table in ("clips", "captions"):
        assert sorted(lance.dataset(store.uri(table)).schema.names) == sorted(schema_of(TABLES[table]).names)
    assert read_stamp(store.root)[0] == current()


@pytest.mark.parametrize(
    ("stamp", "words"),
    [
        (Stamp(SCHEMA + 1), f"schema {SCHEMA + 1}, made by a newer handwheel"),
        (Stamp(SCHEMA, migrating_to=SCHEMA + 1), f"schema {SCHEMA + 1}, made by a newer handwheel"),
        (Stamp(SCHEMA - 1), "run `handwheel migrate`"),
        (Stamp(SCHEMA - 1, migrating_to=SCHEMA), "run `handwheel migrate` to finish it"),
    ],
)
def test_another_schema_is_refused_in_one_line(store: Store, stamp: Stamp, words: str) -> None:
    put_stamp(store.root, stamp, "")
    for ask in (check, prepare):
        with pytest.raises(UsageError) as refused:
            ask(store)
        assert words in str(refused.value)
        assert "\n" not in str(refused.value)
    assert read_stamp(store.root)[0] == stamp


def test_columns_that_are_not_null_cannot_be_absent_and_types_cannot_differ(store: Store) -> None:
    put_stamp(store.root, Stamp(SCHEMA), "")
    made(store, "clips", without=("frame_count",))
    with pytest.raises(UsageError, match="clips lacks frame_count: run `handwheel migrate`"):
        check(store)
    other = Store(store.root + "2")
    put_stamp(other.root, Stamp(SCHEMA), "")
    made(other, "assets", without=("fps_hz",), beside=(pa.field("fps_hz", pa.string()),))
    with pytest.raises(UsageError, match="assets has fps_hz as string"):
        prepare(other)


def test_columns_beyond_ours_are_a_newer_programs(store: Store) -> None:
    put_stamp(store.root, Stamp(SCHEMA), "")
    made(store, "assets", beside=(pa.field("smell", pa.float64()),))
    with pytest.raises(UsageError, match=r"newer handwheel than this one \(smell\)"):
        check(store)


def test_without_a_stamp_the_columns_tell(store: Store) -> None:
    made(store, "assets", without=("redacted", "redaction"))
    with pytest.raises(UsageError, match="schema 1"):
        check(store)
    assert Asset is TABLES["assets"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "new"}', '{"columns": ""}'])
def test_a_stamp_that_cannot_be_read_is_refused(store: Store, text: str) -> None:
    objects.put(objects.join(store.root, FILE), text.encode())
    with pytest.raises(UsageError, match=FILE):
        check(store)


def test_a_stamp_is_a_line_of_json(store: Store) -> None:
    prepare(store)
    text = (Path(store.root) / FILE).read_text()
    assert json.loads(text)["schema"] == SCHEMA == corpus_version.current().schema
    assert text.endswith("}\n")
