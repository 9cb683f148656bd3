"""The camera on the wearer's head: it drifts, looks where the hand works, and sometimes away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simworld.scene_types import Camera, Floats, Lens, Pose
from simworld.tasks.motion import look_at, minimum_jerk, vec
from simworld.tasks.script import Script

GAZE_S = 0.5  # the gaze is a mean of where the hand is this long before and after
GAZE_SHARE = 0.4  # of the hand's way that the gaze goes along
TURN_RAD = 0.75
SWAY_M, SWAY_RAD = 0.009, 0.012


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A head's way over a take."""

    lens: Lens
    eye: Floats
    focus: Floats
    phases: Floats  # (9,) rad
    sway: float  # 0 is a tripod
    turns_s: tuple[float, ...]  # when it turns away
    turn_sign: float

    def at(self, t_s: float, script: Script) -> Camera:
        """The camera at a time."""
        p = self.phases
        rates = np.array([0.9, 1.7, 1.1, 1.3, 0.7, 1.9, 0.8, 1.2, 0.5])
        waves = np.sin(rates * t_s + p)
        eye = self.eye + self.sway * SWAY_M * waves[:3] * (1.0, 1.0, 0.6)
        target = self.focus + self.sway * 1.2 * SWAY_M * waves[3:6] + (self._gaze(t_s, script) if self.sway else 0.0)
        pose = look_at(eye, target, self.sway * SWAY_RAD * float(waves[6]))
        yaw = self.turn_sign * TURN_RAD * sum(_bump(t_s - at_s) for at_s in self.turns_s)
        c, s = np.cos(yaw), np.sin(yaw)
        about_z = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        return Camera(self.lens, Pose(pose.position, about_z @ pose.rotation))

    def _gaze(self, t_s: float, script: Script) -> Floats:
        if not script.hands:
            return np.zeros(3)
        times = np.linspace(t_s - GAZE_S, t_s + GAZE_S, 5)
        places = [script.hand.at(max(float(u), 0.0)).wrist.position for u in times]
        off = np.mean(places, axis=0) - script.hand.home.wrist.position
        return np.asarray(off * (GAZE_SHARE * 0.7, GAZE_SHARE * 0.45, 0.3))


def make_head(lens: Lens, manner: str, duration_s: float, rng: np.random.Generator) -> Head:
    """A head over the table's near edge; manner: still, drift or turn."""
    eye = vec(float(rng.uniform(-0.03, 0.03)), float(rng.uniform(-0.34, -0.28)), float(rng.uniform(0.41, 0.47)))
    focus = vec(float(rng.uniform(-0.02, 0.02)), float(rng.uniform(-0.02, 0.01)), 0.015)
    turns = (float(rng.uniform(0.35, 0.75)) * duration_s,) if manner == "turn" else ()
    sway = 0.0 if manner == "still" else 1.0
    side = 1.0 if rng.random() < 0.5 else -1.0
    return Head(lens, eye, focus, rng.uniform(0, 2 * np.pi, 9), sway, turns, side)


def _bump(t_s: float) -> float:
    """Away within half a second, there for a moment, and back."""
    return minimum_jerk((t_s + 0.7) / 0.5) * (1.0 - minimum_jerk((t_s - 0.2) / 0.5))
