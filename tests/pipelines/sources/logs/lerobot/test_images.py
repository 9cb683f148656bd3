"""Cameras of dtype image: the picture of a row is that row's, in either version; what has no pictures says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra.storage.tables import Store
from infra.video import decoder
from pipelines.fold.hop import fold
from pipelines.hop import Run
from pipelines.media import log_pictures
from pipelines.sources.logs import RobotSource
from pipelines.staging.options import IngestOptions
from schemas.errors import BadMedia
from tests.support.lerobot_edits import EPISODES, put_column, put_features, read_all, reasons
from tests.support.log_pictures import encoded, number_of, numbered
from tests.support.robot_logs import CAMERA_KEY, LeRobotSpec, write_lerobot, write_lerobot_v21

WRIST = "observation.images.wrist"
IMAGE = {"dtype": "image", "shape": [64, 96, 3], "names": ["height", "width", "channels"]}
LENGTHS = (6, 4, 5)


def _pictures(first: int, count: int, suffix: str) -> list[dict[str, Any]]:
    return [{"bytes": encoded(numbered(first + i), suffix).tobytes(), "path": f"{i}"} for i in range(count)]


def write(root: Path, version: str, suffix: str = ".png", videos: bool = True) -> Path:
    """A data set whose second camera, or only one, is in the rows; pictures are numbered through the set."""
    spec = LeRobotSpec(lengths=LENGTHS, version=version, orphans=0, rewards=None, with_video=videos)
    (write_lerobot if version == "v3.0" else write_lerobot_v21)(root, spec)
    put_features(root, **{WRIST: IMAGE} if videos else {WRIST: IMAGE, CAMERA_KEY: {"dtype": "bool", "shape": [1]}})
    first = 0
    for path in sorted(root.glob("data/*/*.parquet")):
        count = pq.read_metadata(path).num_rows
        put_column(path, WRIST, _pictures(first, count, suffix))
        first += count
    return root


def numbers(uri: str, path: Path) -> list[int]:
    """What the pictures of a recording within a log say."""
    selected = log_pictures.split(uri)
    assert selected is not None
    log_pictures.write(*selected, path)
    with decoder.open_media(path) as container:
        stream = decoder.video_stream(container)
        return [number_of(p.frame.to_ndarray(format="rgb24")) for p in decoder.pictures(container, stream)]


@pytest.mark.parametrize(("version", "suffix"), [("v2.1", ".png"), ("v3.0", ".jpg")])
def test_the_picture_of_a_row_is_that_rows(tmp_path: Path, version: str, suffix: str) -> None:
    logs, bad = read_all(write(tmp_path / "set", version, suffix))
    assert not bad
    first = 0
    for log, length in zip(logs, LENGTHS, strict=True):
        assert [c.camera for c in log.cameras] == ["front", "wrist"]
        camera = log.cameras[1]
        assert (camera.start_ns, camera.end_ns, camera.alone) == (0, length * 100_000_000, True)
        assert numbers(camera.uri, tmp_path / "film.mkv") == list(range(first, first + length))
        first += length


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # Beam warns of its own affairs
def test_a_set_with_nothing_but_pictures_folds(tmp_path: Path) -> None:
    write(tmp_path / "set", "v3.0", videos=False)
    store = Store(str(tmp_path / "corpus"))
    sources = [RobotSource(kind="lerobot", uri=str(tmp_path / "set"))]
    done = fold(Run(store, "one"), sources, IngestOptions())
    assert (done.added["episodes"], done.added["assets"], done.added["steps"]) == (3, 3, 15)
    assert "rejects" not in done.added
    assert store.read("clips")["frame_count"].to_pylist() == list(LENGTHS)
    assert fold(Run(store, "two"), sources, IngestOptions()).added == {}


def test_a_bad_picture_costs_its_episode_alone(tmp_path: Path) -> None:
    write(tmp_path, "v3.0")
    path = tmp_path / "data/chunk-000/file-000.parquet"
    values = pq.read_table(path)[WRIST].to_pylist()
    values[7] = {"bytes": None, "path": "7"}
    put_column(path, WRIST, values)
    logs, _ = read_all(tmp_path)
    assert numbers(logs[0].cameras[1].uri, tmp_path / "film.mkv") == [0, 1, 2, 3, 4, 5]
    with pytest.raises(BadMedia, match="row 7"):
        numbers(logs[1].cameras[1].uri, tmp_path / "film.mkv")


@pytest.mark.parametrize(
    ("values", "detail"),
    [
        (None, "the data file has no such column"),
        ([1.0] * 15, "its rows hold double, no JPEG or PNG"),
        (pa.array([None] * 15, pa.binary()), "its rows hold no bytes"),
    ],
)
def test_a_column_without_pictures_is_a_missing_camera(tmp_path: Path, values: Any, detail: str) -> None:
    write(tmp_path / "set", "v3.0")
    put_column(tmp_path / "set/data/chunk-000/file-000.parquet", WRIST, values)
    logs, bad = read_all(tmp_path / "set")
    assert [len(log.cameras) for log in logs] == [1, 1, 1]
    assert reasons(bad)[0] == ("episode_000000/camera wrist", "missing_camera")
    assert bad[0].detail == f"{WRIST}: {detail}"
    write(tmp_path / "only", "v3.0", videos=False)
    put_column(tmp_path / "only/data/chunk-000/file-000.parquet", WRIST, values)
    logs, bad = read_all(tmp_path / "only")
    assert ({b.reason for b in bad}, logs) == ({"missing_video"}, [])


def test_pictures_of_rows_in_two_files_are_told(tmp_path: Path) -> None:
    write(tmp_path, "v3.0")
    path = tmp_path / "data/chunk-000/file-000.parquet"
    table = pq.read_table(path)
    pq.write_table(table.slice(0, 8), path)
    pq.write_table(table.slice(8), path.with_name("file-001.parquet"))
    put_column(tmp_path / EPISODES, "data/file_index", [0, 0, 1])
    logs, bad = read_all(tmp_path)
    assert [len(log.cameras) for log in logs] == [2, 1, 2]
    assert reasons(bad) == [("episode_000001/camera wrist", "missing_camera")]
    assert np.asarray(logs[1].states).shape == (4, 6)
