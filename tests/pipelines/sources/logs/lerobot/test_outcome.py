"""How LeRobot episodes ended: labels in every spelling, columns that say nothing, and who says it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.sources.logs import lerobot
from pipelines.sources.logs.base import LogColumns, LogOptions
from pipelines.sources.logs.episode_log import EpisodeLog
from pipelines.sources.logs.lerobot import facts
from tests.support.lerobot_sets import read_set, steps, write_set

LAST = [False] * 19 + [True]
NEVER = [False] * 20


@pytest.mark.parametrize(
    "labels", [(1, 0), (1.0, 0.0), ("true", "false"), ("Success", "failed"), (True, False), ("yes", "no")]
)
@pytest.mark.parametrize("key", ["success", "is_success", "outcome", "task_success"])
@pytest.mark.slow
def test_a_label_of_the_metadata_is_a_persons(tmp_path: Path, labels: tuple[Any, Any], key: str) -> None:
    write_set(tmp_path, [steps(), steps()], about=[{key: label} for label in labels])
    logs, bad = read_set(tmp_path)
    assert [(log.outcome, log.outcome_source) for log in logs] == [("success", "human"), ("failure", "human")]
    assert not bad


def test_a_label_of_a_simulator_is_the_simulators(tmp_path: Path) -> None:
    write_set(tmp_path, [steps()], about=[{"success": 1}], robot="so101_sim")
    (log,), _ = read_set(tmp_path)
    assert (log.outcome, log.outcome_source, log.outcome_confidence) == ("success", "sim", 1.0)


@pytest.mark.parametrize("name", ["next.success", "success", "is_success", "next.is_success"])
@pytest.mark.parametrize(
    "kind",
    [np.bool_, np.int64, np.float32, lambda v: [[bool(x)] for x in v], lambda v: ["true" if x else "false" for x in v]],
)
@pytest.mark.slow
def test_success_by_frame_in_every_type(tmp_path: Path, name: str, kind: Any) -> None:
    columns = [kind(v) if not isinstance(kind, type) else np.array(v, kind) for v in (LAST, NEVER)]
    write_set(tmp_path, [steps() | {name: column} for column in columns])
    logs, bad = read_set(tmp_path)
    assert [(log.outcome, log.outcome_source) for log in logs] == [("success", "sensor"), ("failure", "sensor")]
    assert [log.ever_succeeded for log in logs] == [True, False]
    assert not bad


@pytest.mark.parametrize(
    "columns",
    [
        {"next.success": NEVER, "next.done": LAST, "next.reward": np.linspace(0, 0.94, 20)},
        {"next.reward": np.zeros(20), "next.done": LAST},
        {"next.reward": np.ones(20), "next.done": LAST},
        {"success": np.full(20, -1.0)},
    ],
)
def test_a_column_that_is_alike_in_the_whole_set_says_nothing(tmp_path: Path, columns: dict[str, Any]) -> None:
    write_set(tmp_path, [steps() | columns] * 3)
    logs, bad = read_set(tmp_path)
    assert [(log.outcome, log.outcome_source, log.ever_succeeded) for log in logs] == [("unknown", None, None)] * 3
    assert not bad


def test_one_other_row_anywhere_makes_the_column_tell(tmp_path: Path) -> None:
    """The file that tells lies before and behind those that it speaks for, in one whose own rows are alike."""
    rewards = [np.zeros(20), np.r_[np.zeros(19), 1.0], np.zeros(20)]
    write_set(tmp_path, [steps() | {"next.reward": r, "next.done": LAST} for r in rewards])
    assert [log.outcome for log in read_set(tmp_path)[0]] == ["failure", "success", "failure"]


def test_the_whole_set_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_set(tmp_path, [steps() | {"next.success": NEVER}] * 6)
    looked: list[str] = []
    own = facts._ends
    monkeypatch.setattr(facts, "_ends", lambda uri, column: looked.append(uri) or own(uri, column))
    assert len(read_set(tmp_path)[0]) == 6
    assert len(looked) == len(set(looked)) == 6


def test_success_that_was_lost_again_is_both_facts(tmp_path: Path) -> None:
    lost = [10 <= i < 15 for i in range(20)]
    write_set(tmp_path, [steps(next__success=lost), steps(next__reward=np.array(lost, np.float32), next__done=LAST)])
    assert [(log.outcome, log.ever_succeeded) for log in read_set(tmp_path)[0]] == [("failure", True)] * 2


@pytest.mark.parametrize("column", ["next.reward", "next.success", "intervention", "next.done"])
def test_a_column_that_cannot_be_read_costs_itself(tmp_path: Path, column: str) -> None:
    write_set(tmp_path, [steps() | {column: ["what"] * 20}])
    (log,), bad = read_set(tmp_path)
    assert (log.outcome, log.reward, log.intervention, log.done) == ("unknown", None, None, None)
    assert [(b.name, b.reason) for b in bad] == [(f"episode_000000/column {column}", "bad_table")]


def test_rewards_that_are_mostly_lost_are_left_out(tmp_path: Path) -> None:
    few, most = np.zeros(20, np.float32), np.zeros(20, np.float32)
    few[3], most[:15] = np.nan, np.nan
    write_set(tmp_path, [steps(next__reward=few), steps(next__reward=most)])
    (one, other), bad = read_set(tmp_path)
    assert one.reward is not None
    assert [n.code for n in one.notes] == ["lost_readings"]
    assert other.reward is None
    assert [(b.name, b.reason) for b in bad] == [("episode_000001/column next.reward", "non_finite")]


def test_a_label_that_is_no_outcome_costs_itself(tmp_path: Path) -> None:
    write_set(tmp_path, [steps(next__success=LAST)] * 2, about=[{"outcome": "partly"}, {"outcome": "unknown"}])
    (one, other), bad = read_set(tmp_path)
    assert (one.outcome, other.outcome) == ("unknown", "unknown")  # who labels it unknown has looked
    assert [(b.name, b.reason) for b in bad] == [("episode_000000/outcome", "bad_header")]


@pytest.mark.parametrize("where", ["column", "metadata"])
def test_the_config_says_which_is_the_outcome(tmp_path: Path, where: str) -> None:
    rows = [steps(next__success=LAST, grade=np.array(v, np.int64)) for v in (NEVER, LAST)]
    write_set(tmp_path, rows, about=[{"verdict": "no"}, {"verdict": "yes"}])
    name = {"column": "grade", "metadata": "verdict"}[where]
    logs, _ = read_set(tmp_path, LogOptions(columns=LogColumns(outcome=name)))
    assert [log.outcome for log in logs] == ["failure", "success"]
    missing = read_set(tmp_path, LogOptions(columns=LogColumns(outcome="gone")))
    assert {b.reason for b in missing[1]} == {"no_such_column"}
    assert "grade" in missing[1][0].detail


@pytest.mark.parametrize(
    "name", ["intervention", "is_intervention", "complementary_info.is_intervention", "human_intervention"]
)
@pytest.mark.parametrize("kind", [np.bool_, np.float32, np.int64, list])
@pytest.mark.slow
def test_interventions_in_every_spelling(tmp_path: Path, name: str, kind: Any) -> None:
    on = [5 <= i < 9 for i in range(20)]
    column = [[v] for v in on] if kind is list else np.array(on, kind)
    write_set(tmp_path, [steps() | {name: column}, steps() | {name: None}])
    (log, other), bad = read_set(tmp_path)
    assert log.intervention is not None
    assert log.intervention.tolist() == on
    assert (log.collect_mode, log.control_source) == ("autonomous", "policy")
    assert (other.collect_mode, other.control_source) == ("unknown", None)
    assert not bad


def test_who_held_the_controls_as_the_config_says(tmp_path: Path) -> None:
    write_set(tmp_path, [steps(is_intervention=[True] * 20)], about=[{"collect_mode": "play"}])
    modes = [read_set(tmp_path, LogOptions(collect_mode=m))[0][0].collect_mode for m in (None, "teleop")]
    assert modes == ["play", "teleop"]


@pytest.mark.parametrize(
    ("about", "part"),
    [
        ({"outcome": "success", "outcome_source": "gossip"}, "outcome"),
        ({"outcome": "success", "outcome_confidence": 7}, "outcome"),
        ({"collect_mode": "dreamt"}, "collect_mode"),
        ({"outcome": "failure", "failure_frame": 99}, "failure_frame"),
        ({"robot_id": True}, "robot_id"),
    ],
)
def test_metadata_that_say_nothing_that_is_known_cost_themselves(tmp_path: Path, about: dict, part: str) -> None:
    write_set(tmp_path, [steps()], about=[about])
    (log,), bad = read_set(tmp_path)
    assert (log.collect_mode, log.failure_frame, log.robot) == ("unknown", None, None)
    assert [(b.name, b.reason) for b in bad] == [(f"episode_000000/{part}", "bad_header")]


@pytest.mark.parametrize("afar", [False, True])
def test_afar_the_sets_own_statistics_spare_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, afar: bool
) -> None:
    """They are of another time than the rows here, so that it can be told which was asked."""
    write_set(tmp_path, [steps() | {"next.success": NEVER}] * 2)
    lines = [{"episode_index": i, "stats": {"next.success": {"min": [False], "max": [i == 1]}}} for i in range(2)]
    (tmp_path / "meta/episodes_stats.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    items = list(lerobot.list_logs(str(tmp_path)))
    monkeypatch.setattr(facts.objects, "is_remote", lambda uri: afar)
    logs = [part for item in items for part in lerobot.read(item, tmp_path) if isinstance(part, EpisodeLog)]
    assert [log.outcome for log in logs] == ["failure" if afar else "unknown"] * 2


@pytest.mark.parametrize(
    ("words", "mode"),
    [(["policy"] * 9 + ["human"] * 11, "autonomous"), (["Teleop"] * 20, "teleop"), (["left"] * 20, "unknown")],
)
def test_who_acted_by_a_word(tmp_path: Path, words: list[str], mode: str) -> None:
    write_set(tmp_path, [steps(control_source=words)])
    (log,), bad = read_set(tmp_path)
    expected = None if mode == "unknown" else [w in ("human", "Teleop") for w in words]
    assert (None if log.intervention is None else log.intervention.tolist()) == expected
    assert (log.collect_mode, bad) == (mode, [])


@pytest.mark.parametrize(
    ("labels", "outcomes"),
    [
        ((False, False), ("unknown", "unknown")), (("no", 0), ("unknown", "unknown")),
        ((False, None), ("failure", "unknown")), ((False, True), ("failure", "success")),
        ((True, True), ("success", "success")), ((-1, -1), ("unknown", "unknown")),
    ],
)  # fmt: skip
def test_no_success_in_every_episodes_metadata_says_nothing(
    tmp_path: Path, labels: tuple[Any, Any], outcomes: tuple[str, str]
) -> None:
    write_set(tmp_path, [steps(), steps()], about=[{} if label is None else {"success": label} for label in labels])
    logs, bad = read_set(tmp_path)
    assert tuple(log.outcome for log in logs) == outcomes
    assert not bad
    passed_over = outcomes == ("unknown", "unknown") and -1 not in labels
    assert [n.code for log in logs for n in log.notes] == ["label_says_nothing"] * 2 * passed_over


def test_a_label_of_no_success_of_the_only_episode_is_a_failure(tmp_path: Path) -> None:
    write_set(tmp_path, [steps()], about=[{"success": 0}])
    (log,), _ = read_set(tmp_path)
    assert (log.outcome, log.outcome_source, log.notes) == ("failure", "human", ())


def test_a_column_that_is_passed_over_is_told(tmp_path: Path) -> None:
    write_set(tmp_path, [steps() | {"next.success": NEVER}] * 2)
    assert [[n.detail.partition(";")[0] for n in log.notes] for log in read_set(tmp_path)[0]] == [
        ["next.success is no in every row of the data set"]
    ] * 2


@pytest.mark.parametrize(("key", "outcome"), [("outcome", None), ("success", "success")])
def test_a_stated_outcome_holds_where_all_failed(tmp_path: Path, key: str, outcome: str | None) -> None:
    write_set(tmp_path, [steps(), steps()], about=[{key: "failure"}] * 2)
    logs, _ = read_set(tmp_path, LogOptions(columns=LogColumns(outcome=outcome)))
    assert [log.outcome for log in logs] == ["failure", "failure"]
