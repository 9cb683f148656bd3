"""Downloads from a real S3 server, through a proxy that cuts them off: they go on, or say why not."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError

from infra.storage import objects, resumable, s3
from infra.storage.s3 import Paging
from schemas.errors import TransientError
from tests.faults import servers
from tests.faults.servers import Schedule, before
from tests.support.s3_server import needs_weed, s3_server

pytestmark = needs_weed
DATA = bytes(range(251)) * 4000


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    s3.client_of.cache_clear()
    with s3_server(tmp_path_factory.mktemp("weed")) as uri:
        yield uri
    s3.client_of.cache_clear()


@contextmanager
def through(schedule: Schedule) -> Iterator[None]:
    """S3's door, its endpoint behind a proxy with a schedule, its waits short."""
    with before(os.environ["AWS_ENDPOINT_URL"], schedule) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", url)
        patch.setattr(s3, "READ_TIMEOUT_S", 0.3)
        patch.setattr(resumable, "MAX_BACKOFF_S", 0.01)
        s3.client_of.cache_clear()
        try:
            yield
        finally:
            s3.client_of.cache_clear()


@pytest.mark.slow
def test_a_download_goes_on_where_it_broke_off(bucket: str, tmp_path: Path) -> None:
    uri = f"{bucket}/media/v.mp4"
    objects.put(uri, DATA)
    schedule = Schedule(seed=3, share=0.6)
    with through(schedule):
        for _ in range(6):
            objects.download(uri, tmp_path / "f")
            assert (tmp_path / "f").read_bytes() == DATA
            assert objects.read(uri)[0] == DATA
    assert schedule.drawn["truncate"] >= 1
    assert schedule.drawn.total() >= 4


@pytest.mark.slow
def test_a_store_that_fails_often_and_for_long_is_asked_again_all_the_same(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """botocore's mode `standard` stops trying again after some 100 of these: its clients spend a quota of retries."""
    monkeypatch.setattr(servers, "FAULTS", ("drop", "503"))
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
    objects.put(f"{bucket}/small.txt", b"x")
    schedule = Schedule(seed=1, share=1.0)
    with through(schedule):
        assert all(objects.read(f"{bucket}/small.txt")[0] == b"x" for _ in range(150))
    assert schedule.drawn.total() == 300


@pytest.mark.slow
def test_another_etag_than_the_listed_one_is_a_conflict(bucket: str, tmp_path: Path) -> None:
    uri = f"{bucket}/media/w.mp4"
    objects.put(uri, DATA)
    (listed,) = objects.list_objects(uri)
    assert objects.etag_in(f"{listed.etag}+0123") == listed.etag
    objects.download(uri, tmp_path / "f", if_match=listed.etag)
    objects.put(uri, DATA[::-1])
    with pytest.raises(objects.Conflict):
        objects.download(uri, tmp_path / "f", if_match=listed.etag)


@pytest.mark.parametrize("revision", ["", "1f-2a", "x" * 32, "0" * 31, "0" * 32 + "-", "0" * 32 + "/../x"])
def test_a_revision_that_is_no_etag_is_no_condition(revision: str) -> None:
    assert objects.etag_in(revision) is None


def test_what_is_not_there_and_what_is_empty(bucket: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        objects.download(f"{bucket}/media/none", tmp_path / "f")
    objects.put(f"{bucket}/media/empty", b"")
    objects.download(f"{bucket}/media/empty", tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == b""


def test_reads_that_bring_nothing_end() -> None:
    asked: list[int] = []

    def read(size: int) -> tuple[int, Iterator[bytes]]:
        asked.append(size)
        return 100, iter([b"x"])

    with pytest.raises(TransientError, match="of 100 bytes"):
        resumable.save(read, io.BytesIO(), (OSError,), "s3://b/k", max_backoff_s=0.0)
    assert asked == [0, 1, 2, 3]


def test_a_checksum_that_differs_at_the_end_starts_again() -> None:
    asked: list[int] = []

    def wrong() -> Iterator[bytes]:
        yield b"wrong"
        raise OSError("checksum")

    def read(size: int) -> tuple[int, Iterator[bytes]]:
        asked.append(size)
        return 5, wrong() if len(asked) == 1 else iter([b"right"])

    held = io.BytesIO()
    resumable.save(read, held, (OSError,), "s3://b/k", max_backoff_s=0.0)
    assert (held.getvalue(), asked) == (b"right", [0, 0])


@pytest.mark.slow
def test_a_listing_of_many_pages_is_whole(bucket: str) -> None:
    names = sorted([*(f"{i:03}.mp4" for i in range(40)), "a b+ä&%.mp4", "d/e.mp4", "d-e.mp4", "d.mp4"])
    for name in names:
        objects.put(f"{bucket}/pages/{name}", name.encode())
    objects.put(f"{bucket}/pages2/neighbour.mp4", b"x")
    listing = objects.list_objects(f"{bucket}/pages/", Paging(page_keys=7))
    found = sorted(info.uri for info in listing)  # SeaweedFS orders folders by their own names
    assert found == sorted(f"{bucket}/pages/{n}" for n in names)


@pytest.mark.slow
def test_a_listing_goes_on_at_the_page_that_broke_off(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page fails so often that botocore gives up, and is asked for again; no page before it is."""
    paging = Paging(page_keys=3, backoff_s=0.002)
    for i in range(10):
        objects.put(f"{bucket}/broken/{i}.mp4", b"x")
    asked: list[str] = []
    whole = s3.client_of(os.getpid()).list_objects_v2

    class Breaking:
        def list_objects_v2(self, **wanted: object) -> object:
            asked.append(str(wanted.get("ContinuationToken", "")))
            if len(asked) % 3:
                raise EndpointConnectionError(endpoint_url="s3")
            return whole(**wanted)

    monkeypatch.setattr(s3, "client_of", lambda _: Breaking())
    assert len(list(objects.list_objects(f"{bucket}/broken/", paging))) == 10
    assert len(asked) == 12
    assert [asked[i : i + 3] for i in range(0, 12, 3)] == [[asked[i]] * 3 for i in range(0, 12, 3)]
    assert len(set(asked)) == 4
    with pytest.raises(TransientError, match="run the same command again"):
        list(objects.list_objects(f"{bucket}/broken/", replace(paging, attempts=2)))


@pytest.mark.slow
def test_a_listing_through_a_server_that_fails_is_whole(bucket: str) -> None:
    for i in range(60):
        objects.put(f"{bucket}/failing/{i:02}.mp4", b"x")
    schedule = Schedule(seed=5, share=0.5)
    with through(schedule):
        found = [i.uri[-6:] for i in objects.list_objects(f"{bucket}/failing/", Paging(page_keys=5, backoff_s=0.01))]
    assert found == [f"{i:02}.mp4" for i in range(60)]
    assert schedule.drawn.total() >= 4
