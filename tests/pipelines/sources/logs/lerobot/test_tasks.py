"""What LeRobot episodes were to do: texts by frame, words that are no tasks, language columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.sources.logs.base import LogColumns, LogOptions
from pipelines.sources.logs.episode_log import EpisodeLog
from tests.support.lerobot_sets import read_set, steps, write_set, write_subtasks

TASKS = ("open the drawer", "valid", "put the cube in it", "close it")


def _spans(log: EpisodeLog, kind: str = "task") -> list[tuple[str, int, int]]:
    return [(t.text, t.start_frame, t.end_frame) for t in log.tasks if t.kind == kind]


def _read(tmp_path: Path, columns: dict[str, Any], stated: list[str], options: LogOptions = LogOptions()) -> EpisodeLog:
    write_set(tmp_path, [steps() | columns], tasks=TASKS, about=[{"tasks": stated}])
    (log,), bad = read_set(tmp_path, options)
    assert not bad
    return log


def test_tasks_that_change_on_the_way(tmp_path: Path) -> None:
    index = [0] * 5 + [2] * 7 + [0] * 2 + [3] * 6
    log = _read(tmp_path, {"task_index": index}, ["close it", "open the drawer", "put the cube in it"])
    assert _spans(log) == [(TASKS[0], 0, 5), (TASKS[2], 5, 12), (TASKS[0], 12, 14), (TASKS[3], 14, 20)]
    assert log.instruction == "open the drawer"


def test_one_task_has_no_spans_and_the_rows_hold(tmp_path: Path) -> None:
    log = _read(tmp_path, {"task_index": [2] * 20}, ["close it"])
    assert (log.instruction, log.tasks) == ("put the cube in it", ())
    assert [n.code for n in log.notes] == ["task_disagrees"]


def test_a_word_of_validity_is_no_task(tmp_path: Path) -> None:
    """As GR00T's data sets have it: indices into the tasks, for the task and for what a labeller thought of it."""
    gr00t = {
        "task_index": [1] * 20, "annotation.human.validity": [1] * 20,
        "annotation.human.action.task_description": [3] * 20, "annotation.human.coarse_action": [0] * 8 + [2] * 12,
    }  # fmt: skip
    log = _read(tmp_path, gr00t, ["valid", "close it"])
    assert log.instruction == "close it"
    assert {(n.code, n.detail) for n in log.notes} == {("validity", "valid")}
    assert _spans(log, "coarse_action") == [(TASKS[0], 0, 8), (TASKS[2], 8, 20)]
    assert not _spans(log)


def test_subtasks_and_indices_that_name_nothing(tmp_path: Path) -> None:
    write_subtasks(tmp_path, ["grasp", "lift"])
    log = _read(tmp_path, {"subtask_index": [-1] * 4 + [0] * 6 + [1] * 5 + [9] * 5}, ["open the drawer"])
    assert _spans(log, "subtask") == [("grasp", 4, 10), ("lift", 10, 15)]
    assert log.instruction == "open the drawer"


def _utterance(text: str | None, style: str, at_s: float) -> dict[str, Any]:
    return {"role": "assistant", "content": text, "style": style, "timestamp": at_s}


def test_language_columns(tmp_path: Path) -> None:
    stated = [("grasp", "subtask", 0.0), ("lift", "subtask", 1.2), ("a", "task_aug", 0.0), ("b", "task_aug", 0.0)]
    lasting = [_utterance(*one) for one in stated] + [_utterance(None, "plan", 0.0)]
    events: list[list[dict[str, Any]]] = [[] for _ in range(20)]
    events[7] = [_utterance("faster", "interjection", 0.0)]
    log = _read(tmp_path, {"language_persistent": [lasting] * 20, "language_events": events}, ["open the drawer"])
    assert _spans(log, "subtask") == [("grasp", 0, 12), ("lift", 12, 20)]
    assert _spans(log, "task_aug") == [("a", 0, 20), ("b", 0, 20)]
    assert _spans(log, "interjection") == [("faster", 7, 8)]
    assert not _spans(log, "plan")


@pytest.mark.parametrize("name", ["task", "language_instruction", "annotation.human.task_description"])
def test_texts_in_the_rows(tmp_path: Path, name: str) -> None:
    log = _read(tmp_path, {"task_index": [99] * 20, name: ["stir"] * 10 + ["pour"] * 10}, [])
    assert log.instruction == "stir"
    assert _spans(log) == [("stir", 0, 10), ("pour", 10, 20)]


def test_the_config_says_where_the_task_is(tmp_path: Path) -> None:
    columns = {"goal": ["wipe it"] * 20, "step": [0] * 10 + [3] * 10}
    log = _read(tmp_path, columns, ["close it"], LogOptions(columns=LogColumns(task="goal")))
    assert (log.instruction, log.tasks) == ("wipe it", ())
    log = _read(tmp_path, columns, ["close it"], LogOptions(columns=LogColumns(task="step")))
    assert _spans(log) == [(TASKS[0], 0, 10), (TASKS[3], 10, 20)]
    write_set(tmp_path, [steps()], about=[{"instruction_de": "schließen"}])
    log = read_set(tmp_path, LogOptions(columns=LogColumns(task="instruction_de")))[0][0]
    assert log.instruction == "schließen"
    (log,), bad = read_set(tmp_path, LogOptions(columns=LogColumns(task="gone")))
    assert [(b.name, b.reason) for b in bad] == [("episode_000000/task", "no_such_column")]


@pytest.mark.parametrize("column", [np.linspace(0, 1, 20), [{"a": 1}] * 20])
def test_a_column_of_tasks_that_cannot_be_read_costs_itself(tmp_path: Path, column: Any) -> None:
    write_set(tmp_path, [steps() | {"annotation.human.action": column, "language_events": column}])
    (log,), bad = read_set(tmp_path)
    assert log.instruction == "put the cube in the bin"
    assert {b.reason for b in bad} <= {"bad_table"}
    assert any(b.name == "episode_000000/language" for b in bad)


@pytest.mark.parametrize(
    ("about", "instruction"),
    [
        ({"tasks": ["0"]}, "open the drawer"),
        ({"tasks": "stir"}, "stir"),
        ({"tasks": [], "language_instruction": "pour"}, "pour"),
        ({"tasks": [], "success": True}, None),
        ({"tasks": ["valid", "close it"]}, "close it"),
    ],
)
def test_tasks_of_the_metadata_where_the_rows_have_none(tmp_path: Path, about: dict, instruction: str | None) -> None:
    write_set(tmp_path, [steps(task_index=[99] * 20)], tasks=TASKS, about=[about])
    (log,), bad = read_set(tmp_path)
    assert (log.instruction, log.tasks, bad) == (instruction, (), [])


def test_a_text_that_cannot_be_stored_costs_itself(tmp_path: Path) -> None:
    write_set(tmp_path, [steps()], tasks=("a\0b",), about=[{"tasks": ["a\0b"]}])
    (log,), bad = read_set(tmp_path)
    assert log.instruction is None
    assert {b.reason for b in bad} == {"bad_text"}
