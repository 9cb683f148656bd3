"""A robot's attempts by physics alone: what it did, felt and believed, and what was true.

Nothing is drawn here. Equal plans give equal attempts on one machine; logged numbers are rounded to 4 decimals.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from simworld.robot import policies, so101
from simworld.robot.plan import AttemptPlan
from simworld.robot.simulator import (
    CONTROL_HZ,
    AttemptMonitor,
    Simulator,
    command,
    has_succeeded,
    is_over,
    observe,
    start_simulator,
)
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


def run_attempt(plan: AttemptPlan) -> Attempt:
    """Runs it. UsageError: the arm's model is not installed."""
    import mujoco

    simulator = start_simulator(plan)
    monitor = AttemptMonitor(plan.block.half_m)
    rows = _Rows()
    every = max(1, round(CONTROL_HZ / plan.fps_hz))
    substeps = round(1 / CONTROL_HZ / so101.PHYSICS_S)
    step, last = 0, round(plan.longest_s * plan.fps_hz) * every
    while step < last and not is_over(simulator, monitor, step):
        commanded, executed, phase = command(simulator, step, monitor)
        if step % every == 0:
            _log(simulator, rows, commanded, executed, phase)
        simulator.data.ctrl[: len(so101.JOINTS)] = executed[:-1]
        simulator.data.ctrl[len(so101.JOINTS)] = so101.angle_from_opening(simulator.model, executed[-1])
        mujoco.mj_step(simulator.model, simulator.data, substeps)
        observe(simulator, monitor, phase, step)
        step += 1
    return _finish(simulator, monitor, rows, every)


def _log(simulator: Simulator, rows: _Rows, commanded: Floats, executed: Floats, phase: str) -> None:
    count = len(so101.JOINTS)
    hand = simulator.arm.point(simulator.data)
    rows.states.append(np.array([*simulator.data.qpos[:count], simulator.opening(), *hand]))
    rows.commanded.append(commanded)
    rows.executed.append(executed)
    rows.phases.append(phase)
    rows.intervention.append(simulator.person is not None)
    names = [*so101.BODIES, "block", *(["other"] if simulator.plan.goal.kind == "block" else [])]
    bodies = [simulator.data.body(name) for name in names]
    rows.frames.append(np.array([np.column_stack([b.xmat.reshape(3, 3), b.xpos]) for b in bodies]))


def _finish(simulator: Simulator, monitor: AttemptMonitor, rows: _Rows, every: int) -> Attempt:
    plan, count = simulator.plan, len(rows.states)
    success = has_succeeded(simulator, monitor)
    believed, confidence, blamed = _belief(simulator, monitor)
    frames = _round_rows(rows.frames, 6)
    failed_at = count * every - 1 if monitor.failed_at is None else monitor.failed_at
    done = np.arange(count) == count - 1
    return Attempt(
        plan=plan,
        t_s=np.round(np.arange(count) * every / CONTROL_HZ, 4),
        states=_round_rows(rows.states),
        commanded=_round_rows(rows.commanded),
        executed=_round_rows(rows.executed),
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


def _round_rows(rows: list[Floats], digits: int = 4) -> Floats:
    return np.asarray(np.round(np.array(rows, dtype=np.float64), digits), dtype=np.float64)


def _things(plan: AttemptPlan) -> tuple[str, ...]:
    return ("block", "other") if plan.goal.kind == "block" else ("block",)


def _belief(simulator: Simulator, monitor: AttemptMonitor) -> tuple[str, float, str | None]:
    """How it ended by the robot's own sensors, how sure it is, and what it blames.

    It feels the gripper's opening at the end of the last lift, knows where its hand is, and sees nothing: a block that
    is lost later, or put down beside the goal that it believes in, counts as placed.
    """
    finished = (simulator.person or simulator.policy).done
    if simulator.plan.task == "push":
        return ("success", 0.6, None) if finished else ("failure", 0.6, "not_finished")
    felt = monitor.felt_open + float(simulator.rng.normal(0, _FELT_NOISE))
    limit = _HELD_SHARE * policies.grip_opening(monitor.half_m)
    sure = round(0.55 + 0.4 * min(1.0, abs(felt - limit) / 0.12), 2)
    if not monitor.felt or felt <= limit:
        return "failure", sure, "grasp_missed"
    return ("success", sure, None) if finished else ("failure", 0.6, "not_finished")
