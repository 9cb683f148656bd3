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


ARMS = ("left", "right")
LAYOUTS: dict[str, dict[str, dict[str, int]]] = {
    "franka_1rgb": {"master": {"joint_position": 8}, "puppet": {"end_effector": 6, "joint_position": 8}},
    "agilex_3rgb": {
        group: {f"{n}_{arm}": 7 for n in ("end_effector", "joint_effort", "joint_position", "joint_velocity")
                for arm in ARMS}
        for group in ("master", "puppet")
    },
    "tienkung_gello_1rgb": {"master": {"joint_position": 16}, "puppet": {"joint_position": 16}},
    "simulation": {
        "franka": {"end_effector": 7, "joint_effort": 8, "joint_position": 8, "joint_velocity": 8},
    },
}  # fmt: skip
CAMERAS = {"agilex_3rgb": ("camera_front", "camera_left_wrist", "camera_right_wrist"),
           "simulation": ("camera_front_external", "camera_handeye")}  # fmt: skip


def write(root: Path, robot: str, place: str, *, swapped: bool = False, pictured: int = 6) -> Path:
    """Six steps of a robot, its cameras' pictures numbered from 3, 13 and 23.

    As x-humanoid-robomind/x-humanoid-robomind.github.io at 15eb492 describes it: static/all_robot_h5_info.md, lines
    22-215 (float64 arrays of these names and widths; pictures and depth are objects of encoded bytes, in simulation of
    about every fourth step; sim_time_seq), static/quick_start.ipynb, lines 55-95 (cv2.imdecode of a row), README.md,
    lines 95-96: what cv2.imdecode gives is BGR for the Frankas and UR, RGB for the others, which were encoded swapped.
    """
    path = root / f"h5_{robot}/{place}/data/trajectory.hdf5"
    path.parent.mkdir(parents=True)
    rng = np.random.default_rng(1)
    with h5py.File(path, "w") as file:
        for group, arrays in LAYOUTS[robot].items():
            for name, width in arrays.items():
                file[f"{group}/{name}"] = rng.normal(size=(6, width))
        if robot == "simulation":
            file["sim_time_seq"] = np.arange(5) / 60
        for c, camera in enumerate(CAMERAS.get(robot, ("camera_top",))):
            for kind in ("rgb", "depth"):
                where = f"observations/{kind}_images/{camera}"
                rows = file.create_dataset(where, (pictured,), h5py.vlen_dtype(np.uint8))
                for i, picture in enumerate(pictures(3 + 10 * c, pictured)):
                    depth = np.full(picture.shape[:2], 700 + i, np.uint16)  # mm
                    colours = picture[..., ::-1] if swapped else picture
                    rows[i] = encoded(colours, ".jpg") if kind == "rgb" else encoded(depth, ".png")
    return path


BOTH_ARMS = tuple(f"joint_position_{arm}" for arm in ARMS)


@pytest.mark.parametrize(
    ("robot", "swapped", "state", "action"),
    [
        ("franka_1rgb", False, ("joint_position", "end_effector"), ("joint_position",)),
        ("agilex_3rgb", True, BOTH_ARMS, BOTH_ARMS),
        ("tienkung_gello_1rgb", True, ("joint_position",), ("joint_position",)),
    ],
)
@pytest.mark.slow
def test_values_labels_and_colours(
    tmp_path: Path, robot: str, swapped: bool, state: tuple[str, ...], action: tuple[str, ...]
) -> None:
    path = write(tmp_path, robot, "bread/success_episodes/train/1014_144602", swapped=swapped)
    log = attempts_of(KIND, tmp_path, AT_30_HZ)["trajectory", "bread-1014_144602"]
    with h5py.File(path) as file:
        own: Any = file
        for group, names, array in (("puppet", state, log.states), ("master", action, log.actions)):
            parts = [own[f"{group}/{name}"][()] for name in names]
            assert np.array_equal(array, np.concatenate(parts, axis=1).astype(np.float32))
    assert (log.outcome, log.outcome_source, log.split) == ("success", "human", "train")
    assert log.embodiment == robot.rpartition("_")[0]
    cameras = CAMERAS.get(robot, ("camera_top",))
    assert [c.camera for c in log.cameras] == list(cameras)
    for c, camera in enumerate(log.cameras):
        frames = list(frames_of(camera.uri, tmp_path))
        assert [number_of(p) for _, p in frames] == [10 * c + i for i in (3, 4, 5, 6, 7, 8)]
        assert all(is_red(p) for _, p in frames)
    assert left_out(KIND, tmp_path, AT_30_HZ) == [
        (f"bread-1014_144602/camera {camera}_depth", "depth_camera") for camera in cameras
    ]


def test_what_cannot_be_taken_says_why(tmp_path: Path) -> None:
    write(tmp_path, "simulation", "open/failure_episodes/2024_10_10-10_19_11.00", pictured=2)
    assert left_out(KIND, tmp_path) == [("trajectory.hdf5", "no_rate")]
    assert left_out(KIND, tmp_path, AT_30_HZ) == [("trajectory.hdf5", "video_mismatch")]
