"""The advice of `doctor --logs`, taken as it is printed: sets with keys of their own fold by it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from infra.storage.tables import Store
from orchestration.config import load
from pipelines.fold.hop import fold
from pipelines.hop import Run
from pipelines.staging.options import IngestOptions
from tests.support.hdf5_logs import pictures
from tests.support.lerobot_sets import FRONT, steps, write_set
from tests.support.message_logs import T0, Sent, by_log_time, image, text, write_mcap
from tests.support.robot_logs import write_video

pytestmark = pytest.mark.slow
Command = Callable[..., tuple[int, str, str]]
COUNT = 12
RNG = np.random.default_rng(5)
STATES, ACTIONS = RNG.normal(size=(2, COUNT, 5)).astype(np.float32), RNG.normal(size=(2, COUNT, 4)).astype(np.float32)
JUDGED = (True, False)  # of the two attempts that each writer writes


def block_of(printed: str) -> str:
    """The lines for handwheel.toml, as they stand there."""
    _, _, rest = printed.partition("In handwheel.toml:\n")
    return "\n".join(itertools.takewhile(lambda line: line.startswith("  "), rest.splitlines()))


def folded(tmp_path: Path, block: str) -> Store:
    """The corpus after a fold with that block in handwheel.toml."""
    config = tmp_path / "handwheel.toml"
    config.write_text(f'root = "{tmp_path / "corpus"}"\n{block}\n')
    said = load(config, [], None)
    store = Store(said.root)
    fold(Run(store, "run"), list(said.robot), IngestOptions())
    return store


def write_parquet(folder: Path) -> None:
    """A LeRobot set with vectors, a label and an instruction under names that nobody knows."""
    made = [
        {"q_measured": list(STATES[i]), "q_master": list(ACTIONS[i]), "torque_measured": list(STATES[i] * 9),
         "went_well_label": np.full(COUNT, int(JUDGED[i])), "spoken_prompt": ["Stack the cups."] * COUNT}
        for i in range(2)
    ]  # fmt: skip
    write_set(folder, made, tasks=("",))
    for i in range(2):
        write_video(folder / f"videos/chunk-000/{FRONT}/episode_{i:06d}.mp4", COUNT)


def write_demo_file(folder: Path) -> None:
    """Demos in the groups of robomimic, with names of another recorder."""
    with h5py.File(folder / "takes.hdf5", "w") as file:
        file.create_group("data").attrs["env_args"] = json.dumps({"env_kwargs": {"control_freq": 10}})
        for i in range(2):
            demo = file.create_group(f"data/demo_{i}")
            demo.attrs["verdict"], demo.attrs["spoken_prompt"] = JUDGED[i], "Stack the cups."
            demo["sensors/arm"], demo["ctrl/arm"] = STATES[i], ACTIONS[i]
            demo["view/head"] = pictures(100 * i, COUNT)


def write_files(folder: Path) -> None:
    """A file an attempt, as ALOHA's, with names of another recorder."""
    for i in range(2):
        with h5py.File(folder / f"take_{i}.hdf5", "w") as file:
            file.attrs["verdict"], file.attrs["spoken_prompt"] = JUDGED[i], "Stack the cups."
            file["robot/joints"], file["robot/joints_goal"] = STATES[i], ACTIONS[i]
            file["clock"] = np.arange(COUNT) / 50
            file["film/head"] = pictures(100 * i, COUNT)


def write_messages(folder: Path) -> None:
    """A log a take, whose topics are called as no robot's are."""
    floats = "std_msgs/msg/Float64MultiArray"
    for i in range(2):
        sent = [image(T0 + k * 100_000_000, k, late_ns=0) for k in range(COUNT)]
        for k in range(COUNT):
            t = T0 + k * 100_000_000
            sent.append(Sent("/left_arm/readings", floats, t, {"data": STATES[i, k].tolist()}))
            sent.append(Sent("/wanted/setpoints", floats, t, {"data": ACTIONS[i, k].tolist()}))
            sent.append(Sent("/verdict", "std_msgs/msg/Bool", t, {"data": JUDGED[i]}))
        write_mcap(folder / f"take_{i}.mcap", by_log_time([*sent, text(T0, "Stack the cups.", "/spoken_prompt")]))


