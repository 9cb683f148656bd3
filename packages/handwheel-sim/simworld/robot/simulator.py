"""What an attempt runs on: the physics, who moves the arm, what goes wrong, and what really happens."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from simworld.robot import policies, so101
from simworld.robot.plan import OTHER_HALF_M, PLATE_HEIGHT_M, PLATE_RADIUS_M, AttemptPlan, Spot
from simworld.robot.policies import Follower, Leg, PolicyBelief
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
class AttemptMonitor:
    """What really happens, control step by control step."""

    half_m: float
    holds: bool = False
    lost: int = 0
    rose_m: float = 0.0
    failed_at: int | None = None
    takes_over_at: int | None = None
    felt_open: float = 0.0  # at the end of the last lift
    felt: bool = False


@dataclass(slots=True, eq=False)
class Simulator:
    """The physics of one attempt, and who moves the arm in it."""

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
        return so101.opening_from_angle(self.model, self.data.qpos[len(so101.JOINTS)])

    def block(self) -> Floats:
        """The block's centre now."""
        return np.array(self.data.body("block").xpos)


def start_simulator(plan: AttemptPlan) -> Simulator:
    """The scene before the first step, the policy's way laid out by what it believes."""
    import mujoco

    blocks = [_block("block", plan.block.half_m, plan.block, plan.fault.friction)]
    if plan.goal.kind == "block":
        blocks.append(_block("other", OTHER_HALF_M, plan.goal, 1.0))
    plate = so101.Plate(PLATE_RADIUS_M, PLATE_HEIGHT_M, plan.goal.x_m, plan.goal.y_m)
    model = so101.build_model(blocks, plate if plan.goal.kind == "plate" else None)
    arm, data = so101.make_kinematics(model), mujoco.MjData(model)
    joints = arm.solve(np.array(plan.start_m), np.pi / 2, np.array([0.0, 0.0, 0.0, 1.2, 1.7]))
    angle = so101.angle_from_opening(model, 0.4)
    data.qpos[: len(so101.JOINTS) + 1] = data.ctrl[: len(so101.JOINTS) + 1] = [*joints, angle]
    mujoco.mj_forward(model, data)
    bias = np.array([*plan.fault.bias_m, 0.0])
    belief = PolicyBelief(_rest(plan) + bias, plan.block.yaw_rad, plan.block.half_m, _goal(plan, data) + bias)
    return Simulator(
        plan=plan,
        model=model,
        data=data,
        arm=arm,
        rng=np.random.default_rng([plan.seed, 103, plan.index, plan.generation]),
        policy=Follower(policies.legs(plan.task, belief), arm.point(data)),
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


def command(simulator: Simulator, step: int, monitor: AttemptMonitor) -> tuple[Floats, Floats, str]:
    """What the policy wishes, what the motors are told, and the phase of who moves them."""
    fault, hand = simulator.plan.fault, simulator.arm.point(simulator.data)
    leg = simulator.policy.leg
    noise_step = simulator.rng.normal(0, fault.noise_m * np.sqrt(1 - _NOISE_KEPT**2), 3) * (1, 1, 0.5)
    simulator.noise = _NOISE_KEPT * simulator.noise + noise_step
    target = simulator.policy.step(hand, 1 / CONTROL_HZ) + simulator.noise
    simulator.joints = simulator.arm.solve(target, leg.jaws_rad, simulator.joints)
    commanded = np.array([*simulator.joints, leg.open])
    if monitor.takes_over_at is not None and step >= monitor.takes_over_at and simulator.person is None:
        simulator.person = Follower(_correction_legs(simulator, hand), hand)
    if simulator.person is not None:
        leg = simulator.person.leg
        target = simulator.person.step(hand, 1 / CONTROL_HZ)
        start = np.array(simulator.data.qpos[: len(so101.JOINTS)])
        return commanded, np.array([*simulator.arm.solve(target, leg.jaws_rad, start), leg.open]), leg.phase
    executed = commanded.copy()
    executed[-1] = _gripper(simulator, leg)
    return commanded, executed, leg.phase


def _gripper(simulator: Simulator, leg: Leg) -> float:
    """The gripper's command as it arrives: late, or let go too early."""
    simulator.late.append(leg.open)
    arrived = simulator.late.popleft()
    share = simulator.plan.fault.release_share
    phase = "hold" if simulator.plan.task == "lift" else "traverse"
    if share is None or leg.phase not in (phase, "lower"):
        return arrived
    left_m = float(np.linalg.norm(leg.point - simulator.policy.point))
    simulator.let_go_at = left_m * (1 - share) if simulator.let_go_at is None else simulator.let_go_at
    waited = simulator.policy.waited_s >= share
    lets_go = leg.phase == "lower" or (waited if phase == "hold" else left_m <= simulator.let_go_at)
    return _LET_GO if lets_go else arrived


def _correction_legs(simulator: Simulator, hand: Floats) -> tuple[Leg, ...]:
    """A person's legs from here: up, then the task again with things where they are."""
    plan, axes = simulator.plan, simulator.data.body("block").xmat.reshape(3, 3)
    level = axes[:, int(np.argmin(np.abs(axes[2])))]  # whichever side it lies on
    yaw_rad = float(np.arctan2(level[1], level[0]))
    belief = PolicyBelief(simulator.block(), yaw_rad, plan.block.half_m, _goal(plan, simulator.data))
    jaws = simulator.arm.jaws(simulator.data)
    up = Leg("rise", np.array([hand[0], hand[1], max(hand[2], 0.075)]), jaws, 0.7)
    return (up, *policies.legs(plan.task, belief))


def observe(simulator: Simulator, monitor: AttemptMonitor, phase: str, step: int) -> None:
    """Notes whether the block is held, and the first step of a failure."""
    block, person = simulator.block(), simulator.person is not None
    monitor.holds = is_held(simulator)
    monitor.rose_m = max(monitor.rose_m, float(block[2]) - monitor.half_m)
    if phase in ("lift", "hold") and simulator.plan.task != "push":
        monitor.felt_open = simulator.opening()
        monitor.felt = True
    carries = phase in policies.CARRIES and simulator.plan.task != "push"
    monitor.lost = monitor.lost + 1 if carries and not monitor.holds else 0
    failed = monitor.lost >= _LOST_STEPS or (phase == "retreat" and not is_placed(simulator))
    if failed and not person and monitor.failed_at is None:
        monitor.failed_at = step - monitor.lost + 1 if monitor.lost else step
        if simulator.plan.human:
            monitor.takes_over_at = step + _REACTION_STEPS


def is_held(simulator: Simulator) -> bool:
    """Both jaws touch the block."""
    model, data = simulator.model, simulator.data
    block = model.geom("block").id
    jaws = {model.body(name).id for name in so101.BODIES[-2:]}
    pairs = data.contact.geom[: data.ncon]
    mine = pairs[(pairs == block).any(axis=1)]
    touching = {int(model.geom_bodyid[g]) for pair in mine for g in pair if g != block}
    return jaws <= touching


def is_placed(simulator: Simulator) -> bool:
    """The block is where it shall be."""
    plan, block = simulator.plan, simulator.block()
    off = block - _goal(plan, simulator.data)
    near = STACK_NEAR_M if plan.task == "stack" else NEAR_M
    return bool(np.linalg.norm(off[:2]) < near and abs(off[2]) < 0.008)


def has_succeeded(simulator: Simulator, monitor: AttemptMonitor) -> bool:
    """By physics: it is held up, or was carried (a push: shoved) to its goal and let go."""
    if simulator.plan.task == "lift":
        return monitor.holds and float(simulator.block()[2]) - monitor.half_m > LIFTED_M
    carried = simulator.plan.task == "push" or monitor.rose_m > CARRIED_M
    return is_placed(simulator) and carried and not monitor.holds


def is_over(simulator: Simulator, monitor: AttemptMonitor, step: int) -> bool:
    """Whether nobody goes on. A person who watches takes over at the latest when the policy ends without success."""
    if (
        simulator.person is None
        and simulator.policy.done
        and simulator.plan.human
        and not has_succeeded(simulator, monitor)
    ):
        monitor.failed_at = step if monitor.failed_at is None else monitor.failed_at
        monitor.takes_over_at = step
        return False
    return (simulator.person or simulator.policy).done
