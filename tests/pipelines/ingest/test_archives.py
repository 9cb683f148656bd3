"""ingest of archives, for real: members become assets like any file, are kept by their bytes, and are found again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from infra.archives import reader
from infra.sandbox import sandbox
from infra.storage import objects
from infra.storage.tables import Store
from infra.video import decoder
from pipelines.corpus.ledger import ledger
from pipelines.hop import Done, Run
from pipelines.ingest.hop import ingest
from pipelines.media import decode_child, jpeg_sequence
from pipelines.media.local_copy import bring, local_copy, reachable
from pipelines.sources.recordings import Source, list_items
from pipelines.staging.options import IngestOptions
from schemas.errors import BadMedia
from schemas.keys import salted
from tests.support import archives as made
from tests.support.s3_server import needs_weed, s3_server

OPTIONS = IngestOptions()
RECIPE = OPTIONS.cutting.recipe


def _ingest(root: str, sources: list[Source], run_id: str = "one") -> Done:
    return ingest(Run(Store(root), run_id, salt="pepper"), sources, OPTIONS)


def _rows(root: str, table: str) -> dict[str, dict[str, object]]:
    """Rows by member, or by name."""
    rows = Store(root).read(table).to_pylist()
    return {r["uri"].partition("!/")[2] or r["uri"].rpartition("/")[2]: r for r in rows}


BUILD: dict[str, Callable[[Path, Path], object]] = {
    "webdataset": made.webdataset,
    "egocentric_10k": made.egocentric_10k,
    "hot3d": lambda folder, _: made.hot3d(folder),
    "hd_epic": lambda folder, _: made.hd_epic(folder),
}


def _sources(folder: str, kinds: Iterable[str] = BUILD) -> list[Source]:
    return [Source(kind, f"{folder}/{kind}", stage="ego", licence="CC0-1.0") for kind in kinds]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder a kind, and attacks in the WebDataset."""
    folder = tmp_path_factory.mktemp("data")
    for kind, build in BUILD.items():
        (folder / kind).mkdir()
        build(folder / kind, tmp_path_factory.mktemp("scratch"))
    made.tar(folder / "webdataset" / "up.tar", {"../up.mp4": b"x", "/etc/cron.d/up.mp4": b"x"})
    (folder / "webdataset" / "page.tar").write_text("<!doctype html>" * 50)
    return folder


@pytest.fixture(scope="module")
def corpus(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Done]:
    """A corpus that took it all in, and what the run said."""
    root = str(tmp_path_factory.mktemp("root"))
    return root, _ingest(root, _sources(str(data)))


def test_every_kind_comes_in_and_the_books_balance(corpus: tuple[str, Done]) -> None:
    root, done = corpus
    assert done.added == {"proxies": 9, "clips": 9, "rejects": 5, "assets": 12}
    assert {name: r["reason"] for name, r in _rows(root, "rejects").items()} == {
        "bad.mp4": "bad_sidecar", "../up.mp4": "archive_path", "/etc/cron.d/up.mp4": "archive_path",
        "#byte=0": "bad_archive", "*.image_214-1.jpg": "missing_frames",
    }  # fmt: skip
    account, _ = ledger(Store(root), RECIPE, "none")
    assert account.unbalanced_ns() == 0
    assert account.input_ns == (10 * 800 + 2 * 400) * 1_000_000


def test_a_member_of_a_webdataset_is_an_asset(corpus: tuple[str, Done], data: Path, tmp_path: Path) -> None:
    assets = _rows(corpus[0], "assets")
    assert {"000000.mp4", "000001.mp4", "deep/a.left.mp4", "deep/a.right.mp4"} < set(assets)
    first = assets["000000.mp4"]
    reader.extract(str(data / "webdataset" / "shard-00000.tar"), "000000.mp4", tmp_path / "bytes")
    raw = (tmp_path / "bytes").read_bytes()
    assert (first["sha256"], first["size_bytes"]) == (hashlib.sha256(raw).hexdigest(), len(raw))
    assert (first["decoded_ns"], first["licence"], first["wearer_id"]) == (
        800_000_000, "CC0-1.0", salted("anna", "pepper"),
    )  # fmt: skip
    assert not list(data.parent.rglob("up.mp4"))


