"""RoboMIND as its makers describe it: h5py's own values, labels of the folders, pictures in their true colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pipelines.sources.logs.base import LogOptions
from pipelines.sources.logs.robomind import KIND
from tests.support.hdf5_logs import attempts_of, frames_of, left_out, pictures
from tests.support.log_pictures import encoded, is_red, number_of

AT_30_HZ = LogOptions(fps_hz=30)


def write(
    root: Path, robot: str, place: str, *, swapped: bool = False, pictured: int = 6, arms: tuple[str, ...] = ("",)
) -> Path:
    """all_robot_h5_info.md: object arrays of encoded bytes; swapped: RGB given to cv2.imencode, which takes BGR."""
    path = root / f"h5_{robot}/{place}/data/trajectory.hdf5"
    path.parent.mkdir(parents=True)
    rng = np.random.default_rng(1)
    with h5py.File(path, "w") as file:
        for arm in arms:
            file[f"master/joint_position{arm}"] = rng.normal(size=(6, 8))
            file[f"puppet/joint_position{arm}"] = rng.normal(size=(6, 8))
            file[f"puppet/joint_effort{arm}"] = rng.normal(size=(6, 8))
        for kind in ("rgb", "depth"):
            rows = file.create_dataset(f"observations/{kind}_images/camera_top", (pictured,), h5py.vlen_dtype(np.uint8))
            for i, picture in enumerate(pictures(3, pictured)):
                rows[i] = encoded(picture[..., ::-1] if swapped else picture, ".jpg" if kind == "rgb" else ".png")
    return path


@pytest.mark.parametrize(
    ("robot", "swapped", "arms"), [("franka_1rgb", False, ("",)), ("agilex_3rgb", True, ("_left", "_right"))]
)
def test_values_labels_and_colours(tmp_path: Path, robot: str, swapped: bool, arms: tuple[str, ...]) -> None:
    path = write(tmp_path, robot, "bread/success_episodes/train/1014_144602", swapped=swapped, arms=arms)
    log = attempts_of(KIND, tmp_path, AT_30_HZ)["trajectory", "bread-1014_144602"]
    with h5py.File(path) as file:
        own: Any = file
        for group, array in (("puppet", log.states), ("master", log.actions)):
            parts = [own[f"{group}/joint_position{arm}"][()] for arm in arms]
            assert np.array_equal(array, np.concatenate(parts, axis=1).astype(np.float32))
    assert (log.outcome, log.outcome_source, log.split) == ("success", "human", "train")
    assert log.embodiment == robot.partition("_")[0]
    frames = list(frames_of(log.cameras[0].uri, tmp_path))
    assert [number_of(p) for _, p in frames] == [3, 4, 5, 6, 7, 8]
    assert all(is_red(p) for _, p in frames)
    assert left_out(KIND, tmp_path, AT_30_HZ) == [("bread-1014_144602/camera camera_top_depth", "depth_camera")]


def test_what_cannot_be_taken_says_why(tmp_path: Path) -> None:
    write(tmp_path, "simulation", "open/failure_episodes/2024_10_10-10_19_11.00", pictured=2)
    assert left_out(KIND, tmp_path) == [("trajectory.hdf5", "no_rate")]
    assert left_out(KIND, tmp_path, AT_30_HZ) == [("trajectory.hdf5", "video_mismatch")]
