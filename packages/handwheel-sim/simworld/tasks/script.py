"""A take while it is written: who and what is there, and where each is at every time.

A thing's way leads, and a hand that holds it follows with an unchanged grip; a free hand has a way of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from simworld.body import appearance, grasp
from simworld.body.hands import Arm, HandPose
from simworld.rotations import unit
from simworld.scene_types import Floats, Mesh, Pose, Thing
from simworld.tasks.motion import interpolate, minimum_jerk, slerp, translate, vec

FIRST = 200  # points whose distance is computed before those that may be nearer
CLEAR_M = 0.06  # how far an open hand stays off before it goes in


@dataclass(frozen=True, slots=True)
class PathSegment:
    """A stretch of a way: `at` gives the pose for a share 0..1 of it, or, of a follower, for the time in s."""

    start_s: float
    end_s: float
    pose: Callable[[float], Pose]


@dataclass(slots=True, eq=False)
class Prop:
    """A thing of the take and its way. `fixed` is furniture: nothing carries it."""

    name: str
    thing: Thing
    home: Pose
    parts: list[PathSegment] = field(default_factory=list)
    fixed: bool = False
    low: Floats = field(init=False)  # (3,) corners of its bounds, in its frame
    high: Floats = field(init=False)

    def __post_init__(self) -> None:
        points = np.concatenate([mesh.vertices for mesh in self.thing.meshes])
        self.low, self.high = points.min(axis=0), points.max(axis=0)

    def at(self, t_s: float) -> Pose:
        """Where it is."""
        now = None
        for part in self.parts:
            if part.start_s <= t_s:
                now = part
        if now is None:
            return self.home
        return now.pose(min(max((t_s - now.start_s) / max(now.end_s - now.start_s, 1e-9), 0.0), 1.0))

    def bounds_m(self, points: Floats, at: Pose) -> Floats:
        """(N,) distances of world points from its bounds: never more than those from the thing."""
        inner = at.to_local(points)
        return np.asarray(np.linalg.norm(np.maximum(np.maximum(self.low - inner, inner - self.high), 0.0), axis=1))

    def crossed(self, eye: Floats, ways: Floats, at: Pose) -> tuple[Floats, Floats]:
        """Where rays (N, 3 unit ways) from an eye enter and leave its bounds, m (N,); entered after left: they miss."""
        start = at.to_local(eye[None])[0]
        inner = ways @ at.rotation
        inner = np.where(np.abs(inner) < 1e-12, 1e-12, inner)
        a, b = (self.low - start) / inner, (self.high - start) / inner
        return np.minimum(a, b).max(axis=1), np.maximum(a, b).min(axis=1)

    def nearest(self, points: Floats, at: Pose, within_m: float = np.inf) -> tuple[float, int]:
        """Least signed distance of world points (N, 3), and whose it is; exact where it is within within_m."""
        bounds = self.bounds_m(points, at)
        first = int(np.argmin(bounds))
        if bounds[first] > within_m:
            return float(bounds[first]), first
        some = np.argpartition(bounds, FIRST)[:FIRST] if len(bounds) > FIRST else np.arange(len(bounds))
        away = self.thing.distance_from(points[some], at)
        k = int(np.argmin(away))
        rest = np.flatnonzero(bounds < away[k])
        if len(rest):
            away, some = self.thing.distance_from(points[rest], at), rest
            k = int(np.argmin(away))
        return float(away[k]), int(some[k])

    def go(self, start_s: float, end_s: float, pose: Callable[[float], Pose]) -> None:
        """Adds a stretch; starts must not go back."""
        self.parts.append(PathSegment(start_s, end_s, pose))


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a hand does from start_s on; `holds` names the prop that it is in touch with."""

    start_s: float
    end_s: float
    pose: Callable[[float], HandPose]  # of the time in s
    holds: str | None = None
    leads: Prop | None = None  # the prop that it follows


