"""robomimic and Isaac Lab demonstrations: h5py's own values, each step with its picture, labels by who gave them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pipelines.sources.logs.base import LogColumns, LogOptions
from pipelines.sources.logs.hdf5_log import Hdf5Log
from pipelines.sources.logs.robomimic import KIND
from schemas.spans import NS
from tests.support.hdf5_logs import DemoSpec, attempts_of, frames_of, left_out, write_demos
from tests.support.log_pictures import is_red, number_of

LIFT = {"env_name": "Lift", "type": 1, "env_kwargs": {"control_freq": 20, "robots": ["Panda"]}}
STACK = {"env_name": "Isaac-Stack-Cube-Franka-IK-Rel-v0", "type": 2}
ISAAC = (("joint_pos", 9), ("eef_pos", 3), ("eef_quat", 4), ("gripper_pos", 2), ("object", 39))
AT_20_HZ = LogOptions(fps_hz=20)


def robomimic(folder: Path) -> Path:
    sparse = [0.0] * 7 + [1.0]
    demos = [DemoSpec(number=n, rewards=sparse if n != 1 else [0.0] * 8) for n in (0, 1, 10, 2)]
    return write_demos(
        folder / "lift.hdf5",
        demos,
        LIFT,
        {"valid": ["demo_10"], "train": ["demo_0", "demo_1"], "50_percent": ["demo_0"]},
    )


def isaac_lab(folder: Path) -> Path:
    for name, success in (("stack.hdf5", True), ("stack_failed.hdf5", False)):
        demos = [DemoSpec(number=n, success=success, names=ISAAC, camera="table_cam") for n in (0, 12)]
        write_demos(folder / name, demos, STACK)
    return folder


def test_every_value_is_the_files_own(tmp_path: Path) -> None:
    path = robomimic(tmp_path)
    attempts = attempts_of(KIND, tmp_path)
    assert [name for _, name in attempts] == ["demo_0", "demo_1", "demo_2", "demo_10"]
    with h5py.File(path) as file:
        for (_, name), log in attempts.items():
            demo: Any = file[f"data/{name}"]
            obs = [demo["obs/robot0_eef_pos"][()], demo["obs/robot0_gripper_qpos"][()]]
            assert np.array_equal(log.states, np.concatenate(obs, axis=1))
            assert np.array_equal(log.actions, demo["actions"][()].astype(np.float32))
            assert np.array_equal(log.reward, demo["rewards"][()].astype(np.float32))
            assert np.array_equal(log.done, demo["dones"][()] != 0)
            assert log.t_ns.tolist() == [i * NS // 20 for i in range(8)]
    log = attempts["lift", "demo_0"]
    assert (log.fps_hz, log.embodiment, log.instruction) == (20.0, "Panda", None)
    assert log.state_names[:4] == ("robot0_eef_pos.0", "robot0_eef_pos.1", "robot0_eef_pos.2", "robot0_gripper_qpos.0")
    labels = {name: (a.outcome, a.outcome_source, a.ever_succeeded, a.split) for (_, name), a in attempts.items()}
    assert labels == {
        "demo_0": ("success", "sim", True, "train"), "demo_1": ("failure", "sim", None, "train"),
        "demo_2": ("success", "sim", True, None), "demo_10": ("success", "sim", True, "val"),
    }  # fmt: skip


def test_a_word_that_no_view_can_have_costs_itself(tmp_path: Path) -> None:
    robots = {"env_kwargs": {"control_freq": 20, "robots": ["../Panda", "UR 5e"]}}
    path = write_demos(tmp_path / "lift.hdf5", [DemoSpec(number=0, camera="agent view_image")], robots)
    with h5py.File(path, "a") as file:
        file["data/demo_0"].attrs["goal"] = "\u00e9" * 60_000
    (log,) = attempts_of(KIND, tmp_path, LogOptions(columns=LogColumns(task="goal"))).values()
    assert (log.embodiment, log.instruction) == ("Panda_UR_5e", None)
    assert [c.camera for c in log.cameras] == ["agent_view"]
    assert [(n.code, n.detail[:22]) for n in log.notes if n.code != "lost_readings"] == [
        ("robot_renamed", "'../Panda_UR 5e' is 'P"), ("camera_renamed", "'agent view' is 'agent"),
        ("lost_words", "demo_0/instruction: 12"),
    ]  # fmt: skip


def test_each_step_has_its_picture(tmp_path: Path) -> None:
    robomimic(tmp_path)
    for (_, name), log in attempts_of(KIND, tmp_path).items():
        (camera,) = log.cameras
        frames = list(frames_of(camera.uri, tmp_path))
        assert camera.camera == "agentview"
        assert [number_of(p) for _, p in frames] == [100 * int(name.removeprefix("demo_")) + i for i in range(8)]
        assert all(is_red(p) for _, p in frames)
        assert [t for t, _ in frames] == log.t_ns.tolist()
        assert camera.end_ns == 8 * NS // 20


def test_isaac_labs_failures_are_a_file_of_their_own(tmp_path: Path) -> None:
    isaac_lab(tmp_path)
    assert left_out(KIND, tmp_path) == [("stack.hdf5", "no_rate"), ("stack_failed.hdf5", "no_rate")]
    attempts = attempts_of(KIND, tmp_path, AT_20_HZ)
    assert {key: (a.outcome, a.outcome_source) for key, a in attempts.items()} == {
        ("stack", "demo_0"): ("success", "sim"), ("stack", "demo_12"): ("success", "sim"),
        ("stack_failed", "demo_0"): ("failure", "sim"), ("stack_failed", "demo_12"): ("failure", "sim"),
    }  # fmt: skip
    log = attempts["stack", "demo_0"]
    assert log.states is not None
    assert log.states.shape == (8, 18)
    assert log.state_names[0::9] == ("joint_pos.0", "eef_pos.0")
    assert len({item.root for item in KIND.list(str(tmp_path), LogOptions())}) == 2


@pytest.mark.parametrize(
    ("env_args", "rate_hz"),
    [({"sim_args": {"dt": 0.01, "decimation": 5}}, 20.0), ({"env_kwargs": {"dt": 1 / 120, "decimation": 4}}, 30.0)],
)
def test_a_rate_by_steps_of_the_simulator(tmp_path: Path, env_args: dict[str, Any], rate_hz: float) -> None:
    write_demos(tmp_path / "a.hdf5", [DemoSpec(number=0)], env_args)
    assert attempts_of(KIND, tmp_path)["a", "demo_0"].fps_hz == rate_hz


def test_labels_that_nobody_gives_are_unknown(tmp_path: Path) -> None:
    write_demos(tmp_path / "none.hdf5", [DemoSpec(number=0), DemoSpec(number=1, rewards=[0.0] * 8)], LIFT)
    write_demos(tmp_path / "dense.hdf5", [DemoSpec(number=0, rewards=[0.1 * i for i in range(8)])], LIFT)
    assert {a.outcome for a in attempts_of(KIND, tmp_path).values()} == {"unknown"}


def drop(name: str) -> Callable[[Any], None]:
    def change(demo: Any) -> None:
        del demo[name]

    return change


def cut(demo: Any) -> None:
    shorter = demo["obs/robot0_eef_pos"][:-1]
    del demo["obs/robot0_eef_pos"]
    demo["obs/robot0_eef_pos"] = shorter


def link(demo: Any) -> None:
    del demo["actions"]
    demo["actions"] = h5py.ExternalLink("/etc/passwd", "actions")


def depth(demo: Any) -> None:
    demo["obs/agentview_depth"] = np.zeros((8, 4, 4, 1), np.float32)


def fewer_pictures(demo: Any) -> None:
    demo["obs/wrist_image"] = demo["obs/agentview_image"][:-2]


@pytest.mark.parametrize(
    ("change", "left", "taken"),
    [
        (drop("actions"), [("demo_0", "no_states_or_actions")], 1),
        (cut, [("demo_0", "length_mismatch")], 1),
        (link, [("demo_0", "no_states_or_actions")], 1),
        (drop("obs/agentview_image"), [("demo_0", "no_pictures")], 1),
        (depth, [("demo_0/camera agentview_depth", "depth_camera")], 2),
        (fewer_pictures, [("demo_0/camera wrist", "video_mismatch")], 2),
    ],
)
@pytest.mark.slow
def test_what_is_left_out_says_why(
    tmp_path: Path, change: Callable[[Any], None], left: list[tuple[str, str]], taken: int
) -> None:
    path = write_demos(tmp_path / "a.hdf5", [DemoSpec(number=0), DemoSpec(number=1)], LIFT)
    with h5py.File(path, "a") as file:
        change(file["data/demo_0"])
    assert left_out(KIND, tmp_path) == left
    assert len(attempts_of(KIND, tmp_path)) == taken


def test_files_that_are_nothing_for_it_say_why(tmp_path: Path) -> None:
    write_demos(tmp_path / "low_dim.hdf5", [DemoSpec(number=0, camera=None)], LIFT)
    (tmp_path / "text.hdf5").write_text("no HDF5")
    (tmp_path / "pointer.hdf5").write_text("version https://git-lfs.github.com/spec/v1\n")
    with h5py.File(tmp_path / "other.hdf5", "w") as file:
        file["action"] = np.zeros((3, 2))
    assert dict(left_out(KIND, tmp_path)) == {
        "low_dim.hdf5": "no_pictures", "text.hdf5": "bad_hdf5", "pointer.hdf5": "lfs_pointer",
        "other.hdf5": "other_format",
    }  # fmt: skip


def test_what_the_config_says_holds(tmp_path: Path) -> None:
    path = write_demos(tmp_path / "a.hdf5", [DemoSpec(number=0), DemoSpec(number=1)], LIFT)
    with h5py.File(path, "a") as file:
        for n, word in enumerate(("failure", "success")):
            file[f"data/demo_{n}"].attrs["verdict"] = word
            file[f"data/demo_{n}"].attrs["lang"] = "Lift the cube."
        file["data/demo_1"].attrs["skip"] = True
    columns = LogColumns(state=("obs/object",), outcome="verdict", task="lang", discarded="skip",
                         cameras={"front": "obs/agentview_image?order=bgr"})  # fmt: skip
    options = LogOptions(columns=columns, fps_hz=10, embodiment="arm", collect_mode="teleop")
    assert left_out(KIND, tmp_path, options) == [("demo_1", "discarded")]
    log = attempts_of(KIND, tmp_path, options)["a", "demo_0"]
    assert (log.outcome, log.instruction, log.fps_hz, log.embodiment) == ("failure", "Lift the cube.", 10, "arm")
    assert (log.control_source, [c.camera for c in log.cameras]) == ("human", ["front"])
    assert log.states is not None
    assert log.states.shape == (8, 10)
    assert not any(is_red(p) for _, p in frames_of(log.cameras[0].uri, tmp_path))


@pytest.mark.parametrize(
    ("value", "outcome", "left"),
    [
        ("false", "failure", []), ("succeeded", "success", ["discarded"]), (-1, "unknown", []),
        (1, "success", ["discarded"]), ("perhaps", "unknown", ["bad_header"]),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_labels_and_flags_in_every_spelling(tmp_path: Path, value: Any, outcome: str, left: list[str]) -> None:
    path = write_demos(tmp_path / "a.hdf5", [DemoSpec(number=0), DemoSpec(number=1)], LIFT)
    with h5py.File(path, "a") as file:
        file["data/demo_1"].attrs["label"] = value
    labelled = LogOptions(columns=LogColumns(outcome="label"))
    assert [a.outcome for a in attempts_of(KIND, tmp_path, labelled).values()] == ["unknown", outcome]
    assert [reason for _, reason in left_out(KIND, tmp_path, LogOptions(columns=LogColumns(discarded="label")))] == left


def test_a_named_label_that_no_demo_has_is_told(tmp_path: Path) -> None:
    write_demos(tmp_path / "a.hdf5", [DemoSpec(number=0)], LIFT)
    columns = LogColumns(outcome="verdict", discarded="skip")
    assert sorted(left_out(KIND, tmp_path, LogOptions(columns=columns))) == [
        ("demo_0/discarded", "no_such_column"), ("demo_0/outcome", "no_such_column"),
    ]  # fmt: skip


def test_the_files_names_are_gone_through_as_often_for_many_demos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: Counter[str] = Counter()

    def counted(own: Any) -> Any:
        return lambda log, group: passes.update([str(Path(log.uri).parent)]) or own(log, group)

    monkeypatch.setattr(Hdf5Log, "below", counted(Hdf5Log.below))
    monkeypatch.setattr(Hdf5Log, "grouped", counted(Hdf5Log.grouped))
    for count in (2, 6):
        write_demos(tmp_path / f"{count}/a.hdf5", [DemoSpec(number=n) for n in range(count)], LIFT)
        assert len(attempts_of(KIND, tmp_path / str(count))) == count
    assert len(passes) == 2
    assert len(set(passes.values())) == 1
