"""Plain logs: what is written is what is read, whatever else lies beside it."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipelines.fold.rows import Origin, episode_row, step_table
from pipelines.sources.logs import plain_log
from pipelines.sources.logs.base import BadEpisode, LogColumns, LogOptions
from pipelines.sources.logs.episode_log import EpisodeLog
from schemas import Step
from schemas.arrow import rows_of, schema_of
from schemas.errors import BadMedia
from schemas.spans import NS
from tests.support.robot_logs import write_plain

FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)
STEPS = st.integers(1, 8).flatmap(
    lambda t: st.tuples(
        hnp.arrays(np.float32, (t, 3), elements=FINITE), hnp.arrays(np.float32, (t, 2), elements=FINITE)
    )
)


def _all(folder: Path) -> dict[str, EpisodeLog | str]:
    """Every log of the folder by file name: the attempt, or the reason it was refused."""
    out: dict[str, EpisodeLog | str] = {}
    for item in plain_log.list_logs(str(folder)):
        try:
            (log,) = plain_log.read(item, folder)
            assert isinstance(log, EpisodeLog)
            out[Path(item.uri).stem] = log
        except BadMedia as error:
            out[Path(item.uri).stem] = error.reason
    return out


def _one(folder: Path) -> EpisodeLog:
    (log,) = _all(folder).values()
    assert isinstance(log, EpisodeLog), log
    return log


def _touch_video(folder: Path, name: str) -> None:
    (folder / f"{name}.mp4").write_bytes(b"a recording that no reader of logs opens")


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_arrays_come_back_as_they_were(data: tuple[np.ndarray, np.ndarray]) -> None:
    states, actions = data
    with tempfile.TemporaryDirectory() as folder:
        write_plain(Path(folder), "episode_000", states, actions, video=False)
        _touch_video(Path(folder), "episode_000")
        log = _one(Path(folder))
    assert log.states is not None
    assert log.actions is not None
    np.testing.assert_array_equal(log.states, states)
    np.testing.assert_array_equal(log.actions, actions)
    assert log.t_ns.tolist() == [i * NS // 10 for i in range(len(states))]
    assert not log.states.flags.writeable
    rows = rows_of(Step, step_table(log))
    assert step_table(log).schema == schema_of(Step)
    assert [r.state for r in rows] == states.tolist()
    assert [r.frame for r in rows] == list(range(len(states)))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 9), st.binary(min_size=1, max_size=12), st.integers(0, 2))
def test_a_broken_line_costs_one_episode(line: int, junk: bytes, victim: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for i in range(3):
            write_plain(folder, f"episode_{i:03d}", np.ones((9, 2)) * i, np.ones((9, 1)), video=False)
            _touch_video(folder, f"episode_{i:03d}")
        path = folder / f"episode_{victim:03d}.jsonl"
        lines = path.read_bytes().splitlines()
        lines[line] = lines[line][: len(lines[line]) // 2] + b"\x00" + junk.replace(b"\n", b"")
        path.write_bytes(b"\n".join(lines))
        found = _all(folder)
    assert found.pop(f"episode_{victim:03d}") == "bad_json"
    assert all(isinstance(log, EpisodeLog) for log in found.values())
    assert len(found) == 2


def test_a_corrected_outcome_is_a_new_revision_of_the_same_episode(tmp_path: Path) -> None:
    steps = np.ones((5, 3)), np.ones((5, 2))
    write_plain(tmp_path, "episode_000", *steps, video=False)
    _touch_video(tmp_path, "episode_000")
    before = _one(tmp_path)
    corrected = {
        "outcome": {"value": "failure", "source": "human", "confidence": 0.8},
        "failure_mode": "dropped",
    }
    path = write_plain(tmp_path, "episode_000", *steps, header=corrected, video=False)
    os.utime(path, ns=(before.modified_ns + NS, before.modified_ns + NS))
    after = _one(tmp_path)
    origin = Origin("lab", str(tmp_path), "plain_log 2.1")
    rows = [
        episode_row(log, origin, {c.uri: "0" * 64 for c in log.cameras}, "steps", run_id="r", salt="s")
        for log in (before, after)
    ]
    assert rows[0].episode_id == rows[1].episode_id
    assert rows[0].episode_row_id != rows[1].episode_row_id
    assert rows[1].modified_ns > rows[0].modified_ns
    assert (before.outcome, before.outcome_source) == ("success", "sim")
    assert (after.outcome, after.outcome_source, after.outcome_confidence) == ("failure", "human", 0.8)
    assert (after.failure_mode, before.failure_mode) == ("dropped", None)


@pytest.mark.parametrize("lost", [float("nan"), float("inf"), 1e39])
def test_a_lost_reading_costs_its_step_and_is_noted(tmp_path: Path, lost: float) -> None:
    path = write_plain(tmp_path, "episode_000", np.ones((2, 3)), np.ones((2, 1)), video=False)
    _touch_video(tmp_path, "episode_000")
    path.write_text(path.read_text() + json.dumps({"t": 0.2, "state": [1, 2, lost], "action": [1]}) + "\n")
    log = _one(tmp_path)
    assert [(n.code, n.detail) for n in log.notes] == [("lost_readings", "states in 1 of 3 steps, first 2")]
    rows = step_table(log)
    assert rows["state"].to_pylist() == [[1, 1, 1], [1, 1, 1], None]
    assert rows["action_commanded"].null_count == 0


def test_a_last_step_without_an_action_costs_that_step(tmp_path: Path) -> None:
    path = write_plain(tmp_path, "episode_000", np.ones((4, 3)), np.ones((4, 1)), video=False)
    _touch_video(tmp_path, "episode_000")
    path.write_text(path.read_text() + json.dumps({"t": 0.4, "state": [4, 5, 6]}) + "\n")
    rows = step_table(_one(tmp_path))
    assert rows["action_commanded"].to_pylist() == [[1], [1], [1], [1], None]
    assert rows["state"].to_pylist()[-1] == [4, 5, 6]


def _parts(folder: Path, options: LogOptions = LogOptions()) -> tuple[EpisodeLog, list[BadEpisode]]:
    (item,) = plain_log.list_logs(str(folder), options)
    log, *bad = plain_log.read(item, folder, options)
    assert isinstance(log, EpisodeLog)
    return log, [b for b in bad if isinstance(b, BadEpisode)]


@pytest.mark.parametrize(
    ("more", "part", "reason"),
    [
        ({"reward": float("nan")}, "reward", "non_finite"),
        ({"intervention": "perhaps"}, "intervention", "bad_header"),
        ({"action_executed": ["a"]}, "action_executed", "ragged_rows"),
    ],
)
def test_a_key_that_cannot_be_read_costs_itself(tmp_path: Path, more: dict, part: str, reason: str) -> None:
    _write_steps(tmp_path, {}, [more] * 4)
    log, bad = _parts(tmp_path)
    assert (log.reward, log.intervention, log.actions_executed) == (None, None, None)
    assert [(b.name, b.reason) for b in bad] == [(f"episode_000/{part}", reason)]


def _write_steps(folder: Path, header: dict, more: list[dict]) -> None:
    lines = [{"t": i / 10, "state": [i, 2], "action": [i]} | step for i, step in enumerate(more)]
    head = {"episode": "episode_000", "robot": "arm", "fps": 10, "success": True, **header}
    (folder / "episode_000.jsonl").write_text("\n".join(json.dumps(line) for line in (head, *lines)) + "\n")
    _touch_video(folder, "episode_000")


@pytest.mark.parametrize("key", ["intervention", "is_intervention"])
@pytest.mark.parametrize("spelling", [(False, True), (0.0, 1.0), ("false", "true"), ([0], [1])])
def test_flags_in_every_spelling(tmp_path: Path, key: str, spelling: tuple) -> None:
    _write_steps(tmp_path, {}, [{key: spelling[i % 2]} for i in range(4)])
    log, bad = _parts(tmp_path)
    assert log.intervention is not None
    assert (log.intervention.tolist(), bad) == ([False, True, False, True], [])


@pytest.mark.parametrize(
    ("success", "outcome"), [(1, "success"), (0.0, "failure"), ("False", "failure"), (None, "unknown")]
)
def test_success_in_every_spelling(tmp_path: Path, success: object, outcome: str) -> None:
    _write_steps(tmp_path, {"success": success}, [{}] * 4)
    assert _parts(tmp_path)[0].outcome == outcome


def test_the_config_names_the_keys(tmp_path: Path) -> None:
    _write_steps(tmp_path, {"goal": "wipe it", "won": 0, "junk": "no"}, [{"arm": [i, 7], "grip": i} for i in range(4)])
    columns = LogColumns(state=("arm", "grip"), task="goal", outcome="won", discarded="junk")
    log, _ = _parts(tmp_path, LogOptions(columns=columns, embodiment="g1", collect_mode="teleop", fps_hz=10.0))
    assert log.states is not None
    assert log.states.tolist() == [[i, 7, i] for i in range(4)]
    assert (log.instruction, log.outcome, log.embodiment, log.control_source) == ("wipe it", "failure", "g1", "human")
    for options, reason in (
        (LogOptions(columns=LogColumns(state=("arm", "gone"))), "no_such_column"),
        (LogOptions(columns=LogColumns(discarded="success")), "discarded"),
    ):
        with pytest.raises(BadMedia) as refused:
            _parts(tmp_path, options)
        assert refused.value.reason == reason


def test_an_attempt_that_lacks_most_readings_is_refused(tmp_path: Path) -> None:
    states = np.ones((4, 3))
    states[1:, 0] = np.nan
    write_plain(tmp_path, "episode_000", states, np.ones((4, 1)), video=False)
    _touch_video(tmp_path, "episode_000")
    assert _all(tmp_path) == {"episode_000": "non_finite"}


@pytest.mark.parametrize(
    ("header", "line", "reason"),
    [
        ({}, {"t": 0.2, "state": [1, 2], "action": [1]}, "ragged_rows"),
        ({}, {"state": [1, 2, 3], "action": [1]}, "ragged_rows"),
        ({}, {"t": 0.05, "state": [1, 2, 3], "action": [1]}, "time_not_increasing"),
        ({}, {"t": float("inf"), "state": [1, 2, 3], "action": [1]}, "non_finite"),
        ({"cameras": {"front": "../other.mp4"}}, None, "missing_video"),
    ],
)
def test_refused_with_a_stable_reason(tmp_path: Path, header: dict, line: dict | None, reason: str) -> None:
    path = write_plain(tmp_path, "episode_000", np.ones((2, 3)), np.ones((2, 1)), header=header, video=False)
    _touch_video(tmp_path, "episode_000")
    if line is not None:
        path.write_text(path.read_text() + json.dumps(line) + "\n")
    assert _all(tmp_path) == {"episode_000": reason}


@pytest.mark.parametrize(
    ("header", "part", "reason"),
    [
        ({"task": "\ud800"}, "task", "bad_text"),
        ({"scene": ["kitchen"]}, "scene", "bad_header"),
        ({"outcome": "perhaps"}, "outcome", "bad_header"),
        ({"outcome": {"value": "success", "source": "gossip"}}, "outcome", "bad_header"),
        ({"outcome": {"value": "success", "source": "human", "confidence": 7}}, "outcome", "bad_header"),
        ({"collect_mode": "dreamt"}, "collect_mode", "bad_header"),
        ({"failure_frame": 99}, "failure_frame", "bad_header"),
        ({"fps": "fast"}, "fps", "bad_header"),
        ({"fps": -3}, "fps", "bad_header"),
        ({"calibration": float("nan")}, "calibration", "bad_header"),
        ({"state_names": ["a", "\0", "c"]}, "state_names", "bad_text"),
        ({"cameras": {"main": "episode_000.mp4", "wrist": "gone.mp4"}}, "camera wrist", "missing_camera"),
    ],
)
def test_a_word_of_the_header_that_says_nothing_costs_itself(
    tmp_path: Path, header: dict, part: str, reason: str
) -> None:
    write_plain(tmp_path, "episode_000", np.ones((2, 3)), np.ones((2, 1)), header=header, video=False)
    _touch_video(tmp_path, "episode_000")
    log, bad = _parts(tmp_path)
    assert [(b.name, b.reason) for b in bad] == [(f"episode_000/{part}", reason)]
    assert (log.outcome, [c.camera for c in log.cameras]) == ("unknown" if part == "outcome" else "success", ["main"])
    assert log.instruction == (None if part == "task" else "Put the cube in the bin.")
    assert log.fps_hz == 10


def test_a_name_that_no_view_can_have_is_another_and_noted(tmp_path: Path) -> None:
    header = {"robot": "../SO 101", "episode": "a/b", "cameras": {"left eye": "episode_000.mp4"}}
    write_plain(tmp_path, "episode_000", np.ones((2, 3)), np.ones((2, 1)), header=header, video=False)
    _touch_video(tmp_path, "episode_000")
    log, bad = _parts(tmp_path)
    assert (log.embodiment, [c.camera for c in log.cameras], bad) == ("SO_101", ["left_eye"], [])
    assert re.fullmatch(r"a_b_[0-9a-f]{8}", log.name)
    assert [n.detail.partition(" is ")[0] for n in log.notes if n.code.endswith("_renamed")] == [
        "the episode 'a/b'", "'../SO 101'", "'left eye'",
    ]  # fmt: skip


def test_two_cameras_that_would_have_one_name_are_one_and_the_other_is_told(tmp_path: Path) -> None:
    header = {"cameras": {"left eye": "episode_000.mp4", "left/eye": "episode_000.b.mp4"}}
    write_plain(tmp_path, "episode_000", np.ones((2, 3)), np.ones((2, 1)), header=header, video=False)
    _touch_video(tmp_path, "episode_000")
    _touch_video(tmp_path, "episode_000.b")
    log, bad = _parts(tmp_path)
    assert [(c.camera, Path(c.uri).name) for c in log.cameras] == [("left_eye", "episode_000.mp4")]
    assert [(b.name, b.reason) for b in bad] == [("episode_000/camera left_eye", "name_taken")]


def test_cameras_by_file_name_and_without_a_recording(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_plain(tmp_path, name, np.ones((2, 3)), np.ones((2, 1)), header={"camera": "front"}, video=False)
    for file in ("a.front.mp4", "a.wrist.mkv", "b.mp4", "notes.mp4"):
        (tmp_path / file).write_bytes(b"x")
    found = _all(tmp_path)
    assert isinstance(found["a"], EpisodeLog)
    assert isinstance(found["b"], EpisodeLog)
    assert [c.camera for c in found["a"].cameras] == ["front", "wrist"]
    assert [(c.camera, c.start_ns, c.end_ns) for c in found["b"].cameras] == [("front", 0, 200_000_000)]
    assert found["c"] == "missing_video"


def test_revision_follows_the_log_and_its_recording_only(tmp_path: Path) -> None:
    write_plain(tmp_path, "a", np.ones((2, 3)), np.ones((2, 1)), video=False)
    _touch_video(tmp_path, "a")
    (first,) = plain_log.list_logs(str(tmp_path))
    (tmp_path / "other.mp4").write_bytes(b"x")
    (second,) = plain_log.list_logs(str(tmp_path))
    assert first == second
    (tmp_path / "a.mp4").write_bytes(b"another recording")
    (third,) = plain_log.list_logs(str(tmp_path))
    assert third.revision != first.revision


def test_a_correcting_person_holds_the_controls(tmp_path: Path) -> None:
    write_plain(tmp_path, "a", np.ones((3, 3)), np.ones((3, 1)), header={"policy": "pi"}, video=False)
    _touch_video(tmp_path, "a")
    log = dataclasses.replace(_one(tmp_path), intervention=np.array([False, True, False]))
    assert step_table(log)["control_source"].to_pylist() == ["policy", "human", "policy"]


def _samples() -> Path | None:
    places = [
        os.environ.get("HANDWHEEL_SAMPLES"),
        Path(__file__).parent.parent.parent.parent.parent.parent / "shared" / "data",
    ]
    return next((Path(p) for p in places if p and (Path(p) / "robot" / "sim_so101").exists()), None)


@pytest.mark.skipif(_samples() is None, reason="no sample media: HANDWHEEL_SAMPLES is unset, ../shared/data missing")
def test_the_sample_logs() -> None:
    root = _samples()
    assert root is not None
    found = _all(root / "robot" / "sim_so101")
    logs = [log for log in found.values() if isinstance(log, EpisodeLog)]
    assert len(logs) == len(found) == 12
    assert sorted(log.outcome for log in logs) == ["failure"] * 5 + ["success"] * 7
    assert {log.failure_mode for log in logs if log.outcome == "failure"} == {"calibration_bias", "noisy"}
    assert {log.embodiment for log in logs} == {"so101_sim"}
    assert len({log.name for log in logs}) == 12