@dataclass(slots=True, eq=False)
class Hand:
    """One arm of one person and its way."""

    name: str  # wearer_right
    person: str
    arm: Arm
    home: HandPose
    human: bool = True
    stretches: list[Stretch] = field(default_factory=list)

    @property
    def side(self) -> str:
        return self.arm.side

    @property
    def sign(self) -> float:
        """1: its own side of the table is the wearer's right."""
        return self.arm.sign if self.person == "wearer" else -self.arm.sign

    def now(self, t_s: float) -> Stretch | None:
        """The stretch that counts at a time."""
        current = None
        for stretch in self.stretches:
            if stretch.start_s <= t_s:
                current = stretch
        return current

    def at(self, t_s: float) -> HandPose:
        """Its pose, before anything in its way is looked at."""
        stretch = self.now(t_s)
        return self.home if stretch is None else stretch.pose(min(t_s, stretch.end_s))

    def holds(self, t_s: float) -> str | None:
        """The prop it is in touch with by plan."""
        stretch = self.now(t_s)
        return stretch.holds if stretch is not None else None

    def free(self, start_s: float, end_s: float, to: HandPose, over_m: float = 0.0, near: str | None = None) -> None:
        """Goes from where it is to a pose, smoothly; over_m: rising first, sinking last, and so much higher between."""
        begin = self.at(start_s)
        rises = to.wrist.position[2] > begin.wrist.position[2]

        def pose(t_s: float) -> HandPose:
            u = (t_s - start_s) / max(end_s - start_s, 1e-9)
            if over_m == 0.0:
                return blend(self, begin, to, minimum_jerk(u), minimum_jerk(u), 0.0)
            early, late = minimum_jerk(u / 0.75), minimum_jerk((u - 0.25) / 0.75)
            return blend(self, begin, to, late if rises else early, early if rises else late, over_m)

        self.stretches.append(Stretch(start_s, end_s, pose, near))

    def follow(self, start_s: float, end_s: float, prop: Prop, grip: HandPose, at: Pose) -> None:
        """Keeps its grip on a prop, as it is with the prop at `at`, wherever that goes."""

        def pose(t_s: float) -> HandPose:
            return self.with_elbow(carry_hand(grip, at, prop.at(t_s)))

        self.stretches.append(Stretch(start_s, end_s, pose, prop.name, prop))

    def with_elbow(self, pose: HandPose) -> HandPose:
        """The pose with the elbow where this person keeps it."""
        return replace(pose, elbow=grasp.elbow_for(pose.wrist.position, self.side, self.person))


@dataclass(frozen=True, slots=True, eq=False)
class Liquid:
    """What is poured: drops that fall from `lip(t)` between two times, and what gathers below."""

    start_s: float
    end_s: float
    lip: Callable[[float], Floats]
    floor_z_m: float
    pool: Pose  # the middle of what gathers
    pool_radius_m: float


@dataclass(slots=True, eq=False)
class Script:
    """Everything of one take."""

    rng: np.random.Generator
    props: dict[str, Prop]
    hands: dict[str, Hand]
    acting: str  # name of the hand that works
    liquids: list[Liquid] = field(default_factory=list)
    still: list[Mesh] = field(default_factory=list)
    appearances: dict[str, appearance.Appearance] = field(default_factory=dict)  # by the hand's name

    @property
    def hand(self) -> Hand:
        """The acting hand."""
        return self.hands[self.acting]

    @property
    def helper(self) -> Hand | None:
        """The wearer's other hand, where it is in the take."""
        other = "wearer_left" if self.acting == "wearer_right" else "wearer_right"
        return self.hands.get(other)


def carry_hand(grip: HandPose, at: Pose, to: Pose) -> HandPose:
    """The hand with the grip `held` has on a thing at `at`, with that thing at `to`."""
    turn = to.rotation @ at.rotation.T
    wrist = Pose(turn @ (grip.wrist.position - at.position) + to.position, turn @ grip.wrist.rotation)
    return replace(grip, wrist=wrist)


def blend(hand: Hand, a: HandPose, b: HandPose, u: float, up: float, over_m: float) -> HandPose:
    """A share u of the way from a to b, `up` of its height, over_m higher at its middle."""
    wrist = interpolate(a.wrist, b.wrist, u)
    z = a.wrist.position[2] * (1 - up) + b.wrist.position[2] * up + over_m * np.sin(np.pi * u)
    wrist = Pose(np.array([wrist.position[0], wrist.position[1], z]), wrist.rotation)
    flex = a.flex * (1 - u) + b.flex * u
    spread = a.spread * (1 - u) + b.spread * u
    return hand.with_elbow(HandPose(wrist, flex, spread))


