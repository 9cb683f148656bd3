"""A data set is listed and read once a listing and process, however many episodes it has; GR00T's names of axes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra.storage import objects
from infra.storage.objects import ObjectInfo
from pipelines.sources.logs import lerobot
from pipelines.sources.logs.base import LogItem
from pipelines.sources.logs.episode_log import EpisodeLog
from pipelines.sources.logs.lerobot import opened
from schemas.errors import BadMedia
from tests.support.lerobot_edits import EPISODES, put_column, put_features, put_info, read_all, reasons
from tests.support.robot_logs import LeRobotSpec, write_lerobot, write_lerobot_v21

OLD = LeRobotSpec(lengths=(3,) * 12, version="v2.1", orphans=0, rewards=None)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often anything is listed, and which file is read how often."""
    seen: Counter[str] = Counter()
    list_objects, read_bytes = objects.list_objects, objects.read_bytes

    def counted_list(prefix: str) -> Iterator[ObjectInfo]:
        seen["list"] += 1
        yield from list_objects(prefix)

    def counted_read(uri: str) -> bytes:
        seen[Path(uri).name] += 1
        return read_bytes(uri)

    monkeypatch.setattr(objects, "list_objects", counted_list)
    monkeypatch.setattr(objects, "read_bytes", counted_read)
    monkeypatch.setattr(opened, "_open", {})
    return seen


def _read(items: list[LogItem], root: Path) -> int:
    return sum(isinstance(p, EpisodeLog) for item in items for p in lerobot.read(item, root))


def test_metadata_are_read_once_a_process(tmp_path: Path, calls: Counter[str]) -> None:
    write_lerobot_v21(tmp_path, OLD)
    items = list(lerobot.list_logs(str(tmp_path)))
    assert (len(items), _read(items, tmp_path), _read(items, tmp_path)) == (12, 12, 12)
    assert (calls["list"], calls["info.json"], calls["episodes.jsonl"], calls["tasks.jsonl"]) == (1, 1, 1, 1)
    opened.forget()  # as in a worker that did not list
    assert _read(items, tmp_path) == 12
    assert (calls["list"], calls["info.json"], calls["episodes.jsonl"], calls["tasks.jsonl"]) == (2, 2, 2, 2)


def test_what_changed_is_read_again(tmp_path: Path, calls: Counter[str]) -> None:
    write_lerobot(tmp_path, LeRobotSpec(lengths=(3, 3), orphans=0, rewards=None))
    assert len(read_all(tmp_path)[0]) == 2
    put_info(tmp_path, discarded_episode_indices=[0])
    assert len(read_all(tmp_path)[0]) == 1
    assert (calls["list"], calls["info.json"]) == (2, 2)


def test_a_process_keeps_no_more_than_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened, "_open", {})
    for name in "abc":
        write_lerobot(tmp_path / name, LeRobotSpec(lengths=(3, 3), orphans=0, rewards=None))
    monkeypatch.setattr(opened, "KEPT_ENTRIES", 15)  # each has 5 files and 2 episodes
    logs, bad = read_all(tmp_path)
    assert (len(logs), bad) == (6, [])
    assert [root[-1] for root, _ in opened._open] == ["b", "c"]


VECTOR = {"dtype": "float32", "shape": [6]}
GROUPS = {
    "state": {"arm": {"start": 0, "end": 5}, "gripper": {"start": 5, "end": 6}},
    "action": {"arm": {"start": 0, "end": 5}, "far": {"start": 4, "end": 9}, "own": {"start": 0, "end": 1,
               "original_key": "action.other"}},
}  # fmt: skip
NAMES = ("arm.0", "arm.1", "arm.2", "arm.3", "arm.4")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([f"motor_{i}" for i in range(6)], (*NAMES, "gripper")),
        (None, (*NAMES, "gripper")),
        (["pan", "lift", "elbow", "flex", "roll", "grip"], ("pan", "lift", "elbow", "flex", "roll", "grip")),
    ],
)
@pytest.mark.slow
def test_groups_of_axes_name_what_has_numbers_only(tmp_path: Path, names: Any, expected: tuple[str, ...]) -> None:
    write_lerobot_v21(tmp_path, OLD)
    put_features(tmp_path, **{"observation.state": VECTOR | {"names": names}, "action": VECTOR | {"names": names}})
    (tmp_path / "meta/modality.json").write_text(json.dumps(GROUPS))
    log = read_all(tmp_path)[0][0]
    assert log.state_names == expected
    last = {"motor_0": "motor_5", "pan": "grip"}.get(names[0] if names else "", "5")
    assert log.action_names == (*expected[:5], last)  # no group has the last axis


