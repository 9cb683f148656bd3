"""A robot's attempts by physics alone: what it did, felt and believed, and what was true.

Nothing is drawn here. Equal plans give equal attempts on one machine; logged numbers are rounded to 4 decimals.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from world import policies, so101
from world.parts import Floats
from world.policies import Follower, Leg, Seen
from world.robot_plan import OTHER_HALF_M, PLATE_HEIGHT_M, PLATE_RADIUS_M, AttemptPlan, Options, draw, plan_of
from world.robot_truth import truth

__all__ = ["Attempt", "AttemptPlan", "Options", "attempt", "draw", "plan_of", "truth"]

CONTROL_HZ = 20
STATE_NAMES = (*(f"{name}.pos_rad" for name in so101.JOINTS), "gripper.open", "tip.x_m", "tip.y_m", "tip.z_m")
ACTION_NAMES = (*(f"{name}.pos_rad" for name in so101.JOINTS), "gripper.open")
NEAR_M = 0.03  # of the goal, where a block counts as placed
STACK_NEAR_M = 0.018
LIFTED_M = 0.05
_HELD_SHARE = 0.5  # of a block's width: a gripper that is closed further holds nothing, its sensor says
_FELT_NOISE = 0.04  # of the gripper's opening as felt
_LOST_STEPS = 3
_REACTION_STEPS = 5
_NOISE_KEPT = 0.75  # of the set point's noise, from one step to the next
_LET_GO = 0.6


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
class _Watch:
    """What really happens, control step by control step."""

    half_m: float
    held: bool = False
    was_held: bool = False
    lost: int = 0
    rose_m: float = 0.0
    failed_at: int | None = None
    takes_over_at: int | None = None
    felt_open: float = 0.0  # at the end of the last lift
    felt: bool = False


@dataclass(slots=True)
class _Rows:
    """What is logged."""

    states: list[Floats] = field(default_factory=list)
    commanded: list[Floats] = field(default_factory=list)
    executed: list[Floats] = field(default_factory=list)
    phases: list[str] = field(default_factory=list)
    intervention: list[bool] = field(default_factory=list)
    frames: list[Floats] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Bench:
    """The simulator of one attempt, and who moves the arm in it."""

    plan: AttemptPlan
    model: Any
    data: Any
    arm: so101.Kinematics
    rng: np.random.Generator
    policy: Follower
    joints: Floats  # the policy's last solution
    late: deque[float]
    noise: Floats
    person: Follower | None = None
    let_go_at: float | None = None  # left share of the way

    def opening(self) -> float:
        """The gripper's opening now."""
        return so101.opening(self.model, self.data.qpos[len(so101.JOINTS)])

    def block(self) -> Floats:
        """The block's centre now."""
        return np.array(self.data.body("block").xpos)


def attempt(plan: AttemptPlan) -> Attempt:
    """Runs it. UsageError: the arm's model is not installed."""
    import mujoco

    bench = _start(plan)
    watch = _Watch(plan.block.half_m)
    rows = _Rows()
    every = max(1, round(CONTROL_HZ / plan.fps_hz))
    substeps = round(1 / CONTROL_HZ / so101.PHYSICS_S)
    step, last = 0, round(plan.longest_s * plan.fps_hz) * every
    while step < last and not _over(bench, watch, step):
        commanded, executed, phase = _command(bench, step, watch)
        if step % every == 0:
            _log(bench, rows, commanded, executed, phase)
        bench.data.ctrl[: len(so101.JOINTS)] = executed[:-1]
        bench.data.ctrl[len(so101.JOINTS)] = so101.opened(bench.model, executed[-1])
        mujoco.mj_step(bench.model, bench.data, substeps)
        _look(bench, watch, phase, step)
        step += 1
    return _finish(bench, watch, rows, every)


