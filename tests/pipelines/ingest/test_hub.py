"""ingest from the Hub: media with sidecars, and tars, at the commit of the run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.storage.tables import Store
from pipelines.hop import Run
from pipelines.ingest.hop import ingest
from pipelines.media.local_copy import in_place, local_copy, reachable
from pipelines.sources.recordings import Source
from pipelines.staging.options import IngestOptions
from tests.support.archives import tar
from tests.support.hub_server import Hub, serving_hub
from tests.support.media import shot, write

SET = "hf://datasets/org/set@v1"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving_hub() as server:
        yield server


@pytest.mark.slow
def test_media_and_tars_of_the_hub_come_in_once(hub: Hub, tmp_path: Path) -> None:
    write(tmp_path / "take.mp4", shot(1, 12))
    write(tmp_path / "other.mp4", shot(2, 12))
    take, other = ((tmp_path / name).read_bytes() for name in ("take.mp4", "other.mp4"))
    packed = tar(tmp_path / "s.tar", {"0.mp4": take, "0.txt": b"Opens the jar."}).read_bytes()
    said = json.dumps({"caption": "Cuts the bread.", "licence": "CC0-1.0"}).encode()
    files = {"m/take.mp4": take, "m/take.json": said, "m/copy.mp4": take, "t/s.tar": packed, "n/other.mp4": other}
    hub.repo().push(files, "v1")
    sources = [
        Source(kind="folder", uri=f"{SET}/m", stage="ego", licence="CC-BY-4.0"),
        Source(kind="webdataset", uri=f"{SET}/t"),
    ]
    store = Store(str(tmp_path / "corpus"))
    done = ingest(Run(store, "one"), sources, IngestOptions())
    assert done.added == {"assets": 3, "clips": 1, "proxies": 1}
    assets = {a["uri"].removeprefix(SET): a for a in store.read("assets").to_pylist()}
    assert set(assets) == {"/m/take.mp4", "/m/copy.mp4", "/t/s.tar!/0.mp4"}
    assert {a["sha256"] for a in assets.values()} == {hashlib.sha256(take).hexdigest()}
    assert {a["size_bytes"] for a in assets.values()} == {len(take)}
    assert assets["/m/take.mp4"]["licence"] == "CC0-1.0"
    assert assets["/m/copy.mp4"]["licence"] == "CC-BY-4.0"
    assert "n/other.mp4" not in hub.served
    assert sum(path in ("m/take.mp4", "m/copy.mp4") for path in hub.served) <= 1  # the listing says what they hold
    hub.served.clear()
    assert ingest(Run(store, "two"), sources, IngestOptions()).added == {}
    assert set(hub.served) <= {"t/s.tar"}


def test_a_recording_on_the_hub_is_brought_and_held_against_its_bytes(hub: Hub, tmp_path: Path) -> None:
    hub.repo().push({"a.mp4": b"take"}, "v1")
    sha256 = hashlib.sha256(b"take").hexdigest()
    assert not in_place(f"{SET}/a.mp4")
    with local_copy(f"{SET}/a.mp4", str(tmp_path), sha256) as path:
        assert path.read_bytes() == b"take"
    assert reachable(f"{SET}/a.mp4", str(tmp_path), sha256)
    assert not reachable(f"{SET}/a.mp4", str(tmp_path), "0" * 64)
    assert not reachable(f"{SET}/b.mp4", str(tmp_path), sha256)