@pytest.mark.parametrize(
    ("write", "kind", "camera"),
    [
        (write_parquet, "lerobot", "front"), (write_demo_file, "robomimic", "head"), (write_files, "aloha", "head"),
        (write_messages, "mcap", "camera_top"),
    ],
)  # fmt: skip
def test_a_mapping_from_its_advice_folds_a_set_with_foreign_keys(
    handwheel: Command, tmp_path: Path, write: Callable[[Path], None], kind: str, camera: str
) -> None:
    folder = tmp_path / "takes"
    folder.mkdir()
    write(folder)
    code, printed, _ = handwheel("doctor", "--logs", str(folder))
    assert (code, f": {kind}, " in printed) == (0, True)
    store = folded(tmp_path, block_of(printed))
    episodes = sorted(store.read("episodes").to_pylist(), key=lambda e: (e["uri"], e["name"]))
    assert [e["outcome"] for e in episodes] == ["success", "failure"]
    assert {e["instruction"] for e in episodes} == {"Stack the cups."}
    assert [[c["camera"] for c in e["cameras"]] for e in episodes] == [[camera]] * 2
    rows = store.read("steps").to_pylist()
    for i, episode in enumerate(episodes):
        own = sorted((r for r in rows if r["steps_id"] == episode["steps_id"]), key=lambda r: r["frame"])
        np.testing.assert_array_equal(np.array([r["state"] for r in own], np.float32), STATES[i])
        np.testing.assert_array_equal(np.array([r["action_commanded"] for r in own], np.float32), ACTIONS[i])


def test_what_reads_well_gets_no_columns(handwheel: Command, tmp_path: Path) -> None:
    write_set(tmp_path / "set", [steps(next__success=[i == 19 for i in range(20)]), steps(next__success=[False] * 20)])
    for i in range(2):
        write_video(tmp_path / f"set/videos/chunk-000/{FRONT}/episode_{i:06d}.mp4", 20)
    _, printed, _ = handwheel("doctor", "--logs", str(tmp_path / "set"))
    assert "2 attempts would be taken" in printed
    assert block_of(printed).splitlines() == [
        "  [[robot]]", '  kind = "lerobot"', f'  uri = "{tmp_path / "set"}"'
    ]  # fmt: skip


def test_data_sets_that_want_other_columns_are_a_block_each(handwheel: Command, tmp_path: Path) -> None:
    write_set(tmp_path / "sets/plain", [steps()])
    write_parquet(tmp_path / "sets/foreign")
    write_video(tmp_path / f"sets/plain/videos/chunk-000/{FRONT}/episode_000000.mp4", 20)
    _, printed, _ = handwheel("doctor", "--logs", str(tmp_path / "sets"))
    block = block_of(printed)
    assert block.count("[[robot]]") == 2
    assert block.count("columns") == 1
    states = folded(tmp_path, block).read("steps")["state"].to_pylist()
    assert sorted(map(len, states)) == [2] * 20 + [5] * 2 * COUNT


def test_a_rate_that_nobody_states_is_asked_for(handwheel: Command, tmp_path: Path) -> None:
    folder = tmp_path / "takes"
    folder.mkdir()
    write_demo_file(folder)
    with h5py.File(folder / "takes.hdf5", "a") as file:
        file["data"].attrs["env_args"] = "{}"
    _, printed, _ = handwheel("doctor", "--logs", str(folder))
    assert "0 attempts would be taken" in printed
    block = block_of(printed).replace("# fps_hz = 20 ", "fps_hz = 20 ")
    assert set(folded(tmp_path, block).read("episodes")["fps_hz"].to_pylist()) == {20.0}


def test_logs_of_another_format_beside_are_named(handwheel: Command, tmp_path: Path) -> None:
    write_messages(tmp_path)
    write_set(tmp_path / "set", [steps()])
    _, printed, _ = handwheel("doctor", "--logs", str(tmp_path), "--json")
    found: dict[str, Any] = json.loads(printed)
    there = {found["kind"], *found["other_formats"]}
    assert {"mcap", "lerobot"} <= there
    _, printed, _ = handwheel("doctor", "--logs", str(tmp_path / "set"), "--json")
    assert json.loads(printed)["other_formats"] == {}  # episodes.jsonl and tasks.jsonl are the set's own
