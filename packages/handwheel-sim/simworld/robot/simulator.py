"""The bench that an attempt runs on: the simulator, who moves the arm, what goes wrong, and what really happens."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from simworld.robot import policies, so101
from simworld.robot.plan import OTHER_HALF_M, PLATE_HEIGHT_M, PLATE_RADIUS_M, AttemptPlan, Spot
from simworld.robot.policies import Follower, Leg, Seen
from simworld.scene_types import Floats

CONTROL_HZ = 20
NEAR_M = 0.03  # of the goal, where a block counts as placed
STACK_NEAR_M = 0.018
LIFTED_M = 0.05
CARRIED_M = 0.02
_LOST_STEPS = 3
_REACTION_STEPS = 5  # of a person who watches
_NOISE_KEPT = 0.75  # of the set point's noise, from one step to the next
_LET_GO = 0.6


@dataclass(slots=True)
class Watch:
    """What really happens, control step by control step."""

    half_m: float
    held: bool = False
    lost: int = 0
    rose_m: float = 0.0
    failed_at: int | None = None
    takes_over_at: int | None = None
    felt_open: float = 0.0  # at the end of the last lift
    felt: bool = False


@dataclass(slots=True, eq=False)
class Bench:
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


def start(plan: AttemptPlan) -> Bench:
    """The scene before the first step, the policy's way laid out by what it believes."""
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
    return Bench(
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


def _block(name: str, half_m: float, spot: Spot, friction: float) -> so101.Block:
    return so101.Block(name, half_m, spot.x_m, spot.y_m, spot.yaw_rad, friction)


def _rest(plan: AttemptPlan) -> Floats:
    return np.array([plan.block.x_m, plan.block.y_m, plan.block.half_m])


def _goal(plan: AttemptPlan, data: Any) -> Floats:
    """Where the block's centre is to rest."""
    if plan.goal.kind == "block":
        return np.asarray(data.body("other").xpos + np.array([0, 0, OTHER_HALF_M + plan.block.half_m]))
    height = PLATE_HEIGHT_M if plan.goal.kind == "plate" else 0.0
    return np.array([plan.goal.x_m, plan.goal.y_m, plan.block.half_m + height])


def command(bench: Bench, step: int, watch: Watch) -> tuple[Floats, Floats, str]:
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


def _gripper(bench: Bench, leg: Leg) -> float:
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


def _mend(bench: Bench, hand: Floats) -> tuple[Leg, ...]:
    """A person's way from here: up, then the task again with things where they are."""
    plan, axes = bench.plan, bench.data.body("block").xmat.reshape(3, 3)
    level = axes[:, int(np.argmin(np.abs(axes[2])))]  # whichever side it lies on
    yaw_rad = float(np.arctan2(level[1], level[0]))
    seen = Seen(bench.block(), yaw_rad, plan.block.half_m, _goal(plan, bench.data))
    jaws = bench.arm.jaws(bench.data)
    up = Leg("rise", np.array([hand[0], hand[1], max(hand[2], 0.075)]), jaws, 0.7)
    return (up, *policies.legs(plan.task, seen))


def look(bench: Bench, watch: Watch, phase: str, step: int) -> None:
    """Sees whether the block is held, and notes the first step of a failure."""
    block, person = bench.block(), bench.person is not None
    watch.held = held(bench)
    watch.rose_m = max(watch.rose_m, float(block[2]) - watch.half_m)
    if phase in ("lift", "hold") and bench.plan.task != "push":
        watch.felt_open = bench.opening()
        watch.felt = True
    carries = phase in policies.CARRIES and bench.plan.task != "push"
    watch.lost = watch.lost + 1 if carries and not watch.held else 0
    failed = watch.lost >= _LOST_STEPS or (phase == "retreat" and not placed(bench))
    if failed and not person and watch.failed_at is None:
        watch.failed_at = step - watch.lost + 1 if watch.lost else step
        if bench.plan.human:
            watch.takes_over_at = step + _REACTION_STEPS


def held(bench: Bench) -> bool:
    """Both jaws touch the block."""
    model, data = bench.model, bench.data
    block = model.geom("block").id
    jaws = {model.body(name).id for name in so101.BODIES[-2:]}
    pairs = data.contact.geom[: data.ncon]
    mine = pairs[(pairs == block).any(axis=1)]
    touching = {int(model.geom_bodyid[g]) for pair in mine for g in pair if g != block}
    return jaws <= touching


def placed(bench: Bench) -> bool:
    """The block is where it shall be."""
    plan, block = bench.plan, bench.block()
    off = block - _goal(plan, bench.data)
    near = STACK_NEAR_M if plan.task == "stack" else NEAR_M
    return bool(np.linalg.norm(off[:2]) < near and abs(off[2]) < 0.008)


def succeeded(bench: Bench, watch: Watch) -> bool:
    """By physics: it is held up, or was carried (a push: shoved) to its goal and let go."""
    if bench.plan.task == "lift":
        return watch.held and float(bench.block()[2]) - watch.half_m > LIFTED_M
    carried = bench.plan.task == "push" or watch.rose_m > CARRIED_M
    return placed(bench) and carried and not watch.held


def over(bench: Bench, watch: Watch, step: int) -> bool:
    """Whether nobody goes on. A person who watches takes over at the latest when the policy ends without success."""
    if bench.person is None and bench.policy.done and bench.plan.human and not succeeded(bench, watch):
        watch.failed_at = step if watch.failed_at is None else watch.failed_at
        watch.takes_over_at = step
        return False
    return (bench.person or bench.policy).done