def _over(bench: _Bench, watch: _Watch, step: int) -> bool:
    """Whether nobody goes on. A person who watches takes over at the latest when the policy ends without success."""
    if bench.person is None and bench.policy.done and bench.plan.human and not _succeeded(bench, watch):
        watch.failed_at = step if watch.failed_at is None else watch.failed_at
        watch.takes_over_at = step
        return False
    return (bench.person or bench.policy).done


def _start(plan: AttemptPlan) -> _Bench:
    import mujoco

    blocks = [_block("block", plan.block.half_m, plan.block, plan.fault.friction)]
    if plan.goal.kind == "block":
        blocks.append(_block("other", OTHER_HALF_M, plan.goal, 1.0))
    plate = so101.Plate(PLATE_RADIUS_M, PLATE_HEIGHT_M, plan.goal.x_m, plan.goal.y_m)
    model = so101.build(blocks, plate if plan.goal.kind == "plate" else None)
    arm, data = so101.kinematics(model), mujoco.MjData(model)
    joints = arm.solve(np.array(plan.start_m), np.pi / 2, np.array([0.0, 0.0, 0.0, 1.2, 1.7]))
    angle = so101.opened(model, 0.4)
    data.qpos[: len(so101.JOINTS) + 1] = data.ctrl[: len(so101.JOINTS) + 1] = [*joints, angle]
    mujoco.mj_forward(model, data)
    bias = np.array([*plan.fault.bias_m, 0.0])
    seen = Seen(_rest(plan) + bias, plan.block.yaw_rad, plan.block.half_m, _goal(plan, data) + bias)
    return _Bench(
        plan=plan,
        model=model,
        data=data,
        arm=arm,
        rng=np.random.default_rng([plan.seed, 103, plan.index, plan.generation]),
        policy=Follower(policies.legs(plan.task, seen), arm.point(data)),
        joints=joints,
        late=deque([0.4] * round(plan.fault.late_s * CONTROL_HZ)),
        noise=np.zeros(3),
    )


def _block(name: str, half_m: float, spot: Any, friction: float) -> so101.Block:
    return so101.Block(name, half_m, spot.x_m, spot.y_m, spot.yaw_rad, friction)


def _rest(plan: AttemptPlan) -> Floats:
    return np.array([plan.block.x_m, plan.block.y_m, plan.block.half_m])


def _goal(plan: AttemptPlan, data: Any) -> Floats:
    """Where the block's centre is to rest."""
    if plan.goal.kind == "block":
        return np.asarray(data.body("other").xpos + np.array([0, 0, OTHER_HALF_M + plan.block.half_m]))
    height = PLATE_HEIGHT_M if plan.goal.kind == "plate" else 0.0
    return np.array([plan.goal.x_m, plan.goal.y_m, plan.block.half_m + height])


def _command(bench: _Bench, step: int, watch: _Watch) -> tuple[Floats, Floats, str]:
    """What the policy wishes, what the motors are told, and the phase of who moves them."""
    fault, hand = bench.plan.fault, bench.arm.point(bench.data)
    leg = bench.policy.leg
    shaken = bench.rng.normal(0, fault.noise_m * np.sqrt(1 - _NOISE_KEPT**2), 3) * (1, 1, 0.5)
    bench.noise = _NOISE_KEPT * bench.noise + shaken
    target = bench.policy.step(hand, 1 / CONTROL_HZ) + bench.noise
    bench.joints = bench.arm.solve(target, leg.jaws_rad, bench.joints)
    commanded = np.array([*bench.joints, leg.open])
    if watch.takes_over_at is not None and step >= watch.takes_over_at and bench.person is None:
        bench.person = Follower(_mend(bench, hand), hand)
    if bench.person is not None:
        leg = bench.person.leg
        target = bench.person.step(hand, 1 / CONTROL_HZ)
        start = np.array(bench.data.qpos[: len(so101.JOINTS)])
        return commanded, np.array([*bench.arm.solve(target, leg.jaws_rad, start), leg.open]), leg.phase
    executed = commanded.copy()
    executed[-1] = _gripper(bench, leg)
    return commanded, executed, leg.phase


