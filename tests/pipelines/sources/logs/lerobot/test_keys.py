"""States and actions under the names that converters give them, and what is said of the rest."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.sources.logs.base import LogColumns, LogOptions
from tests.support.fuzzed import INPUTS
from tests.support.lerobot_sets import read_set, steps, write_set

AT = np.arange(20, dtype=np.float32)


def _columns(*names: str, width: int = 0) -> dict[str, Any]:
    """Column k of them holds AT + 100 k, as scalars or as lists of `width`."""
    made = {n: AT + 100 * k for k, n in enumerate(names)}
    return {n: list(np.stack([v] * width, 1)) if width else v for n, v in made.items()}


def _read(tmp_path: Path, columns: dict[str, Any], options: LogOptions = LogOptions(), **more: Any) -> Any:
    write_set(tmp_path, [columns], **more)
    logs, bad = read_set(tmp_path, options)
    assert len(logs) == 1, bad
    return logs[0], bad


@pytest.mark.parametrize(
    "keys",
    [("state", "actions"), ("observation.state", "actions"), ("observation.qpos", "action"), ("qpos", "actions"),
     ("observation/state", "action"), ("states", "action")],
)  # fmt: skip
def test_whole_vectors_under_other_names(tmp_path: Path, keys: tuple[str, str]) -> None:
    log, bad = _read(tmp_path, _columns(*keys, width=3))
    np.testing.assert_array_equal(log.states, np.stack([AT] * 3, 1))
    np.testing.assert_array_equal(log.actions, np.stack([AT + 100] * 3, 1))
    assert not bad


def test_a_scalar_column_a_joint(tmp_path: Path) -> None:
    names = ["observation.right.pos", "observation.left_gripper.pos", "action.right.pos", "action.left_gripper.pos"]
    features = {n: {"dtype": "float32", "shape": [1]} for n in names}
    log, bad = _read(tmp_path, dict(reversed(_columns(*names).items())), features=features)
    assert log.state_names == log.action_names == ("right.pos", "left_gripper.pos")  # in info.json's order
    np.testing.assert_array_equal(log.states, np.stack([AT, AT + 100], 1))
    np.testing.assert_array_equal(log.actions, np.stack([AT + 200, AT + 300], 1))
    assert not bad


def test_parts_of_a_state_side_by_side(tmp_path: Path) -> None:
    names = ["observation.states.joint.position", "observation.states.effector.position", "actions.joint.position"]
    log, _ = _read(tmp_path, _columns(*names, width=2))
    assert log.state_names == ("effector.position.0", "effector.position.1", "joint.position.0", "joint.position.1")
    np.testing.assert_array_equal(log.states[:, 2], AT)
    assert log.actions.shape == (20, 2)


def test_what_else_the_robot_sensed_is_part_of_the_state(tmp_path: Path) -> None:
    more = {"observation.environment_state": list(np.stack([AT] * 3, 1)), "observation.effort": AT}
    features = {
        "observation.state": {"names": ["a", "b"]},
        "observation.effort": {},
        "observation.environment_state": {},
    }
    log, bad = _read(tmp_path, steps() | more, features=features)
    expected = ("a", "b", "effort", *(f"environment_state.{i}" for i in range(3)))
    assert log.state_names == expected
    np.testing.assert_array_equal(log.states[:, :3], np.stack([AT, AT + 1, AT], 1))
    assert not bad


def test_a_further_column_that_is_lost_does_not_cost_the_state(tmp_path: Path) -> None:
    log, bad = _read(tmp_path, steps() | {"observation.effort": np.full(20, np.nan)})
    assert log.states.shape == (20, 2)
    assert [(b.name, b.reason) for b in bad] == [("episode_000000/column observation.effort", "non_finite")]


def test_numbers_that_nothing_takes_are_told(tmp_path: Path) -> None:
    grid = [[[1.0, 2.0], [3.0, 4.0]]] * 20
    log, bad = _read(tmp_path, steps() | {"observation.tactile": grid, "action.raw": AT, "penalty": AT})
    assert log.states.shape == log.actions.shape == (20, 2)
    assert [(b.name, b.reason) for b in bad] == [("episode_000000/columns", "unread_columns")]
    assert all(name in bad[0].detail for name in ("observation.tactile", "action.raw", "columns.state"))
    assert [(n.code, n.detail) for n in log.notes] == [("unread_columns", "penalty")]


def test_the_config_names_the_columns(tmp_path: Path) -> None:
    columns = LogColumns(state=("arm", "hand"), action=("goal",))
    write_set(tmp_path, [_columns("hand", "arm", "goal", "observation.state", "action")])
    (log,), bad = read_set(tmp_path, LogOptions(columns=columns))
    np.testing.assert_array_equal(log.states, np.stack([AT + 100, AT], 1))
    np.testing.assert_array_equal(log.actions, (AT + 200)[:, None])
    assert log.state_names == ("arm", "hand")
    logs, bad = read_set(tmp_path, LogOptions(columns=LogColumns(state=("arms",))))
    assert not logs
    assert [b.reason for b in bad] == ["no_such_column"]
    assert "arms" in bad[0].detail
    assert "hand" in bad[0].detail


def test_where_nothing_fits_the_columns_are_named(tmp_path: Path) -> None:
    write_set(tmp_path, [_columns("proprioception_vector", "command_vector", width=2)])
    logs, bad = read_set(tmp_path)
    assert not logs
    assert [b.reason for b in bad] == ["no_states_or_actions"]
    assert all(w in bad[0].detail for w in ("proprioception_vector", "command_vector", "columns.state"))


def test_an_attempt_without_actions_is_told(tmp_path: Path) -> None:
    log, bad = _read(tmp_path, _columns("observation.state", width=2) | {"command": list(np.stack([AT] * 2, 1))})
    assert log.actions is None
    assert [(b.name, b.reason) for b in bad] == [("episode_000000/action", "no_actions")]
    assert "command" in bad[0].detail


@pytest.mark.parametrize(
    ("stated", "names"),
    [
        ([["a", "b"]], ("a", "b")),
        ({"b": 1, "a": 0}, ("a", "b")),
        ({"motors": ["a", "b"]}, ("a", "b")),
        ({"left": ["x"], "right": ["x"]}, ("left.x", "right.x")),
        (["a"], ()),
        (None, ()),
    ],
)
def test_names_of_axes(tmp_path: Path, stated: Any, names: tuple[str, ...]) -> None:
    log, _ = _read(tmp_path, steps(), features={"observation.state": {"dtype": "float32", "names": stated}})
    assert log.state_names == names


def test_indices_as_doubles_and_lost_rows(tmp_path: Path) -> None:
    rows = steps() | {"episode_index": np.zeros(20), "task_index": np.zeros(20), "frame_index": AT.astype(np.float64)}
    rows["observation.state"][4] = None
    rows["action"][5] = np.array([np.nan, 1], np.float32)
    log, bad = _read(tmp_path, rows)
    assert log.instruction == "put the cube in the bin"
    assert np.flatnonzero(~np.isfinite(log.states).all(axis=1)).tolist() == [4]
    assert np.flatnonzero(~np.isfinite(log.actions).all(axis=1)).tolist() == [5]
    assert [n.code for n in log.notes] == ["lost_readings"] * 2
    assert not bad


@pytest.mark.parametrize("clock", [np.zeros(20), np.full(20, np.nan), ["later"] * 20])
def test_a_clock_that_cannot_be_used_costs_itself(tmp_path: Path, clock: Any) -> None:
    log, bad = _read(tmp_path, steps() | {"timestamp": clock})
    assert log.t_ns.tolist() == [i * 100_000_000 for i in range(20)]
    assert [b.name for b in bad] == ([] if isinstance(clock, list) else ["episode_000000/column timestamp"])


def test_signs_in_the_numbers(tmp_path: Path) -> None:
    absent = np.stack([np.full(20, -1, np.float32), AT], 1)
    log, _ = _read(tmp_path, {"observation.state": list(absent), "action": list(absent)})
    assert [(n.code, n.detail) for n in log.notes] == [
        ("constant_axes", "state: 0 = -1"), ("constant_axes", "action: 0 = -1"), ("action_is_state", "in all 20 steps"),
    ]  # fmt: skip
    moving, _ = read_set(write_set(tmp_path / "other", [steps()]))
    assert not moving[0].notes


@pytest.mark.parametrize(
    ("stated", "name"), [("Unitree G1 (Dex3)", "Unitree_G1_Dex3"), ("a..b", "a.b"), ("機械", "unknown")]
)
@pytest.mark.slow
def test_a_robots_type_is_made_a_name(tmp_path: Path, stated: str, name: str) -> None:
    log, _ = _read(tmp_path, steps(), robot=stated)
    assert log.embodiment == name
    assert [n.code for n in log.notes] == ["robot_renamed"]
    assert stated in log.notes[0].detail
    assert read_set(tmp_path, LogOptions(embodiment="g1"))[0][0].embodiment == "g1"


def test_poses_in_lists_of_lists_and_slashes(tmp_path: Path) -> None:
    """As AgiBot World's ends: two arms of three numbers; a picture of touch is none."""
    pose = np.arange(120, dtype=np.float32).reshape(20, 2, 3)
    columns = {
        "observation/joint": list(np.stack([AT] * 2, 1)), "observation/end/position": pose.tolist(),
        "actions/joint": AT, "observation/touch": np.zeros((20, 16, 16)).tolist(),
    }  # fmt: skip
    shapes = {"observation/joint": [2], "observation/end/position": [2, 3], "observation/touch": [16, 16]}
    log, bad = _read(tmp_path, columns, features={k: {"dtype": "float32", "shape": s} for k, s in shapes.items()})
    assert log.state_names[:3] == ("joint.0", "joint.1", "end.position.0")
    np.testing.assert_array_equal(log.states[:, 2:], pose.reshape(20, 6))
    np.testing.assert_array_equal(log.actions[:, 0], AT)
    assert [(b.reason, "touch" in b.detail) for b in bad] == [("unread_columns", True)]


