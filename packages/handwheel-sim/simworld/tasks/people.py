"""Who is in a take: the wearer's arms, a person across the table, statues and robot hands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simworld.body import appearance, grasp, hands
from simworld.body.hands import HandPose
from simworld.rotations import wrist_frame
from simworld.scene_types import Floats, Mesh, Pose
from simworld.tasks.motion import translate, vec
from simworld.tasks.plan import ShotPlan
from simworld.tasks.script import Hand, hand_skin

SIDES = ("right", "left")
OTHER_WRIST = (0.16, 0.40)  # of the other person's resting hands
HOME_WRIST = (0.165, -0.18)


def make_people(shot: ShotPlan, rng: np.random.Generator) -> tuple[dict[str, Hand], dict[str, appearance.Appearance]]:
    """Hands by name with what they wear; none where nobody is to be seen."""
    v = shot.variation
    robot = v["negative"] == "robot_hand"
    out: dict[str, Hand] = {}
    variant = int(rng.integers(1000))
    extra = (
        appearance.EXTRAS[int(rng.integers(len(appearance.EXTRAS)))]
        if v["glove"] == "none" and rng.random() < 0.4
        else "none"
    )
    appearances: dict[str, appearance.Appearance] = {}
    if shot.wearer is not None or robot:
        body = "man_young" if robot else v["body"]
        for side in SIDES if v["hands"] == "both" or robot else (v["handed"],):
            hand = _resting_hand(body, side, "wearer")
            name = f"wearer_{side}"
            out[name] = replace(hand, human=not robot)
            skin, glove, sleeve = ("medium", "none", "bare") if robot else (v["skin"], v["glove"], v["sleeve"])
            appearances[name] = appearance.dress_arm(
                hand.arm, skin, glove, sleeve, "robot" if robot else "human", extra, variant
            )
    if v["other"] == "across":
        body = hands.BODIES[int(rng.integers(len(hands.BODIES)))]
        skin = appearance.SKINS[int(rng.integers(len(appearance.SKINS)))]
        sleeve = ("long", "rolled")[int(rng.integers(2))]
        for side in SIDES:
            hand = out[f"other_{side}"] = _resting_hand(body, side, "other")
            appearances[hand.name] = appearance.dress_arm(hand.arm, skin, "none", sleeve, variant=variant + 3)
    return out, appearances


def make_statue(rng: np.random.Generator) -> list[Mesh]:
    """A hand of stone that stands on the table, its arm below it."""
    side = SIDES[int(rng.integers(2))]
    arm = hands.load_arm(hands.BODIES[int(rng.integers(len(hands.BODIES)))], side)
    flex = (hands.OPEN, hands.POINT, hands.VICTORY, hands.REST)[int(rng.integers(4))]
    turn = float(rng.uniform(-0.8, 0.8))
    back = (np.sin(turn), -np.cos(turn), 0.1) if rng.random() < 0.5 else (np.sin(turn), np.cos(turn), 0.1)
    at = vec(float(rng.uniform(-0.1, 0.1)), float(rng.uniform(-0.08, 0.0)), 0.012)
    pose = HandPose(Pose(at, wrist_frame((0.08, 0.06, 1.0), back)), flex, 1.0, at - vec(0, 0, 0.3))
    shape = arm.shape(pose)
    stone = appearance.dress_arm(arm, "light", "none", "bare", "statue", variant=int(rng.integers(1000)))
    return [replace(stone.meshes[key], vertices=vertices) for key, vertices in _statue_vertices(stone, shape).items()]


def _statue_vertices(stone: appearance.Appearance, shape: hands.ArmShape) -> dict[str, Floats]:
    return {name.split(":")[-1]: vertices for name, vertices in stone.places(shape, "statue").items()}


def _resting_hand(body: str, side: str, person: str) -> Hand:
    """A hand that lies on the table, palm down."""
    arm = hands.load_arm(body, side)
    sign = arm.sign if person == "wearer" else -arm.sign
    if person == "wearer":
        at, rotation = (
            vec(HOME_WRIST[0] * sign, HOME_WRIST[1], 0.06),
            wrist_frame((-0.4 * sign, 0.9, -0.1), (0.15 * sign, 0.1, 1)),
        )
    else:
        at, rotation = (
            vec(OTHER_WRIST[0] * sign, OTHER_WRIST[1], 0.06),
            wrist_frame((-0.35 * sign, -0.9, -0.1), (0.15 * sign, -0.1, 1)),
        )
    elbow = grasp.elbow_for(at, side, person)
    pose = HandPose(Pose(at, rotation), hands.REST, 1.0, elbow)
    low = float(hand_skin(arm, pose)[:, 2].min())
    return Hand(f"{person}_{side}", person, arm, replace(pose, wrist=translate(pose.wrist, vec(0, 0, 0.001 - low))))
