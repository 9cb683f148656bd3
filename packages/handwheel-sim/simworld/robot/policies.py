"""The scripted policy: a task as legs of the gripper's way, followed from where the policy believes things are.

Metres and radians of the base's frame. A leg is left when the hand's set point has arrived and its dwell is over.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from simworld.scene_types import Floats

TASKS = ("pick_place", "push", "stack", "lift")
CARRIES = ("lift", "traverse", "lower", "hold")  # phases in which a block is held
HOVER_M = 0.06
LIFT_M = 0.07
FAST_M_S = 0.34
CAREFUL_M_S = 0.16
CLOSE_S = 0.45
OPEN_S = 0.3
# From the grasp point to the fixed jaw's face, and the room that jaw is given beside a block.
FIXED_JAW_M = 0.0196
CLEARANCE_M = 0.007
GRASP_ABOVE_M = 0.006  # the pads hold a block this far above its centre
LOWEST_M = 0.022  # of the grasp point: the jaws' tips reach below it
_FINGER_M = 0.009  # half a finger's width along the push
_PAN_X_M = 0.039  # where the arm turns
_NEAR = 0.0375  # s: a leg's hand may be behind its set point by what it goes in this time
_LATEST_S = 0.3  # after the set point has arrived, the hand is waited for no longer than this


@dataclass(frozen=True, slots=True)
class PolicyBelief:
    """What a policy believes: the block's centre, turn and half side, and where its centre shall come to rest."""

    block: Floats  # (3,)
    yaw_rad: float
    half_m: float
    goal: Floats  # (3,)


@dataclass(frozen=True, slots=True, eq=False)
class Leg:
    """One part of the way: the grasp point's target, the jaws' direction and opening 0..1."""

    phase: str
    point: Floats
    jaws_rad: float
    open: float
    speed_m_s: float = FAST_M_S
    dwell_s: float = 0.0


def legs(task: str, belief: PolicyBelief) -> tuple[Leg, ...]:
    """The way that does the task, if all is where it is believed to be."""
    return _push_legs(belief) if task == "push" else _hold_legs(task, belief)


def grip_opening(half_m: float) -> float:
    """The gripper's opening, 0..1, when its jaws hold a block: parallel at 40 mm, .46 rad."""
    return 0.330 * (2 * half_m / 0.04)


def _hold_legs(task: str, belief: PolicyBelief) -> tuple[Leg, ...]:
    jaws = jaws_for(belief.block, belief.yaw_rad)
    along = np.array([np.cos(jaws), np.sin(jaws), 0.0])
    beside = max(0.0, belief.half_m + CLEARANCE_M - FIXED_JAW_M)
    rise = max(GRASP_ABOVE_M, LOWEST_M - belief.half_m)
    grasp = belief.block - beside * along + _up(rise)
    from_block = (FIXED_JAW_M - belief.half_m) * along + _up(rise)  # from the block's centre to the grasp point
    up = grasp + _up(LIFT_M)
    way = [
        Leg("hover", belief.block - beside * along + _up(HOVER_M), jaws, 0.85),
        Leg("descend", grasp, jaws, 0.85, CAREFUL_M_S),
        Leg("close", grasp, jaws, 0.0, CAREFUL_M_S, CLOSE_S),
        Leg("lift", up, jaws, 0.0, CAREFUL_M_S * 1.4),
    ]
    if task == "lift":
        return (*way, Leg("hold", up, jaws, 0.0, CAREFUL_M_S, 1.0))
    place = belief.goal + from_block
    over = np.array([place[0], place[1], max(up[2], place[2] + 0.035)])
    if task == "stack":
        way.append(Leg("lift", np.array([up[0], up[1], over[2]]), jaws, 0.0, CAREFUL_M_S))
    return (
        *way,
        Leg("traverse", over, jaws, 0.0, FAST_M_S * 0.8),
        Leg("lower", place + _up(0.003), jaws, 0.0, CAREFUL_M_S),
        Leg("open", place + _up(0.003), jaws, 0.7, CAREFUL_M_S, OPEN_S),
        Leg("retreat", place + _up(0.05), jaws, 0.7, FAST_M_S, 0.2),
    )