def test_axes_that_no_step_has_cost_themselves(tmp_path: Path) -> None:
    rows = steps()
    rows["observation.state"] = [np.array([i, np.nan], np.float32) for i in range(20)]
    log, bad = _read(tmp_path, rows, features={"observation.state": {"names": ["right", "left"]}})
    assert log.states[:, 0].tolist() == list(range(20))
    assert log.state_names == ("right",)
    assert [(b.name, b.reason, b.detail) for b in bad] == [
        ("episode_000000/axes of observation.state", "non_finite", "left")
    ]


_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.floats(width=32), st.text(max_size=3),
    st.lists(st.floats(width=32), max_size=3), st.lists(st.text(max_size=2), max_size=2),
    st.lists(st.fixed_dictionaries({"content": st.text(max_size=2), "timestamp": st.floats(width=32)}), max_size=2),
)  # fmt: skip
_NAMES = st.sampled_from([
    "observation.state", "action", "actions", "state", "next.reward", "next.done", "next.success", "is_success",
    "outcome", "intervention", "complementary_info.is_intervention", "task_index", "subtask_index",
    "annotation.human.validity",
    "language_persistent", "language_events", "task", "timestamp", "observation.effort", "action_executed",
])  # fmt: skip
_KEYS = st.sampled_from(
    ["success", "outcome", "outcome_source", "failure_frame", "task", "collect_mode", "robot_id", "tasks"]
)
_ABOUT = st.dictionaries(_KEYS, st.one_of(st.booleans(), st.integers(), st.text(max_size=4)), max_size=3)


