"""Logs that are folders or hold their pictures, on S3 and the Hub: the steps and pictures of the same ones on disk."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.storage import objects
from infra.storage.tables import Store
from pipelines.fold.hop import fold
from pipelines.hop import Run
from pipelines.sources.logs import RobotSource
from pipelines.staging.options import IngestOptions
from tests.pipelines.sources.logs import test_zarr_replay
from tests.support.hdf5_logs import DemoSpec, write_demos
from tests.support.hub_server import serving_hub
from tests.support.message_logs import arm, write_bag2, write_mcap
from tests.support.roboarena import Rollout, write_session
from tests.support.s3_server import needs_weed, s3_server

SOURCES = {"zarr_replay": "zarr", "robomimic": "hdf5", "mcap": "mcap", "rosbag2": "bags", "roboarena": "arena"}


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Replay buffers of zarr v2 and v3 and a packed one, a file of demonstrations, an MCAP file, a bag, a
    session of RoboArena."""
    root = tmp_path_factory.mktemp("logs")
    for version in (2, 3):
        test_zarr_replay.write(root / f"zarr/v{version}/replay.zarr", version)
    store = test_zarr_replay.write(root / "made/replay.zarr")
    (root / "zarr/packed").mkdir()
    with zipfile.ZipFile(root / "zarr/packed/replay.zarr.zip", "w") as archive:
        for file in sorted(p for p in store.rglob("*") if p.is_file()):
            archive.write(file, file.relative_to(store))
    demos = [DemoSpec(number=0, success=True), DemoSpec(number=1, success=False)]
    write_demos(root / "hdf5/demos.hdf5", demos, {"env_kwargs": {"control_freq": 10}})
    (root / "mcap").mkdir()
    write_mcap(root / "mcap/take.mcap", arm())
    write_bag2(root / "bags/take", arm(pictures=12))
    write_session(root / "arena", (Rollout(letter="A", policy="pi0_droid", partial=60, steps=8),))
    return root


def rows_of(root: Path, place: str) -> dict[str, list[dict[str, Any]]]:
    """What a fold of all makes, without what names its place."""
    sources = [
        RobotSource(kind=kind, uri=f"{place}/{name}", name=name, fps_hz=10.0 if name == "zarr" else None)
        for kind, name in SOURCES.items()
    ]
    store = Store(str(root))
    fold(Run(store, "run"), sources, IngestOptions())
    wanted = {
        "episodes": ("name", "outcome", "frame_count", "state_names", "embodiment", "fps_hz"),
        "steps": ("frame", "t_ns", "state", "action_commanded"),
        "assets": ("sha256", "size_bytes"),
        "rejects": ("reason",),
    }
    rows = {t: [{k: row[k] for k in keys} for row in store.read(t).to_pylist()] for t, keys in wanted.items()}
    return {table: sorted(found, key=repr) for table, found in rows.items()}


@pytest.fixture(scope="module")
def here(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    rows = rows_of(tmp_path_factory.mktemp("here"), str(logs))
    assert len(rows["episodes"]) == 11
    assert rows["rejects"] == []
    return rows


def files_of(logs: Path) -> Iterator[tuple[str, Path]]:
    """Hidden ones included, which are zarr's metadata."""
    for path in sorted(p for p in logs.rglob("*") if p.is_file()):
        yield path.relative_to(logs).as_posix(), path


@needs_weed
@pytest.mark.slow
def test_logs_on_s3_fold_to_the_same_rows(logs: Path, here: dict[str, list[dict[str, Any]]], tmp_path: Path) -> None:
    (tmp_path / "s3").mkdir()
    with s3_server(tmp_path / "s3") as bucket:
        for name, path in files_of(logs):
            objects.upload(path, f"{bucket}/logs/{name}")
        assert rows_of(tmp_path / "there", f"{bucket}/logs") == here


@pytest.mark.slow
def test_logs_on_the_hub_fold_to_the_same_rows(
    logs: Path, here: dict[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    with serving_hub() as hub:
        hub.repo().push_folder(logs)
        assert rows_of(tmp_path / "there", "hf://datasets/org/set@main") == here
