"""A robot's attempts by physics alone: what it did, felt and believed, and what was true.

Nothing is drawn here. Equal plans give equal attempts on one machine; logged numbers are rounded to 4 decimals.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from simworld.robot import policies, so101
from simworld.robot.plan import AttemptPlan
from simworld.robot.simulator import CONTROL_HZ, Bench, Watch, command, look, over, start, succeeded
from simworld.scene_types import Floats

STATE_NAMES = (*(f"{name}.pos_rad" for name in so101.JOINTS), "gripper.open", "tip.x_m", "tip.y_m", "tip.z_m")
ACTION_NAMES = (*(f"{name}.pos_rad" for name in so101.JOINTS), "gripper.open")
_HELD_SHARE = 0.5  # of a block's width: a gripper that is closed further holds nothing, its sensor says
_FELT_NOISE = 0.04  # of the gripper's opening as felt


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """T logged steps. Poses are in the base's frame; rows are rounded to 4 decimals."""

    plan: AttemptPlan
    t_s: Floats  # (T,)
    states: Floats  # (T, 9) of STATE_NAMES
    commanded: Floats  # (T, 6) of ACTION_NAMES: what the policy wished
    executed: Floats  # (T, 6): what the motors were told
    reward: Floats  # (T,) 1 at the end where the robot believes that it succeeded
    done: npt.NDArray[np.bool_]  # (T,)
    intervention: npt.NDArray[np.bool_]  # (T,)
    phases: tuple[str, ...]
    bodies: Floats  # (T, 6, 3, 4) rotation and position of so101.BODIES
    things: dict[str, Floats]  # block, other -> (T, 3, 4)
    believed: str  # success, failure: what the robot's own sensors say
    confidence: float
    blamed: str | None  # the failure as the robot sees it
    success: bool  # by physics
    failure_cause: str | None
    failure_step: int | None  # of the logged steps

    @property
    def intervened(self) -> bool:
        """A person took over."""
        return bool(self.intervention.any())


@dataclass(slots=True)
class _Rows:
    """What is logged."""

    states: list[Floats] = field(default_factory=list)
    commanded: list[Floats] = field(default_factory=list)
    executed: list[Floats] = field(default_factory=list)
    phases: list[str] = field(default_factory=list)
    intervention: list[bool] = field(default_factory=list)
    frames: list[Floats] = field(default_factory=list)


def attempt(plan: AttemptPlan) -> Attempt:
    """Runs it. UsageError: the arm's model is not installed."""
    import mujoco

    bench = start(plan)
    watch = Watch(plan.block.half_m)
    rows = _Rows()
    every = max(1, round(CONTROL_HZ / plan.fps_hz))
    substeps = round(1 / CONTROL_HZ / so101.PHYSICS_S)
    step, last = 0, round(plan.longest_s * plan.fps_hz) * every
    while step < last and not over(bench, watch, step):
        commanded, executed, phase = command(bench, step, watch)
        if step % every == 0:
            _log(bench, rows, commanded, executed, phase)
        bench.data.ctrl[: len(so101.JOINTS)] = executed[:-1]
        bench.data.ctrl[len(so101.JOINTS)] = so101.opened(bench.model, executed[-1])
        mujoco.mj_step(bench.model, bench.data, substeps)
        look(bench, watch, phase, step)
        step += 1
    return _finish(bench, watch, rows, every)


def _log(bench: Bench, rows: _Rows, commanded: Floats, executed: Floats, phase: str) -> None:
    count = len(so101.JOINTS)
    hand = bench.arm.point(bench.data)
    rows.states.append(np.array([*bench.data.qpos[:count], bench.opening(), *hand]))
    rows.commanded.append(commanded)
    rows.executed.append(executed)
    rows.phases.append(phase)
    rows.intervention.append(bench.person is not None)
    names = [*so101.BODIES, "block", *(["other"] if bench.plan.goal.kind == "block" else [])]
    found = [bench.data.body(name) for name in names]
    rows.frames.append(np.array([np.column_stack([b.xmat.reshape(3, 3), b.xpos]) for b in found]))


def _finish(bench: Bench, watch: Watch, rows: _Rows, every: int) -> Attempt:
    plan, count = bench.plan, len(rows.states)
    success = succeeded(bench, watch)
    believed, confidence, blamed = _belief(bench, watch)
    frames = _rounded(rows.frames, 6)
    failed_at = count * every - 1 if watch.failed_at is None else watch.failed_at
    done = np.arange(count) == count - 1
    return Attempt(
        plan=plan,
        t_s=np.round(np.arange(count) * every / CONTROL_HZ, 4),
        states=_rounded(rows.states),
        commanded=_rounded(rows.commanded),
        executed=_rounded(rows.executed),
        reward=np.where(done & (believed == "success"), 1.0, 0.0),
        done=done,
        intervention=np.array(rows.intervention),
        phases=tuple(rows.phases),
        bodies=frames[:, : len(so101.BODIES)],
        things={name: frames[:, len(so101.BODIES) + i] for i, name in enumerate(_things(plan))},
        believed=believed,
        confidence=confidence,
        blamed=blamed,
        success=success,
        failure_cause=None if success else "chance" if plan.fault.kind == "none" else plan.fault.kind,
        failure_step=None if success else min(count - 1, -(-failed_at // every)),
    )


def _rounded(rows: list[Floats], digits: int = 4) -> Floats:
    return np.asarray(np.round(np.array(rows, dtype=np.float64), digits), dtype=np.float64)


def _things(plan: AttemptPlan) -> tuple[str, ...]:
    return ("block", "other") if plan.goal.kind == "block" else ("block",)


def _belief(bench: Bench, watch: Watch) -> tuple[str, float, str | None]:
    """How it ended by the robot's own sensors, how sure it is, and what it blames.

    It feels the gripper's opening at the end of the last lift, knows where its hand is, and sees nothing: a block that
    is lost later, or put down beside the goal that it believes in, counts as placed.
    """
    finished = (bench.person or bench.policy).done
    if bench.plan.task == "push":
        return ("success", 0.6, None) if finished else ("failure", 0.6, "not_finished")
    felt = watch.felt_open + float(bench.rng.normal(0, _FELT_NOISE))
    limit = _HELD_SHARE * policies.grip_open(watch.half_m)
    sure = round(0.55 + 0.4 * min(1.0, abs(felt - limit) / 0.12), 2)
    if not watch.felt or felt <= limit:
        return "failure", sure, "grasp_missed"
    return ("success", sure, None) if finished else ("failure", 0.6, "not_finished")