def _gripper(bench: _Bench, leg: Leg) -> float:
    """The gripper's command as it arrives: late, or let go too early."""
    bench.late.append(leg.open)
    arrived = bench.late.popleft()
    share = bench.plan.fault.release_share
    phase = "hold" if bench.plan.task == "lift" else "traverse"
    if share is None or leg.phase not in (phase, "lower"):
        return arrived
    left = float(np.linalg.norm(leg.point - bench.policy.point))
    bench.let_go_at = left * (1 - share) if bench.let_go_at is None else bench.let_go_at
    waited = bench.policy.waited_s >= share
    gone = leg.phase == "lower" or (waited if phase == "hold" else left <= bench.let_go_at)
    return _LET_GO if gone else arrived


def _mend(bench: _Bench, hand: Floats) -> tuple[Leg, ...]:
    """A person's way from here: up, then the task again with things where they are."""
    plan, (w, _, _, z) = bench.plan, bench.data.body("block").xquat
    seen = Seen(bench.block(), 2 * float(np.arctan2(z, w)), plan.block.half_m, _goal(plan, bench.data))
    jaws = bench.arm.jaws(bench.data)
    up = Leg("rise", np.array([hand[0], hand[1], max(hand[2], 0.075)]), jaws, 0.7)
    return (up, *policies.legs(plan.task, seen))


def _look(bench: _Bench, watch: _Watch, phase: str, step: int) -> None:
    """Sees whether the block is held, and notes the first step of a failure."""
    block, person = bench.block(), bench.person is not None
    watch.held = _held(bench)
    watch.was_held |= watch.held
    watch.rose_m = max(watch.rose_m, float(block[2]) - watch.half_m)
    if phase in ("lift", "hold") and bench.plan.task != "push":
        watch.felt_open = bench.opening()
        watch.felt = True
    carries = phase in policies.CARRIES and bench.plan.task != "push"
    watch.lost = watch.lost + 1 if carries and not watch.held else 0
    failed = watch.lost >= _LOST_STEPS or (phase == "retreat" and not _placed(bench))
    if failed and not person and watch.failed_at is None:
        watch.failed_at = step - watch.lost + 1 if watch.lost else step
        if bench.plan.human:
            watch.takes_over_at = step + _REACTION_STEPS


def _held(bench: _Bench) -> bool:
    """Both jaws touch the block."""
    model, data = bench.model, bench.data
    block = model.geom("block").id
    jaws = {model.body(name).id for name in so101.BODIES[-2:]}
    pairs = data.contact.geom[: data.ncon]
    mine = pairs[(pairs == block).any(axis=1)]
    touching = {int(model.geom_bodyid[g]) for pair in mine for g in pair if g != block}
    return jaws <= touching


def _placed(bench: _Bench) -> bool:
    """The block is where it shall be."""
    plan, block = bench.plan, bench.block()
    off = block - _goal(plan, bench.data)
    near = STACK_NEAR_M if plan.task == "stack" else NEAR_M
    return bool(np.linalg.norm(off[:2]) < near and abs(off[2]) < 0.008)


def _succeeded(bench: _Bench, watch: _Watch) -> bool:
    if bench.plan.task == "lift":
        return watch.held and float(bench.block()[2]) - watch.half_m > LIFTED_M
    carried = bench.plan.task == "push" or watch.rose_m > 0.02
    return _placed(bench) and carried and not watch.held


def _log(bench: _Bench, rows: _Rows, commanded: Floats, executed: Floats, phase: str) -> None:
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


def _finish(bench: _Bench, watch: _Watch, rows: _Rows, every: int) -> Attempt:
    plan, count = bench.plan, len(rows.states)
    success = _succeeded(bench, watch)
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


def _belief(bench: _Bench, watch: _Watch) -> tuple[str, float, str | None]:
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
