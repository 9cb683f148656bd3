"""One shot in motion: everything that is needed to measure or to render it at any time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from simworld.body.hands import ArmShape, HandPose
from simworld.scene_types import Camera, CameraSettings, Floats, Mesh, Moment, Pose, Room, Scene
from simworld.scenery import rooms, things
from simworld.tasks import gestures, head, liquid, people, verbs
from simworld.tasks.head import Head
from simworld.tasks.layout import DRAWER_Y_M, Table, furnish, litter
from simworld.tasks.motion import upright_pose, vec
from simworld.tasks.plan import ShotPlan
from simworld.tasks.script import Hand, Prop, Script

TREMOR_M = 0.0007
PUSH_M = 0.0003  # a free hand is moved out of what it is deeper in than this
ALONG_TRIES, UP_TRIES, UP_M = 6, 10, 0.005
BEHIND_Y_M, BACK_M = 0.345, 1.0  # what stands behind the other person, and how far back it goes


@dataclass(frozen=True, slots=True, eq=False)
class SceneState:
    """Where everything is at one time."""

    t_s: float
    camera: Camera
    poses: Mapping[str, HandPose]  # by the hand's name
    shapes: Mapping[str, ArmShape]
    things: Mapping[str, Pose]  # by the prop's name


@dataclass(frozen=True, slots=True, eq=False)
class PlayedShot:
    """A shot's scene and its ways. `failed_s` has a time for each task that fails."""

    shot: ShotPlan
    scene: Scene
    script: Script
    head: Head
    failed_s: tuple[float | None, ...]

    @property
    def duration_s(self) -> float:
        """Its length: a whole number of frames."""
        return self.shot.duration_s

    def at(self, t_s: float) -> SceneState:
        """Where everything is."""
        places = {name: prop.at(t_s) for name, prop in self.script.props.items()}
        poses, shapes = {}, {}
        for name, hand in self.script.hands.items():
            pose = _with_tremor(hand, hand.at(t_s), t_s)
            shape = hand.arm.shape(pose)
            if not _is_following(hand, t_s):
                off = _push_out_m(hand, shape, self.script.props, places)
                if off is not None:
                    pose = replace(pose, wrist=Pose(pose.wrist.position + off, pose.wrist.rotation))
                    shape = _shift_shape(shape, off)
            poses[name], shapes[name] = pose, shape
        return SceneState(t_s, self.head.at(t_s, self.script), poses, shapes, places)

    def moment(self, state: SceneState) -> Moment:
        """What the renderer places."""
        places: dict[str, Pose | Floats] = {}
        for name, at in state.things.items():
            for k in range(len(self.script.props[name].thing.meshes)):
                places[f"{name}#{k}"] = at
        for name, shape in state.shapes.items():
            places |= self.script.appearances[name].places(shape, name)
        for k, one in enumerate(self.script.liquids):
            places |= liquid.places(one, k, state.t_s)
        return Moment(state.camera, places)


def exposures(t_s: float, fps_hz: float, camera_settings: CameraSettings, count: int) -> tuple[float, ...]:
    """`count` times in s while the shutter of the frame at t_s is open; the middle of it is t_s."""
    half = camera_settings.shutter / fps_hz / 2
    if count == 1 or half == 0:
        return (t_s,)
    return tuple(float(t) for t in np.maximum(np.linspace(t_s - half, t_s + half, count), 0.0))


def play(shot: ShotPlan, again: int = 0) -> PlayedShot:
    """The take of a plan: equal plans give equal takes. again: another table for the same tasks."""
    rng = np.random.default_rng([shot.seed, 1, again] if again else [shot.seed, 1])
    hands, appearances = people.make_people(shot, rng)
    script = Script(rng, {}, hands, f"wearer_{shot.acting}", appearances=appearances)
    _set_table(script, shot)
    failed_s = _act(script, shot)
    room = rooms.make_room(shot.variation["room"], shot.variation["light"], np.random.default_rng([shot.seed, 2]))
    if shot.variation["other"] == "across":
        room = _move_wall_back(room)
    scene = Scene(room, tuple(script.still), _moving(script))
    manner = shot.variation["head"]
    camera = head.make_head(shot.lens, manner, shot.duration_s, np.random.default_rng([shot.seed, 3]))
    return PlayedShot(shot, scene, script, camera, failed_s)