def test_a_member_is_found_again_until_it_changes(corpus: tuple[str, Done], data: Path) -> None:
    root, shard = corpus[0], data / "webdataset" / "shard-00000.tar"
    (asset, other) = (_rows(root, "assets")[f"00000{i}.mp4"] for i in (0, 1))
    uri, sha256 = str(asset["uri"]), str(asset["sha256"])
    with local_copy(uri, root, sha256) as path:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
        assert path.parent != shard.parent
    assert not path.exists()
    assert reachable(uri, root, sha256)
    assert not reachable(uri, root, str(other["sha256"]))

    def reason() -> str:
        with pytest.raises(BadMedia) as caught, local_copy(uri, root, sha256):
            pass
        return caught.value.reason

    whole, found = shard.read_bytes(), shard.stat()
    os.truncate(shard, 2000)
    assert reason() == "source_changed"
    made.tar(shard, {"000001.mp4": b"x"})
    assert reason() == "source_gone"
    shard.unlink()
    assert reason() == "source_gone"
    shard.write_bytes(whole)
    os.utime(shard, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert reachable(uri, root, sha256)


def test_egocentric_10k_keeps_its_lens_and_its_workers_apart(corpus: tuple[str, Done]) -> None:
    assets = {n: a for n, a in _rows(corpus[0], "assets").items() if n.startswith("factory")}
    first = assets["factory001_worker001_00000.mp4"]
    assert (first["codec"], first["decoded_ns"]) == ("hevc", 800_000_000)
    assert json.loads(str(first["intrinsics_json"]))["model"] == "fisheye"
    assert {a["wearer_id"] for a in assets.values()} == {
        salted(f"egocentric_10k/factory_00{i}/worker_001", "pepper") for i in (1, 2)
    }  # fmt: skip


def test_hot3d_comes_in_as_motion_jpeg(corpus: tuple[str, Done]) -> None:
    aria = _rows(corpus[0], "assets")["*.image_214-1.jpg"]
    assert (aria["codec"], aria["fps_hz"], aria["decoded_ns"]) == ("mjpeg", 30.0, 400_000_000)
    assert {aria["width_px"], aria["height_px"]} == {64}
    with local_copy(str(aria["uri"]), corpus[0], str(aria["sha256"])) as path:
        packets = [bytes(p) for p in decoder.open_media(path).demux() if p.size]
    assert packets == made.jpegs(1, 12)


def test_hd_epic_comes_in_with_its_narrations(corpus: tuple[str, Done]) -> None:
    first = _rows(corpus[0], "assets")[f"{made.HD_EPIC_VIDEOS[0]}.mp4"]
    assert first["narrations"] == [
        {"text": "Reach for the cupboard.", "start_ns": 0, "end_ns": 200_000_000},
        {"text": "Open the upper cupboard.", "start_ns": 200_000_000, "end_ns": 550_000_000},
    ]
    assert first["wearer_id"] == salted("hd_epic/P01", "pepper")


def test_a_second_run_does_nothing_and_a_new_tar_costs_no_decode(
    corpus: tuple[str, Done], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = corpus[0]
    run = sandbox.run
    monkeypatch.setattr(
        sandbox, "run", lambda m, *a: pytest.fail("decoded") if m == decode_child.__name__ else run(m, *a)
    )
    assert _ingest(root, _sources(str(data)), "two").added == {}
    shard = data / "webdataset" / "shard-00000.tar"
    shard.write_bytes(shard.read_bytes() + bytes(512))
    assert _ingest(root, _sources(str(data), ["webdataset"]), "three").added == {"assets": 2}


@pytest.mark.slow
@needs_weed
def test_a_bucket_offers_and_gives_what_a_folder_does(data: Path, tmp_path: Path) -> None:
    with s3_server(tmp_path) as bucket:
        for path in (p for p in data.rglob("*") if p.is_file()):
            objects.upload(path, f"{bucket}/{path.relative_to(data)}")
        here, there = (_given(place, tmp_path / "bytes") for place in (str(data), bucket))
        assert there == here
        assert len([v for v in here.values() if len(v) == 64]) == 12
        root = str(tmp_path / "root")
        assert _ingest(root, _sources(bucket, ["hot3d"])).added["assets"] == 2
        for row in Store(root).read("assets").to_pylist():
            assert reachable(row["uri"], root, row["sha256"])


def _given(place: str, path: Path) -> dict[str, str]:
    """What stands behind each item: the sha256 of its bytes, or why there are none."""
    found = {}
    for item in list_items(_sources(place)):
        try:
            if item.bad:
                raise BadMedia(*item.bad)
            bring(item.uri, path)
            found[item.uri.removeprefix(place)] = hashlib.sha256(path.read_bytes()).hexdigest()
        except BadMedia as e:
            found[item.uri.removeprefix(place)] = e.reason
    return found


def test_a_picture_of_gigabytes_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg_sequence, "PICTURE_BYTES", 1000)
    path = made.tar(tmp_path / "a.tar", {"000000.image_214-1.jpg": b"\xff\xd8" + bytes(2000)})
    with pytest.raises(BadMedia) as caught:
        bring(f"{path}!/*.image_214-1.jpg", tmp_path / "out")
    assert caught.value.reason == "archive_limit"
