"""Tables are sets of rows with a key: absent rows go in, races give one row, a repeated append changes nothing."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.storage.tables import IN_LIST, Store, first_of_key
from schemas import Proxy, Reject
from schemas.arrow import table_of

SPAWN = multiprocessing.get_context("spawn")


def reject(key: str, detail: str = "", run_id: str = "r") -> Reject:
    return Reject(
        reject_id=key, subject="s", uri=None, stage="ingest", recipe="p", reason="not_media", detail=detail,
        run_id=run_id,
    )  # fmt: skip


def proxies(*clips: str) -> list[pa.RecordBatch]:
    rows = [Proxy(clip_row_id=c, clip_id=c, sample_ns=[0], width_px=4, height_px=2, jpegs=[c.encode()]) for c in clips]
    return list(table_of(Proxy, rows).to_batches())


def keys(store: Store, table: str = "rejects", column: str = "reject_id") -> list[str]:
    return sorted(store.read(table, [column])[column].to_pylist())


def test_what_is_there_stays_as_it_was(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    assert store.version("rejects") == 0
    assert store.absent("rejects", ["a"]) == ["a"]
    assert store.insert("rejects", [reject("a", "first"), reject("a", "twin"), reject("b")], run_id="r") == 2
    version = store.version("rejects")
    assert store.insert("rejects", [reject("a", "second")], run_id="r") == 0
    assert store.version("rejects") == version
    assert store.insert("rejects", [reject("a", "third"), reject("c")], run_id="r") == 1
    assert keys(store) == ["a", "b", "c"]
    assert store.read("rejects", ["detail"], "reject_id = 'a'")["detail"].to_pylist() == ["first"]
    assert store.read("rejects", ["reject_id"], version=version).num_rows == 2


def test_keys_with_quotes_are_keys(tmp_path: Path) -> None:
    store, hostile = Store(str(tmp_path)), ["o'brien", "') or 1=1 --", "a\\b", "手", ""]
    assert store.insert("rejects", [reject(k) for k in hostile], run_id="r") == len(hostile)
    assert store.absent("rejects", [*hostile, "new"]) == ["new"]
    assert store.read_keys("rejects", "reject_id", hostile).num_rows == len(hostile)


def test_absent_over_more_keys_than_one_filter_holds(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    many = [f"k{i}" for i in range(IN_LIST + 500)]
    store.insert("rejects", [reject(k) for k in many[::2]], run_id="r")
    assert store.absent("rejects", many) == many[1::2]
    assert store.absent("rejects", many[:100]) == many[1:100:2]
    assert store.read_keys("rejects", "reject_id", many, ["reject_id"]).num_rows == len(many[::2])


@given(st.lists(st.sampled_from("abcde"), max_size=20))
def test_first_of_key_keeps_the_first_of_each_in_order(names: list[str]) -> None:
    data = pa.table({"k": pa.array(names, pa.string()), "n": pa.array(range(len(names)), pa.int64())})
    expected = {k: n for n, k in reversed(list(enumerate(names)))}
    kept = first_of_key(data, "k")
    assert dict(zip(kept["k"].to_pylist(), kept["n"].to_pylist(), strict=True)) == expected
    assert kept["n"].to_pylist() == sorted(expected.values())


def _insert(root: str, together: Any, name: str) -> None:
    store = Store(root)
    together.wait(60)
    store.insert("rejects", [reject("same", name), reject(f"own {name}")], run_id=name)


@pytest.mark.slow
@pytest.mark.parametrize("there", [False, True])
def test_processes_that_race_on_a_key_give_one_row(tmp_path: Path, there: bool) -> None:
    """there: the table exists; else they also race to create it."""
    store = Store(str(tmp_path))
    if there:
        store.insert("rejects", [reject("old")], run_id="r")
    together = SPAWN.Barrier(3)
    racers = [SPAWN.Process(target=_insert, args=(str(tmp_path), together, str(i))) for i in range(3)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(90)
    assert [r.exitcode for r in racers] == [0] * 3
    assert keys(store) == sorted([*(["old"] if there else []), "same", *(f"own {i}" for i in range(3))])


def test_fragments_are_seen_once_they_are_appended_and_once(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    first = store.write_fragments("proxies", proxies("a", "b"))
    assert store.version("proxies") == 0
    assert store.append("proxies", first, run_id="r") == 2
    assert store.append("proxies", first, run_id="r") == 0  # as when a commit's answer was lost
    second = store.write_fragments("proxies", proxies("c"))
    assert store.append("proxies", [*first, *second], run_id="r") == 1
    assert keys(store, "proxies", "clip_id") == ["a", "b", "c"]
    assert store.append("proxies", [], run_id="r") == 0
    assert store.read_keys("proxies", "clip_id", ["c"])["jpegs"].to_pylist() == [[b"c"]]


def test_discard_takes_only_what_no_version_names(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    live = store.write_fragments("proxies", proxies("a"))
    store.append("proxies", live, run_id="r")
    dead = store.write_fragments("proxies", proxies("b"))
    files = sorted((tmp_path / "tables/proxies.lance/data").iterdir())
    store.discard("proxies", [*live, *dead])
    left = sorted((tmp_path / "tables/proxies.lance/data").iterdir())
    assert len(files) - len(left) == 1
    assert store.read("proxies", ["jpegs"])["jpegs"].to_pylist() == [[b"a"]]
    store.discard("proxies", dead)  # again: nothing there
    Store(str(tmp_path / "new")).discard("proxies", dead)


@pytest.mark.slow
def test_a_table_whose_creation_was_killed_is_created(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    (tmp_path / "tables/rejects.lance/_versions").mkdir(parents=True)
    (tmp_path / "tables/rejects.lance/_transactions").mkdir()
    assert store.read("rejects").num_rows == 0
    assert store.insert("rejects", [reject("a")], run_id="r") == 1
    assert keys(store) == ["a"]


@pytest.mark.slow
def test_tags_stay_where_they_were_put(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.insert("rejects", [reject("a")], run_id="r")
    tagged = store.version("rejects")
    store.tag({"rejects": tagged, "hands": 0}, "release-1")
    store.insert("rejects", [reject("b")], run_id="r")
    store.tag({"rejects": store.version("rejects")}, "release-1")
    assert store.read("rejects", ["reject_id"], version="release-1")["reject_id"].to_pylist() == ["a"]  # type: ignore[arg-type]
