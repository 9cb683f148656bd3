"""RoboArena evaluation dumps, written after the makers' own client and server, and nothing of ours.

pranavatreya/roboarena_evaluator at 5992b26, evaluation_client/main.py: a step's pictures and its row are of one turn of
the loop (lines 302-426: pictures before the action, `episode_data.append` behind it, `gripper_position` a list of one,
`action` float32 of 8), `np.savez_compressed(data=episode_data)` (502), films by moviepy at fps=10 (484) and
`binary_success = 1 if partial_success == 1.0` (443). moviepy 1.0.3 (requirements.txt) shows frames at
`np.arange(0, sum of 1/fps, 1/fps)`, of which float arithmetic gives one more for some lengths, and shows the last
picture again. pranavatreya/roboarena_backend at ca7b811, central_server/central_server.py 342-372: an episode's files
are `<policy>_<time>_video_left.mp4`, ..., `<policy>_<time>_npz_file.npz`.

The dump around them is RoboArena/DataDump_08-05-2025's: `evaluation_sessions/<uuid>/<letter>_<policy>/` beside a
metadata.yaml with the keys below, and `global_metadata.yaml` with each policy's action space.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tests.support.robot_logs import write_video

SESSION = "3f2b1c9a-6a5e-4a57-9d7b-0f8a3c1d2e4f"
SPACES = {"pi0_droid": "joint_velocity", "pi0_fast_droid": "joint_velocity", "pi05_droid": "joint_position"}
STAMP = "2025_04_29_10_46_23"


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """One policy's part of a session. partial: the evaluator's 0 to 100, as it is typed."""

    letter: str
    policy: str
    partial: float
    steps: int = 6
    cameras: tuple[str, ...] = ("left", "right", "wrist")
    changed: Mapping[str, Any] = field(default_factory=dict)  # of what metadata.yaml says of it


def rows_of(seed: int, steps: int) -> list[dict[str, list[float]]]:
    """`episode_data`."""
    rng, rows = np.random.default_rng(seed), []
    for _ in range(steps):
        action = np.array(rng.normal(size=8), dtype=np.float32)
        action[-1] = 1.0 if action[-1] > 0.5 else 0.0
        rows.append(
            {
                "cartesian_position": rng.normal(size=6).tolist(),
                "joint_position": rng.normal(size=7).tolist(),
                "gripper_position": np.array([rng.random()]).tolist(),
                "action": action.tolist(),
            }
        )
    return rows


def film_frames(steps: int) -> int:
    """Frames that moviepy makes of so many pictures."""
    return len(np.arange(0, sum([1.0 / 10] * steps), 1.0 / 10))


def write_session(dump: Path, rollouts: tuple[Rollout, ...], session: str = SESSION, **changed: Any) -> Path:
    """A session's folder. changed: keys of metadata.yaml; None leaves one out."""
    folder = dump / "evaluation_sessions" / session
    policies = {}
    for rollout in rollouts:
        place = folder / f"{rollout.letter}_{rollout.policy}"
        place.mkdir(parents=True, exist_ok=True)
        name = f"{rollout.policy}_{STAMP}"
        np.savez_compressed(place / f"{name}_npz_file.npz", data=np.array(rows_of(ord(rollout.letter), rollout.steps)))
        for camera in rollout.cameras:
            write_video(place / f"{name}_video_{camera}.mp4", film_frames(rollout.steps))
        score = rollout.partial / 100.0
        policies[rollout.letter] = {
            "policy_name": rollout.policy, "binary_success": 1 if score == 1.0 else 0,
            "partial_success": float(f"{score:.3f}"), "duration": rollout.steps - 1, **rollout.changed,
        }  # fmt: skip
    about = {
        "evaluation_location": "Berkeley", "evaluator_name": "someone@example.org",
        "language_instruction": "put the marker in the cup", "longform_feedback": "A grasped it, B missed twice.",
        "policies": policies, "preference": "A", "session_creation_timestamp": "2025-04-29T17:40:00",
        "session_completion_timestamp": "2025-04-29T17:52:11", **changed,
    }  # fmt: skip
    (folder / "metadata.yaml").write_text(yaml.safe_dump({k: v for k, v in about.items() if v is not None}))
    index = {name: {"open_source": True, "action_space": space} for name, space in SPACES.items()}
    (dump / "global_metadata.yaml").write_text(yaml.safe_dump({"policy_index": index}))
    return folder