@st.composite
def _odd_columns(draw: st.DrawFn) -> dict[str, Any]:
    """Columns of three steps, each of values that Arrow takes as one type."""
    columns: dict[str, Any] = {}
    for name in draw(st.lists(_NAMES, unique=True, max_size=6)):
        first = draw(_VALUES)
        values = [first, first if draw(st.booleans()) else None, first]
        columns[name] = pa.array(values)
    return columns


@pytest.mark.slow
@settings(max_examples=INPUTS, deadline=None)
@given(_odd_columns(), _ABOUT)
def test_whatever_the_columns_hold_an_attempt_or_a_reason_comes_back(columns: Any, about: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_set(Path(folder), [steps(3) | columns], about=[about])
        logs, bad = read_set(Path(folder))
    assert len(logs) == 1 or len(bad) == 1
    assert all(b.reason and "Error" not in b.reason for b in bad)


def test_objects_in_a_column_are_columns_with_dots(tmp_path: Path) -> None:
    rows = {
        "observation": [{"state": [i, 1.5], "effort": {"arm": i / 2}} for i in range(20)],
        "action": [{"arm": float(i)} for i in range(20)],
        "complementary_info": [{"is_intervention": i > 9} for i in range(20)],
    }
    log, bad = _read(tmp_path, rows)
    assert log.states[:, 0].tolist() == log.actions[:, 0].tolist() == list(range(20))
    assert log.state_names == ("state.0", "state.1", "effort.arm")
    assert log.intervention.tolist() == [i > 9 for i in range(20)]
    assert not bad


@pytest.mark.parametrize(
    ("column", "reasons"),
    [
        ([[True]] * 20, ["discarded"]),
        ([[False]] * 20, []),
        (["no"] * 20, []),
        ([[]] * 20, []),
        ([{"a": 1}] * 20, ["bad_header"]),  # it says neither
    ],
)
def test_a_column_that_discards_in_any_type(tmp_path: Path, column: Any, reasons: list[str]) -> None:
    write_set(tmp_path, [steps() | {"discarded": column}])
    logs, bad = read_set(tmp_path)
    assert (len(logs), [b.reason for b in bad]) == (1 - len(reasons), reasons)
