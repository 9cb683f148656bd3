"""The index that dedup reads by key: what is joined, what is opened, and that a look-up reads what it asks for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.fingerprints import Marks
from infra.storage.tables import Store
from pipelines.dedup import index
from schemas.keys import key_of

VERSION = "00000000000000ab"


def posted(clips: dict[str, list[int]]) -> pa.Table:
    """Postings of clips, named by letters that are their ranks too."""
    made = {
        key_of(name): Marks(np.array(keys, np.uint64), np.zeros(len(keys), np.int64)) for name, keys in clips.items()
    }
    return index.entries_of(made, {key_of(name): name for name in clips}, VERSION)


def key(mark: int) -> int:
    return int(index.hash_keys(np.array([mark], np.uint64), int(VERSION, 16))[0])


def told(shared: pa.Table) -> list[tuple[int, str, int, int, bool, bool]]:
    names = ("key", "rank", "times", "marks", "new", "stands")
    return sorted(tuple(r[n] for n in names) for r in shared.to_pylist())


def test_a_batch_is_joined_with_the_index_and_with_itself() -> None:
    new, known = posted({"c": [1, 2, 3], "d": [3, 3, 4]}), posted({"a": [1, 9], "b": [9], "e": []})
    found = index.join_entries(new, known.filter(pa.compute.is_in(known["key"], value_set=new["key"].unique())))
    assert told(found.shared) == sorted(
        [
            (key(1), "a", 1, 2, False, True), (key(1), "c", 1, 3, True, True),
            (key(3), "c", 1, 3, True, True), (key(3), "d", 2, 3, True, True),
        ]
    )  # fmt: skip
    assert (found.crowded, found.opened.tolist()) == ({}, [])


def test_the_least_ranks_stand_for_a_common_key_and_a_new_one_opens_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "MAX_COMPARED", 2)
    known = posted({"b": [7], "d": [7], "f": [7]})
    found = index.join_entries(posted({"g": [7]}), known)
    assert [(rank, new, stands) for _, rank, _, _, new, stands in told(found.shared)] == [
        ("b", False, True), ("d", False, True), ("g", True, False),
    ]  # fmt: skip
    assert (found.crowded, found.opened.tolist()) == ({key(7): "d"}, [])
    found = index.join_entries(posted({"c": [7]}), known)
    assert (found.crowded, found.opened.tolist()) == ({key(7): "c"}, [key(7)])
    rest = posted({"h": [7]})
    rest = rest.set_column(0, rest.schema.field("key"), pa.array(index.rest_keys(rest["key"].to_numpy())))
    shared = index.with_rest(found, rest)
    assert [r[1] for r in told(shared)] == ["b", "c", "d", "f", "h"]
    assert set(shared["key"].to_pylist()) == {key(7)}


@given(st.integers(1, 2**40), st.integers(1, 2**40), st.integers(0, 2**62), st.integers(0, 2**62))
def test_ranks_sort_by_pixels_then_length(pixels: int, more: int, length_ns: int, longer_ns: int) -> None:
    low, high = (index.rank_of(p, n, key_of("x")) for p, n in ((pixels, length_ns), (more, longer_ns)))
    if min(pixels, 2**36) != min(more, 2**36):
        assert (low < high) == (pixels > more)
    elif min(length_ns // 10**6, 2**32) != min(longer_ns // 10**6, 2**32):
        assert (low < high) == (length_ns > longer_ns)


@pytest.mark.slow
def test_an_index_grows_by_few_segments_and_a_look_up_reads_a_part_of_it(tmp_path: Path) -> None:
    store, rng = Store(str(tmp_path)), np.random.default_rng(3)
    sizes = []
    for batch in range(9):
        new = posted({f"{batch}-{i}": rng.integers(0, 2**34, 400).tolist() for i in range(40)})
        rows = index.index_rows(new, {}, new["clip_id"].unique().to_pylist(), VERSION)
        rows = rows.append_column("run_id", pa.repeat("t", rows.num_rows))
        store.append("postings", store.write_fragments("postings", rows.to_batches()), run_id="t")
        store.index("postings", "key")
        sizes.append(len(store.dataset("tables/postings.lance").stats.index_stats("key_idx")["segments"]))
    assert max(sizes) <= 4
    some = new["key"].to_pylist()[:5]
    found = store.lookup("postings", "key", some, index.COLUMNS)
    assert found.sort_by("key").to_pydict() == new.slice(0, 5).sort_by("key").to_pydict()
    dataset = store.dataset("tables/postings.lance")
    plan = dataset.scanner(columns=["clip_id"], filter=f"key in ({', '.join(map(str, some))})").explain_plan(True)
    assert "ScalarIndexQuery" in plan
    dataset.io_stats_incremental()
    dataset.to_table(columns=list(index.COLUMNS), filter=f"key in ({', '.join(map(str, some))})")
    whole = sum(f.stat().st_size for f in tmp_path.rglob("*") if f.is_file())
    assert dataset.io_stats_incremental().read_bytes < whole / 10


def test_nothing_is_looked_up_where_nothing_is(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.index("postings", "key")
    assert store.lookup("postings", "key", [1], ("key", "rank")).num_rows == 0
    assert store.lookup("postings", "key", [], ("key",)).column_names == ["key"]
