"""An attempt in memory, of what a test says."""

from __future__ import annotations

import numpy as np

from pipelines.sources.logs.episode_log import CameraSpan, EpisodeLog


def episode_log(count: int, cameras: tuple[CameraSpan, ...]) -> EpisodeLog:
    """An attempt of `count` rows at 10 Hz whose state is the row's number."""
    number = np.arange(count, dtype=np.float32).reshape(-1, 1)
    return EpisodeLog(
        name="take", uri="take.jsonl", revision="r", modified_ns=0, embodiment="arm", robot=None, scene=None,
        instruction=None, outcome="unknown", outcome_source=None, outcome_confidence=None, failure_mode=None,
        failure_frame=None, policy_id=None, world_model_id=None, idm_id=None, trained_on=None,
        collect_mode="teleop", calibration_json=None, fps_hz=10.0, state_names=(), action_names=(),
        t_ns=np.arange(count, dtype=np.int64) * 100_000_000, states=number, actions=number, actions_executed=None,
        control_source="human", intervention=None, reward=None, done=None, cameras=cameras,
    )  # fmt: skip