def test_a_broken_modality_costs_its_names(tmp_path: Path) -> None:
    write_lerobot_v21(tmp_path, OLD)
    (tmp_path / "meta/modality.json").write_text("{")
    logs, bad = read_all(tmp_path)
    assert len(logs) == 12
    assert reasons(bad) == [("meta/modality.json", "bad_json")]


def test_a_broken_line_of_the_tasks_costs_itself(tmp_path: Path) -> None:
    write_lerobot_v21(tmp_path, OLD)
    path = tmp_path / "meta/tasks.jsonl"
    path.write_text(path.read_text() + '{"task_index": 2, "ta')
    logs, bad = read_all(tmp_path)
    assert len(logs) == 12
    assert reasons(bad) == [("meta/tasks.jsonl line 3", "bad_json")]


@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
def test_a_set_without_its_tasks_is_taken(tmp_path: Path, version: str) -> None:
    (write_lerobot if version == "v3.0" else write_lerobot_v21)(
        tmp_path, LeRobotSpec(lengths=(3,), version=version, orphans=0, rewards=None)
    )
    for path in tmp_path.glob("meta/tasks.*"):
        path.unlink()
    (log,), bad = read_all(tmp_path)
    assert (log.instruction, bad) == ("Put the cube in the bin.", [])


def test_a_layout_says_its_version_where_info_does_not(tmp_path: Path) -> None:
    write_lerobot(tmp_path / "new", LeRobotSpec(lengths=(3,), orphans=0, rewards=None))
    write_lerobot_v21(tmp_path / "old", LeRobotSpec(lengths=(3,), version="v3.0", orphans=0, rewards=None))
    put_info(tmp_path / "new", codebase_version=None)
    logs, bad = read_all(tmp_path)
    assert ([log.name for log in logs], bad) == (["episode_000000"] * 2, [])


def test_task_texts_may_be_a_dictionary_column(tmp_path: Path) -> None:
    write_lerobot(tmp_path, LeRobotSpec(lengths=(3, 3), orphans=0, rewards=None))
    texts = pa.array(["Lift it.", "Turn it."]).dictionary_encode()
    pq.write_table(pa.table({"task_index": [0.0, 1.0], "task": texts}), tmp_path / "meta/tasks.parquet")
    put_column(tmp_path / EPISODES, "tasks", None)
    assert [log.instruction for log in read_all(tmp_path)[0]] == ["Lift it.", "Turn it."]


@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
def test_a_set_without_info_is_told(tmp_path: Path, version: str) -> None:
    write = write_lerobot if version == "v3.0" else write_lerobot_v21
    write(tmp_path / "set", LeRobotSpec(lengths=(3,), version=version, orphans=0, rewards=None))
    (tmp_path / "set/meta/info.json").unlink()
    (item,) = lerobot.list_logs(str(tmp_path))
    assert item.root == str(tmp_path / "set")
    with pytest.raises(BadMedia, match=r"meta/info\.json") as refused:
        list(lerobot.read(item, tmp_path))
    assert refused.value.reason == "missing_file"


def test_words_that_are_nowhere_are_told(tmp_path: Path) -> None:
    write_lerobot(tmp_path, LeRobotSpec(lengths=(3, 3), orphans=0, rewards=None))
    put_features(tmp_path, task_index={"dtype": "int64", "shape": [1], "names": None})
    put_column(tmp_path / EPISODES, "tasks", [["Lift it."], []])
    (tmp_path / "meta/tasks.parquet").unlink()
    logs, (bad,) = read_all(tmp_path)
    assert [log.instruction for log in logs] == ["Lift it.", None]
    assert (bad.name, bad.reason) == ("meta/tasks", "missing_file")
    assert bad.detail == "no list of tasks; 1 of 2 episodes have no words of their own"
