"""RLDS shards: rows bit for bit, labels only where the shard tells attempts apart, damage costs itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from infra.readers import tfrecord
from pipelines.sources.logs import rlds
from pipelines.sources.logs.base import BadEpisode, LogColumns, LogOptions
from pipelines.sources.logs.episode_log import EpisodeLog
from schemas.errors import BadMedia
from tests.support.fuzzed import INPUTS
from tests.support.tfrecords import group, image, tensor, write_meta, write_shard

N = 7
STEP = {
    "action": tensor("float32", 4), "reward": tensor("float32"), "is_terminal": tensor("bool"),
    "language_instruction": {"text": {}},
    "observation": group({"state": tensor("float32", 3), "image": image(), "blind": image()}),
}  # fmt: skip


def jpeg(k: int) -> bytes:
    """A grey picture."""
    return bytes(cv2.imencode(".jpg", np.full((16, 24, 3), 10 * k, np.uint8))[1].tobytes())


def episode(seed: int, reward: float = 0.0, terminal: bool = True, words: bytes = b"pick it") -> dict[str, Any]:
    """An episode of N steps of random numbers."""
    rng, last = np.random.default_rng(seed), np.arange(N) == N - 1
    return {
        "steps/action": rng.normal(size=(N, 4)).astype(np.float32),
        "steps/observation/state": rng.normal(size=(N, 3)).astype(np.float32),
        "steps/reward": (last * reward).astype(np.float32), "steps/is_terminal": (last & terminal).astype(np.int64),
        "steps/language_instruction": [words] * N, "steps/observation/image": [jpeg(k + seed) for k in range(N)],
        "steps/observation/blind": [jpeg(0)] * N,
    }  # fmt: skip


def shard(root: Path, episodes: list[dict[str, Any]], said: int | None = None, **more: Any) -> Path:
    """A data set of one shard. said: what dataset_info.json says that it holds."""
    write_meta(root, STEP, {"train": [len(episodes) if said is None else said]}, **more)
    path = root / "arm_set-train.tfrecord-00000-of-00001"
    write_shard(path, episodes)
    return path


def read(root: Path, **said: Any) -> tuple[list[EpisodeLog], list[BadEpisode]]:
    """All that the reader gives."""
    options = LogOptions(**({"fps_hz": 5.0} | said))
    parts = [p for item in rlds.list_logs(str(root), options) for p in rlds.read(item, root, options)]
    logs = [p for p in parts if isinstance(p, EpisodeLog)]
    return logs, [p for p in parts if isinstance(p, BadEpisode)]


def test_rows_are_those_of_the_record(tmp_path: Path) -> None:
    made = [episode(1), episode(2)]
    shard(tmp_path, made)
    logs, _ = read(tmp_path)
    assert [log.name for log in logs] == ["train_000000", "train_000001"]
    for log, one in zip(logs, made, strict=True):
        assert log.states is not None
        assert log.actions is not None
        np.testing.assert_array_equal(log.states, one["steps/observation/state"])
        np.testing.assert_array_equal(log.actions, one["steps/action"])
        assert (log.instruction, log.split, log.fps_hz) == ("pick it", "train", 5.0)
        assert log.t_ns.tolist() == [i * 200_000_000 for i in range(N)]
        assert log.state_names == ("state_0", "state_1", "state_2")


def test_a_camera_that_shows_one_picture_is_left_out(tmp_path: Path) -> None:
    shard(tmp_path, [episode(1)])
    (log,), bad = read(tmp_path)
    assert [c.camera for c in log.cameras] == ["image"]
    assert [(b.name, b.reason) for b in bad] == [("train_000000/camera blind", "still_camera")]


@pytest.mark.parametrize(("rewards", "terminal", "outcomes"), [
    ((0.0, 0.0), True, ["unknown", "unknown"]), ((1.0, 0.0), True, ["success", "failure"]),
    ((1.0, 0.0), False, ["success", "unknown"]),
])  # fmt: skip
def test_a_failure_is_one_where_the_shard_tells_attempts_apart(
    tmp_path: Path, rewards: tuple[float, float], terminal: bool, outcomes: list[str]
) -> None:
    shard(tmp_path, [episode(i, r, terminal) for i, r in enumerate(rewards)])
    assert [log.outcome for log in read(tmp_path)[0]] == outcomes


def test_a_damaged_record_costs_itself_and_a_damaged_length_the_rest(tmp_path: Path) -> None:
    path = shard(tmp_path, [episode(i) for i in range(3)])
    write_shard(path, [episode(i) for i in range(3)], bad_crc=(1,))
    logs, bad = read(tmp_path)
    assert [log.name for log in logs] == ["train_000000", "train_000002"]
    assert [(b.name, b.reason) for b in bad if "/" not in b.name] == [("train_000001", "bad_record")]
    data = bytearray(path.read_bytes())
    data[3] ^= 1
    path.write_bytes(bytes(data))
    logs, bad = read(tmp_path)
    assert logs == []
    assert [(b.name, b.reason) for b in bad] == [("train_000000", "bad_file"), ("train_shard_00000", "other_count")]


def test_a_shard_that_holds_fewer_says_both_counts(tmp_path: Path) -> None:
    shard(tmp_path, [episode(1)], said=4)
    _, bad = read(tmp_path)
    assert bad[-1].detail == "1 records in the shard, dataset_info.json says 4"


def test_records_beyond_the_stated_ones_take_no_other_shards_names(tmp_path: Path) -> None:
    shard(tmp_path, [episode(1), episode(2), episode(3)], said=2)
    logs, bad = read(tmp_path)
    assert [log.name for log in logs] == ["train_000000", "train_000001"]
    assert ("train_shard_00000_record_2", "other_count") in [(b.name, b.reason) for b in bad]


def test_distances_are_no_camera(tmp_path: Path) -> None:
    shard(tmp_path, [{**episode(1), "steps/observation/depth": [jpeg(k) for k in range(N)]}])
    depth = {"image": {"dtype": "uint16", "shape": {"dimensions": ["16", "24", "1"]}}}
    inside = STEP["observation"]["featuresDict"]["features"]
    write_meta(tmp_path, {**STEP, "observation": group({**inside, "depth": depth})}, {"train": [1]})
    (log,), bad = read(tmp_path)
    assert [c.camera for c in log.cameras] == ["image"]
    assert ("train_000000/camera depth", "depth_camera") in [(b.name, b.reason) for b in bad]


@pytest.mark.parametrize(
    ("value", "outcome"), [(1.0, "success"), (0.0, "failure"), (-1.0, "unknown"), (np.nan, "unknown")]
)
def test_a_named_outcome_that_is_neither_is_unknown(tmp_path: Path, value: float, outcome: str) -> None:
    one = episode(1)
    one["steps/reward"][-1] = value
    shard(tmp_path, [one])
    assert read(tmp_path, columns=LogColumns(outcome="reward"))[0][0].outcome == outcome


def test_a_named_flag_leaves_out_and_one_that_is_nowhere_is_told(tmp_path: Path) -> None:
    shard(tmp_path, [{**episode(1), "steps/bad": [b"no"] * (N - 1) + [b"yes"]}])
    logs, bad = read(tmp_path, columns=LogColumns(discarded="bad"))
    assert (logs, bad[-1].reason) == ([], "discarded")
    logs, bad = read(tmp_path, columns=LogColumns(discarded="nope"))
    assert (logs, bad[-1].reason) == ([], "no_such_column")


def test_a_set_without_a_rate_is_refused_with_the_remedy(tmp_path: Path) -> None:
    shard(tmp_path, [episode(1)])
    with pytest.raises(BadMedia, match="fps_hz"):
        read(tmp_path, fps_hz=None)
    shard(tmp_path, [episode(1)], name="bridge_dataset")
    assert read(tmp_path, fps_hz=None)[0][0].fps_hz == 5.0


def test_columns_that_are_said_hold_and_unknown_ones_name_those_that_are_there(tmp_path: Path) -> None:
    shard(tmp_path, [episode(1)])
    (log,), _ = read(tmp_path, columns=LogColumns(state=("action", "observation/state")))
    assert log.states is not None
    assert log.states.shape == (N, 7)
    logs, bad = read(tmp_path, columns=LogColumns(state=("nope",)))
    assert logs == []
    assert "there are action, is_terminal, observation/state, reward" in bad[-1].detail


@pytest.mark.slow
def test_no_damage_raises_anything_else(tmp_path: Path) -> None:
    whole = shard(tmp_path, [episode(i) for i in range(3)]).read_bytes()
    path = tmp_path / "arm_set-train.tfrecord-00000-of-00001"
    rng = np.random.default_rng(5)
    for _ in range(INPUTS):
        data = bytearray(whole[: rng.integers(1, len(whole))] if rng.random() < 0.3 else whole)
        for at in rng.integers(0, len(data), rng.integers(1, 6)):
            data[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(data))
        logs, bad = read(tmp_path)
        assert len(logs) + sum("/" not in b.name for b in bad) >= 1
    assert list(tfrecord.records(path))


def test_shards_that_are_announced_and_not_there_are_told(tmp_path: Path) -> None:
    shard(tmp_path, [episode(1)])
    write_meta(tmp_path, STEP, {"train": [1, 4, 2], "val": [3], "test": [0]})
    logs, bad = read(tmp_path)
    assert len(logs) == 1
    assert [(b.name, b.reason, b.detail.partition(" by ")[0]) for b in bad if b.reason == "missing_file"] == [
        ("shards of train", "missing_file", "2 of 3 shards of train are not there, 6 episodes"),
        ("shards of val", "missing_file", "1 of 1 shards of val are not there, 3 episodes"),
    ]
    before = [item.revision for item in rlds.list_logs(str(tmp_path))]
    write_shard(tmp_path / "arm_set-val.tfrecord-00000-of-00001", [episode(2)])
    after = [item.revision for item in rlds.list_logs(str(tmp_path))]
    assert len(after) == len(before) + 1
    assert len(set(before) & set(after)) == 1  # what is not there any more or still is another revision
