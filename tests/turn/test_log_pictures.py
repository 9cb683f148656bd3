"""Pictures that lie within a log: folded, decoded and published like any recording, each with its own step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import pytest

from filters.policies.policy import Policy
from infra.storage import objects
from infra.storage.tables import Store
from infra.video import decoder
from pipelines.caption.hop import caption
from pipelines.caption.options import CaptionOptions
from pipelines.filter.hop import decide_clips
from pipelines.fold.hop import fold
from pipelines.hop import Done, Run
from pipelines.media.local_copy import reachable
from pipelines.publish.hop import publish
from pipelines.publish.selection import PublishOptions
from pipelines.sources import logs
from pipelines.sources.logs import RobotSource
from pipelines.staging.options import IngestOptions
from tests.support.log_pictures import KIND, is_red, number_of, write_log
from tests.support.s3_server import needs_weed, s3_server

pytestmark = pytest.mark.filterwarnings("default")  # Beam and Great Expectations warn of their own affairs

POLICY = Policy(detector="none")
RECIPE = IngestOptions().cutting.recipe


@pytest.fixture(autouse=True)
def numbered_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "KINDS", (*logs.KINDS, KIND))


def folded(root: Path, uri: str, run_id: str = "one", licence: str = "CC0-1.0") -> Done:
    return fold(
        Run(Store(str(root)), run_id), [RobotSource(kind="numbered", uri=uri, licence=licence)], IngestOptions()
    )


def published(store: Store, tmp_path: Path) -> list[dict[str, Any]]:
    """The rows of all views of a release, `video` decoded: a list of pictures."""
    run = Run(store, "out")
    decide_clips(run, RECIPE, POLICY)
    caption(run, RECIPE, POLICY, CaptionOptions())
    name = publish(run, RECIPE, POLICY, PublishOptions()).release
    assert name
    rows = []
    for folder in sorted(Path(store.root, "releases", name).glob("*.lance")):
        rows += store.dataset(f"releases/{name}/{folder.name}").to_table().to_pylist()
    for row in rows:
        (tmp_path / "shard.mp4").write_bytes(row["video"])
        with decoder.open_media(tmp_path / "shard.mp4") as container:
            stream = decoder.video_stream(container)
            row["video"] = [p.frame.to_ndarray(format="rgb24") for p in decoder.pictures(container, stream)]
    return rows


@pytest.mark.slow
def test_each_published_step_has_the_picture_that_lay_beside_it(tmp_path: Path) -> None:
    write_log(tmp_path / "logs/a.hdf5", 20)
    done = folded(tmp_path / "corpus", str(tmp_path / "logs"))
    assert done.added == {"assets": 3, "clips": 3, "proxies": 3, "episodes": 1, "steps": 20}
    store = Store(str(tmp_path / "corpus"))
    assets = {a["uri"].rpartition("!/")[2]: a for a in store.read("assets").to_pylist()}
    assert {name: a["codec"] for name, a in assets.items()} == {
        "hdf5:jpeg?rate=10": "mjpeg", "hdf5:png?rate=10": "png", "hdf5:raw?rate=10": "rawvideo",
    }  # fmt: skip
    rows = published(store, tmp_path)
    assert {row["camera"] for row in rows if row["states"]} == {"jpeg", "png", "raw"}
    for row in rows:
        assert [number_of(p) for p in row["video"]] == list(range(20))
        assert all(is_red(p) for p in row["video"])
        assert row["states"] is None or row["states"][:: row["state_dim"]] == list(range(20))
    assert folded(tmp_path / "corpus", str(tmp_path / "logs"), "again").added == {}


@pytest.mark.slow
def test_another_licence_reaches_them_and_a_bad_camera_says_why(tmp_path: Path) -> None:
    log = write_log(tmp_path / "logs/a.hdf5", 20)
    with h5py.File(write_log(tmp_path / "logs/b.hdf5", 20), "a") as file:
        del file["raw"]
    folded(tmp_path / "corpus", str(tmp_path / "logs"))
    store = Store(str(tmp_path / "corpus"))
    assert set(store.read("rejects")["reason"].to_pylist()) == {"missing_array"}
    again = folded(tmp_path / "corpus", str(tmp_path / "logs"), "again", licence="CC-BY-4.0")
    assert again.added == {"assets": 5}
    assets = store.read("assets").to_pylist()
    uri, sha256 = next((a["uri"], a["sha256"]) for a in assets if a["uri"].startswith(str(log)))
    assert reachable(uri, store.root, sha256)
    write_log(log, 20, range(1, 21))
    assert not reachable(uri, store.root, sha256)


@needs_weed
@pytest.mark.slow
def test_they_are_the_same_bytes_on_s3_and_the_log_is_fetched_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_log(tmp_path / "logs/a.hdf5", 20)
    folded(tmp_path / "here", str(tmp_path / "logs"))
    fetched = []
    download = objects.download
    monkeypatch.setattr(
        objects, "download", lambda uri, path, **more: (fetched.append(uri), download(uri, path, **more))
    )
    (tmp_path / "s3").mkdir()
    with s3_server(tmp_path / "s3") as bucket:
        objects.upload(tmp_path / "logs/a.hdf5", f"{bucket}/logs/a.hdf5")
        folded(tmp_path / "there", f"{bucket}/logs")
        here, there = (
            sorted(Store(str(tmp_path / where)).read("assets")["sha256"].to_pylist()) for where in ("here", "there")
        )
        assert here == there
        assert len(here) == 3
        assert fetched == [f"{bucket}/logs/a.hdf5"]
