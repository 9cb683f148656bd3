"""Conditional puts and deletes on files and on S3: one suite for both, hostile keys included."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from infra.storage import objects
from tests.support.threads import run_together

HOSTILE = ("with space.txt", "plus+per%25cent.txt", "quote'\".txt", "ünïcode-手.txt", "a=b&c;d#e?f.txt", "deep/x.txt")


@pytest.fixture(params=["files", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "files":
        return str(tmp_path)
    return f"{request.getfixturevalue('bucket')}/{tmp_path.name}"


@pytest.mark.slow
def test_what_is_listed_once_is_listed_again_only_afterwards(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with objects.list_once():
        first = list(objects.list_objects(f"{tmp_path}/"))
        (tmp_path / "b").touch()
        assert list(objects.list_objects(f"{tmp_path}/")) == first
        assert len(list(objects.list_objects(str(tmp_path / "b")))) == 1
    assert len(list(objects.list_objects(f"{tmp_path}/"))) == 2


def test_a_put_if_absent_wins_once(place: str) -> None:
    uri = objects.join(place, "one")

    def put(i: int) -> bool:
        try:
            objects.put(uri, b"%d" % i, if_absent=True)
        except objects.Conflict:
            return False
        return True

    won = run_together(put, 8)
    assert sum(won) == 1
    assert objects.read_bytes(uri) == b"%d" % won.index(True)


@pytest.mark.slow
def test_compare_and_swap_loses_no_count(place: str) -> None:
    uri = objects.join(place, "count")
    objects.put(uri, b"0")

    def add(_: int) -> None:
        added = 0
        while added < 3:
            data, etag = objects.read(uri)
            try:
                objects.put(uri, b"%d" % (int(data) + 1), if_match=etag)
            except objects.Conflict:
                continue
            added += 1

    run_together(add, 4)
    assert objects.read_bytes(uri) == b"12"


def test_a_stale_etag_neither_writes_nor_deletes(place: str) -> None:
    uri = objects.join(place, "held")
    stale = objects.put(uri, b"mine")
    objects.put(uri, b"theirs")
    with pytest.raises(objects.Conflict):
        objects.put(uri, b"mine again", if_match=stale)
    with pytest.raises(objects.Conflict):
        objects.delete(uri, if_match=stale)
    assert objects.read_bytes(uri) == b"theirs"
    objects.delete(uri, if_match=objects.read(uri)[1])
    assert not objects.exists(uri)
    with pytest.raises(objects.Conflict):
        objects.put(uri, b"", if_match=stale)


def test_hostile_keys_come_back_as_they_went(place: str, tmp_path: Path) -> None:
    for key in HOSTILE:
        objects.put(objects.join(place, key), key.encode())
    listed = {info.uri: info for info in objects.list_objects(place.rstrip("/") + "/")}
    for key in HOSTILE:
        uri = objects.join(place, key)
        assert objects.read_bytes(uri) == key.encode()
        assert listed[uri].size_bytes == len(key.encode())
        objects.download(uri, tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == key.encode()
    objects.delete_below(objects.join(place, "deep"))
    assert not objects.exists(objects.join(place, "deep/x.txt"))
    assert objects.exists(objects.join(place, HOSTILE[0]))


def test_what_is_not_there_is_told_alike(place: str) -> None:
    uri = objects.join(place, "nothing")
    with pytest.raises(FileNotFoundError):
        objects.read(uri)
    assert not objects.exists(uri)
    objects.delete(uri)
    assert list(objects.list_objects(uri + "/")) == []


def _die_while_writing(uri: str) -> None:
    """Leaves what a put killed between write and rename leaves."""
    path = Path(uri)
    path.with_name(f".{path.name}.new").write_bytes(b"half")


def test_a_killed_put_leaves_the_old_bytes_and_no_growing_trace(tmp_path: Path) -> None:
    uri = str(tmp_path / "lease.json")
    objects.put(uri, b"old")
    child = multiprocessing.get_context("spawn").Process(target=_die_while_writing, args=(uri,))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    assert objects.read_bytes(uri) == b"old"
    assert [i.uri for i in objects.list_objects(str(tmp_path))] == [uri]
    objects.put(uri, b"new")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".lease.json.lock", "lease.json"]