def _push_legs(belief: PolicyBelief) -> tuple[Leg, ...]:
    """Two fingers, a little open, across the way: the block cannot turn away between them."""
    way = belief.goal[:2] - belief.block[:2]
    forth = np.array([*(way / max(float(np.linalg.norm(way)), 1e-6)), 0.0])
    jaws = _half_turn(float(np.arctan2(forth[1], forth[0])) + np.pi / 2, _across(belief.block))
    gap_m = 1.2 * belief.half_m
    aside = (FIXED_JAW_M - gap_m / 2) * np.array([np.cos(jaws), np.sin(jaws), 0.0])
    level = aside + _up(max(0.0, LOWEST_M - belief.half_m))
    behind = belief.block - (belief.half_m * 1.3 + _FINGER_M + 0.012) * forth + level
    end = belief.goal - (belief.half_m + _FINGER_M) * forth + level
    up = _up(HOVER_M * 0.7)
    open_ = grip_opening(gap_m / 2)
    return (
        Leg("hover", behind + up, jaws, open_),
        Leg("descend", behind, jaws, open_, CAREFUL_M_S),
        Leg("push", end, jaws, open_, CAREFUL_M_S * 0.75),
        Leg("retreat", end - 0.025 * forth, jaws, open_, CAREFUL_M_S),
        Leg("retreat", end - 0.025 * forth + up, jaws, open_, FAST_M_S, 0.3),
    )


def _up(metres: float) -> Floats:
    return np.array([0.0, 0.0, metres])


def _across(block: Floats) -> float:
    return float(np.arctan2(block[1], block[0] - _PAN_X_M)) + np.pi / 2


def _half_turn(jaws_rad: float, near_rad: float) -> float:
    """The same line of the jaws, either way round, whichever is nearer."""
    return jaws_rad + np.pi * round((near_rad - jaws_rad) / np.pi)


def jaws_for(block: Floats, yaw_rad: float) -> float:
    """The direction of the jaws across a block's sides that is nearest to across the arm: it needs the least roll,
    and hides the least from a head behind the base."""
    quarter = np.pi / 2
    return float(yaw_rad + quarter * round((_across(block) - yaw_rad) / quarter))


@dataclass(slots=True)
class Follower:
    """Walks the legs: its set point runs along them at their speed."""

    legs: tuple[Leg, ...]
    point: Floats
    at: int = 0
    waited_s: float = 0.0
    sag: Floats = field(default_factory=lambda: np.zeros(3))

    @property
    def done(self) -> bool:
        """No leg is left."""
        return self.at >= len(self.legs)

    @property
    def leg(self) -> Leg:
        """The one that is walked, or the last."""
        return self.legs[min(self.at, len(self.legs) - 1)]

    def step(self, hand: Floats, period_s: float) -> Floats:
        """The next target for the grasp point, given where it is: the set point, and what gravity takes from it."""
        leg = self.leg
        left = leg.point - self.point
        reach = leg.speed_m_s * period_s
        self.point = leg.point if np.linalg.norm(left) <= reach else self.point + left * reach / np.linalg.norm(left)
        error = self.point - hand
        if np.linalg.norm(error) < 0.03:
            self.sag = np.clip(self.sag + 0.25 * error, -0.02, 0.02)
        if self.point is leg.point:
            self.waited_s += period_s
            near = np.linalg.norm(error) < leg.speed_m_s * _NEAR or self.waited_s > leg.dwell_s + _LATEST_S
            if self.waited_s >= leg.dwell_s and near:
                self.at, self.waited_s = self.at + 1, 0.0
        return np.asarray(self.point + self.sag)