def shift_hand(pose: HandPose, by: Floats) -> HandPose:
    """The hand moved by (3,) m."""
    return replace(pose, wrist=translate(pose.wrist, by))


def hand_skin(arm: Arm, pose: HandPose) -> Floats:
    """(H, 3) of the hand's vertices alone."""
    return arm.skin.part(arm.hand_vertices).pose_vertices(arm.bones(pose))


def gap_m(arm: Arm, pose: HandPose, prop: Prop, at: Pose) -> float:
    """Distance of the hand's skin from a thing; negative: inside."""
    return prop.nearest(hand_skin(arm, pose), at)[0]


def withdrawal(script: Script, hand: Hand, prop: Prop, at: Pose, pose: HandPose) -> Floats:
    """(3,) m that the open hand backs off by from a thing, with the most room to everything on that way."""
    back, behind, up = pose.wrist.rotation[:, 1], pose.wrist.rotation[:, 2], vec(0, 0, 1)
    level = unit(back * (1, 1, 0) + 1e-9 * behind)
    best, best_room = up * CLEAR_M, -np.inf
    for way in (behind, unit(behind + up), up, unit(level + behind), unit(level + 0.5 * up), unit(behind + 2 * up)):
        rooms = []
        for share in (0.35, 0.7, 1.0):
            skin = hand_skin(hand.arm, shift_hand(pose, way * CLEAR_M * share))
            rooms.append(min(prop.nearest(skin, at)[0], float(skin[:, 2].min()) + 0.004))
            for other in script.props.values():
                if other is not prop and np.linalg.norm(other.home.position - at.position) < 0.25:
                    rooms.append(other.nearest(skin, other.at(0.0), rooms[-1])[0])
        if min(rooms) > best_room + 1e-4:
            best, best_room = way * CLEAR_M, min(rooms)
    return best


def settle(thing: Thing, at: Pose, supports: list[tuple[Thing, Pose]]) -> Pose:
    """The pose lowered or raised until the thing just rests on the table or on one of the supports."""
    points = at.rotation @ np.concatenate([m.vertices for m in thing.meshes]).T
    base = points.T + at.position * (1, 1, 0)
    low = -float(base[:, 2].min())
    if not supports:
        return Pose(at.position * (1, 1, 0) + vec(0, 0, low), at.rotation)
    sample = base[:: max(1, len(base) // 800)]

    def free(z: float) -> bool:
        return all(float(s.distance_from(sample + vec(0, 0, z), p).min()) >= 0.0 for s, p in supports)

    high = low + 0.4
    if not free(low):
        lower = low
        for _ in range(14):
            middle = (lower + high) / 2
            lower, high = (lower, middle) if free(middle) else (middle, high)
        low = high
    return Pose(at.position * (1, 1, 0) + vec(0, 0, low), at.rotation)


def lifted_path(a: Pose, b: Pose, over_z_m: float) -> Callable[[float], Pose]:
    """Up from a, across, and down to b: smooth, at least over_z_m high between."""
    top = max(a.position[2], b.position[2], over_z_m)

    def pose(u: float) -> Pose:
        across, rise, sink = minimum_jerk((u - 0.2) / 0.6), minimum_jerk(u / 0.42), minimum_jerk((u - 0.58) / 0.42)
        flat = a.position * (1 - across) + b.position * across
        z = a.position[2] + (top - a.position[2]) * rise + (b.position[2] - top) * sink
        return Pose(np.array([flat[0], flat[1], z]), slerp(a.rotation, b.rotation, across))

    return pose


def straight_path(a: Pose, b: Pose, arc: Floats | None = None) -> Callable[[float], Pose]:
    """From a to b, minimum jerk."""
    return lambda u: interpolate(a, b, minimum_jerk(u), arc)


def flex_towards(pose: HandPose, to: HandPose, share: float) -> HandPose:
    """The hand with its fingers a share of the way to another's."""
    return replace(pose, flex=pose.flex * (1 - share) + to.flex * share)