def _set_table(script: Script, shot: ShotPlan) -> None:
    table = Table(script.rng, 1.0 if shot.acting == "right" else -1.0, script.props, [])
    for hand in script.hands.values():  # where hands rest nothing stands
        for along_m, radius in ((0.06, 0.055), (0.145, 0.045)):
            x, y = hand.home.wrist.position[:2] - hand.home.wrist.rotation[:2, 2] * along_m
            table.discs.append((float(x), float(y), radius))
    if shot.variation["negative"] == "statue":
        meshes = people.make_statue(script.rng)
        script.still += meshes
        points = np.concatenate([m.vertices for m in meshes])
        middle = points[points[:, 2] > 0][:, :2].mean(axis=0)
        table.discs.append((float(middle[0]), float(middle[1]), 0.09))
    for task in shot.tasks:
        furnish(table, task)
        if task.thing == "drawer":
            closed = upright_pose(
                float(script.props[f"{task.colour} drawer"].home.position[0]), DRAWER_Y_M, things.CABINET_FOOT_M
            )
            script.still += rooms.cabinet(closed, "white" if task.colour != "white" else "grey")
    litter(table, shot.variation["clutter"], shot.variation["room"], shot.variation["negative"] == "confusers")


def _act(script: Script, shot: ShotPlan) -> tuple[float | None, ...]:
    """Writes what the hands do."""
    for name, hand in script.hands.items():
        if name != script.acting or shot.variation["negative"] in ("rest", "robot_hand"):
            gestures.idle(hand, 0.0, shot.duration_s, script.rng)
    if shot.variation["negative"] == "gesture":
        gestures.perform(script, shot.variation["gesture"], 0.3, shot.duration_s - 0.2)
    return tuple(verbs.write(script, task) for task in shot.tasks)


def _moving(script: Script) -> dict[str, Mesh]:
    out: dict[str, Mesh] = {}
    for name, prop in script.props.items():
        out |= {f"{name}#{k}": mesh for k, mesh in enumerate(prop.thing.meshes)}
    for name, worn in script.appearances.items():
        out |= {f"{name}:{key}": mesh for key, mesh in worn.meshes.items()}
    for k, _ in enumerate(script.liquids):
        out |= liquid.meshes(k, script.rng)
    return out


def _move_wall_back(room: Room) -> Room:
    """The room with its wall far enough back for a person across the table."""
    meshes = tuple(
        replace(m, vertices=m.vertices + vec(0, BACK_M, 0)) if float(m.vertices[:, 1].min()) > BEHIND_Y_M else m
        for m in room.meshes
    )
    return replace(room, meshes=meshes)


def _with_tremor(hand: Hand, pose: HandPose, t_s: float) -> HandPose:
    """No living hand is quite still, but one that holds something is so with it."""
    if hand.holds(t_s) is not None or not hand.human:
        return pose
    way = TREMOR_M * np.sin(np.array([7.3, 9.1, 8.2]) * t_s + (0.0, 1.0, 2.0) + hand.sign)
    return replace(pose, wrist=Pose(pose.wrist.position + way, pose.wrist.rotation))


def _is_following(hand: Hand, t_s: float) -> bool:
    stretch = hand.now(t_s)
    return stretch is not None and stretch.leads is not None


def _push_out_m(hand: Hand, shape: ArmShape, props: Mapping[str, Prop], places: Mapping[str, Pose]) -> Floats | None:
    """(3,) m by which a hand must move to touch things without being in them; None: it is free."""
    skin = shape.vertices[hand.arm.hand_vertices]
    near = [n for n, p in props.items() if float(p.bounds_m(skin[::8], places[n]).min()) < 0.02]
    off = np.zeros(3)
    for tries in range(ALONG_TRIES + UP_TRIES):
        depth, way = float((skin + off)[:, 2].min()), vec(0, 0, 1)
        for name in near:
            away, k = props[name].nearest(skin + off, places[name], 0.002)
            if away < depth:
                depth, way = away, _outwards(props[name], places[name], skin[k] + off)
        if depth >= -PUSH_M:
            break
        # Between two things no way out is short: up is free.
        off = off + (way * (-depth + PUSH_M * 0.5) if tries < ALONG_TRIES else vec(0, 0, UP_M))
    return off if off.any() else None


def _outwards(prop: Prop, at: Pose, point: Floats) -> Floats:
    """The gradient of a thing's distance, by differences."""
    step = 2e-4
    ends = np.concatenate([point + np.eye(3) * step, point - np.eye(3) * step])
    away = prop.thing.distance_from(ends, at)
    slope = (away[:3] - away[3:]) / (2 * step)
    return np.asarray(slope / max(float(np.linalg.norm(slope)), 1e-6))


def _shift_shape(shape: ArmShape, by: Floats) -> ArmShape:
    bones = shape.bones.copy()
    bones[:, :, 3] += by
    return replace(shape, vertices=shape.vertices + by, keypoints=shape.keypoints + by, bones=bones)
