"""What is said of a robot's attempt: its instruction, and captions at five levels, made from the plan and physics."""

from __future__ import annotations

from simworld.robot.attempt import Attempt
from simworld.robot.plan import AttemptPlan, Spot

_SIZES = {0.014: "small", 0.017: "", 0.02: "large"}
_CAUSES = {
    "calibration_bias": "because it believes everything to be a little beside where it is",
    "noise": "because its hand shakes",
    "late_gripper": "because the gripper closes too late",
    "early_release": "because the gripper opens too early",
    "slip": "because the block slips",
    "chance": "by chance",
}
_SHORT = {"pick_place": "place", "push": "push", "stack": "stack", "lift": "lift"}


def instruction(plan: AttemptPlan) -> str:
    """What the robot is asked to do."""
    block, goal = f"the {plan.block.colour} block", f"the {plan.goal.colour} {plan.goal.kind}"
    return {
        "pick_place": f"Pick up {block} and place it on {goal}.",
        "push": f"Push {block} onto {goal}.",
        "stack": f"Stack {block} on {goal}.",
        "lift": f"Lift {block} off the table.",
    }[plan.task]


def captions(plan: AttemptPlan, attempt: Attempt) -> dict[str, str]:
    """L1 to L5: at most 5, 15, 30, 50 and 100 words."""
    block = f"the {plan.block.colour} block"
    short = f"{'' if attempt.success else 'fail to '}{_SHORT[plan.task]} {plan.block.colour} block"
    ended = _ended(plan, attempt)
    did = f"A robot arm {_did(plan)}"
    steps = f"The arm reaches for {block} at the {_where(plan.block)}, {_sequence(plan)}."
    helped = " A person takes over and corrects it." if attempt.intervened else ""
    return {
        "L1": short,
        "L2": f"{did}.",
        "L3": f"{did} with its gripper; {ended}.",
        "L4": f"{steps}{helped} In the end {ended}.",
        "L5": f"{_setting(plan)} {steps}{helped} In the end {ended}{_why(attempt)}.",
    }


def _did(plan: AttemptPlan) -> str:
    block, goal = f"a {plan.block.colour} block", f"a {plan.goal.colour} {plan.goal.kind}"
    return {
        "pick_place": f"moves {block} towards {goal}",
        "push": f"pushes {block} towards {goal}",
        "stack": f"moves {block} over {goal}",
        "lift": f"tries to lift {block}",
    }[plan.task]


def _sequence(plan: AttemptPlan) -> str:
    goal = f"the {plan.goal.colour} {plan.goal.kind} at the {_where(plan.goal)}"
    return {
        "pick_place": f"closes its gripper, carries it to {goal} and opens",
        "push": f"lowers its fingers behind it and pushes it to {goal}",
        "stack": f"closes its gripper, carries it over {goal} and opens",
        "lift": "closes its gripper, raises it and holds it",
    }[plan.task]


def _ended(plan: AttemptPlan, attempt: Attempt) -> str:
    if attempt.success:
        goal = f"{plan.goal.colour} {plan.goal.kind}"
        return "the block is held in the air" if plan.task == "lift" else f"the block rests on the {goal}"
    return "the block is not held" if plan.task == "lift" else "the block is not where it should be"


def _why(attempt: Attempt) -> str:
    return "" if attempt.success else f", {_CAUSES[str(attempt.failure_cause)]}"


def _where(spot: Spot) -> str:
    """Of the robot's own view."""
    near = "near" if spot.x_m < 0.19 else "far" if spot.x_m > 0.23 else ""
    side = "left" if spot.y_m > 0.025 else "right" if spot.y_m < -0.025 else "middle"
    return f"{near} {side}".strip()


def _setting(plan: AttemptPlan) -> str:
    size = _SIZES.get(plan.block.half_m, "")
    block = " ".join(word for word in (size, plan.block.colour, "block") if word)
    return f"A yellow and black six-axis robot arm works over a {plan.room} scene with a {block} on it."
