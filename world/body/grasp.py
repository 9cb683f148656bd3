"""Where to put a hand so that it holds a thing: some hundred ways tried, the most natural one that touches kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from world.body import hands
from world.body.closing import PALM, Field, Probe, closed, gridded, probe, settled
from world.body.hands import Arm, HandPose, frame_of, turned, unit
from world.parts import Floats, Pose, Thing

HOWS = ("side", "top", "pinch", "flat", "handle", "rim")
TOUCH_M = 0.0015  # skin nearer than this touches
DEEPEST_M = 0.001  # skin may be this deep inside
BEND_MOST_RAD = np.radians(60)  # between forearm and hand
CLEAR_M = 0.0012  # of the open hand
FLOOR_M = 0.001  # over the table's top, where fingers stop
UP = np.array([0.0, 0.0, 1.0])
FINALISTS = 4

OPPOSED_MOST = 0.3  # cosine between the two most different ways that touching skin pushes; a wall's are 1
THUMB_M = 0.058  # how far below the top a palm's middle stays, so that the thumb does not slip over it
SIDE_OPEN = np.array([[0.9, -0.35, 0.0], *[[0.1, 0.15, 0.1]] * 4])
SIDE_SHUT = np.array([[0.9, 0.75, 1.1], *[[1.45, 1.75, 1.1]] * 4])
TOP_OPEN = np.array([[1.2, -0.15, 0.05], *[[0.5, 0.45, 0.25]] * 4])
TOP_WIDE = np.array([[1.2, -0.45, 0.0], *[[0.2, 0.3, 0.15]] * 4])
TOP_SHUT = np.array([[1.2, 0.3, 0.7], *[[1.3, 1.1, 0.6]] * 4])
PINCH_OPEN = np.array([[1.2, -0.3, 0.0], [0.3, 0.35, 0.2], [0.35, 0.35, 0.2], [0.8, 0.9, 0.5], [0.9, 0.95, 0.5]])
PINCH_SHUT = np.array([[1.2, 0.15, 0.5], [1.2, 1.0, 0.4], [1.2, 1.0, 0.4], [1.3, 1.2, 0.6], [1.3, 1.2, 0.6]])
HOOK_OPEN = np.array([[1.2, -0.3, 0.0], *[[0.3, 0.5, 0.25]] * 4])
HOOK_SHUT = np.array([[1.2, 0.35, 0.8], *[[1.3, 1.6, 0.9]] * 4])
FLAT_OPEN = np.array([[0.2, -0.1, 0.0], *[[-0.1, 0.06, 0.0]] * 4])
FLAT_SHUT = np.array([[0.2, 0.35, 0.5], *[[0.55, 0.35, 0.25]] * 4])


@dataclass(frozen=True, slots=True, eq=False)
class Grasp:
    """An open hand about a thing, and the same hand closed on it. touches: within TOUCH_M, and nowhere deeper than
    DEEPEST_M; where it is False, `closed` is the open hand, which is clear of the thing."""

    open: HandPose
    closed: HandPose
    touches: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Try:
    """A wrist's turn, the point of its frame that belongs at the target, and the way that the hand backs off."""

    rotation: Floats
    grip: Floats
    back: Floats
    open: Floats
    shut: Floats
    spread: float
    target: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """What a search needs to know."""

    arm: Arm
    thing: Thing
    at: Pose
    how: str
    elbow: Floats

    def distance(self, points: Floats) -> Floats:
        """From the thing."""
        return self.thing.away(points, self.at)

    def obstacle(self, points: Floats) -> Floats:
        """From the thing and the table under it."""
        if self.at.position[2] < -0.01:
            return self.distance(points)
        return np.minimum(self.distance(points), points[:, 2] - FLOOR_M)


def grasp(arm: Arm, thing: Thing, at: Pose, how: str, elbow: Floats) -> Grasp:
    """The hand's grip on a thing that stands at a pose; the forearm comes from the elbow (3,) m.

    how: side (round an upright thing), top (from above), pinch (thumb and two fingers), flat (palm down on it),
    handle (over a bar that sticks out of its front), rim (finger tips round a knob or lid). ValueError: another one.
    """
    if how not in HOWS:
        raise ValueError(f"no grip is called {how!r}: {', '.join(HOWS)}")
    scene = _Scene(arm, thing, at, how, np.asarray(elbow, np.float64))
    tries = list(_TRIES[how](scene))
    coarse = _coarse(scene, tries)
    scored = []
    for trial in tries:
        pose = _placed(scene, trial, coarse, probe(arm, 15))
        if pose is not None:
            flex = closed(probe(arm, 15), coarse, pose, trial.shut, 10)
            feel = probe(arm, 15)
            near = _near(feel, coarse, pose, flex)
            against = _opposed(feel, coarse, pose, flex, 0.003)
            scored.append((_score(scene, pose, near, against, flex, 0.003), pose, trial))
    scored.sort(key=lambda s: -s[0])
    return _best(scene, coarse, [s for s in scored if s[0] > 0][:FINALISTS]) or _aloof(scene, scored, tries[0])


def carried(held: Grasp, at: Pose, new_at: Pose) -> HandPose:
    """The same grip on the thing moved from `at` to `new_at`; the elbow goes half of the hand's way."""
    turn = new_at.rotation @ at.rotation.T
    old = held.closed.wrist
    wrist = Pose(turn @ (old.position - at.position) + new_at.position, turn @ old.rotation)
    elbow = held.closed.elbow
    moved = None if elbow is None else elbow + 0.5 * (wrist.position - old.position)
    return replace(held.closed, wrist=wrist, elbow=moved)


def elbow_for(wrist_position: Floats, side: str, person: str) -> Floats:
    """Where the elbow (3,) m is when the wrist is there: outwards and down of the line to the shoulder.

    person: wearer, or other, who sits across the table. Upper arm and forearm are an average adult's.
    """
    facing = 1.0 if person == "wearer" else -1.0
    across = facing * (1.0 if side == "right" else -1.0)
    shoulder = np.array([0.20 * across, -0.46 if person == "wearer" else 0.86, 0.24])
    way = shoulder - wrist_position
    length, fore, upper = float(np.linalg.norm(way)), 0.25, 0.27
    along = min((fore**2 - upper**2 + length**2) / (2 * length), fore)
    off = np.sqrt(max(fore**2 - along**2, 0.0))
    pole = np.array([0.8 * across, -0.2 * facing, -0.6])
    pole = unit(pole - way * (pole @ way) / length**2)
    elbow = wrist_position + way / length * along + pole * off
    return np.asarray([elbow[0], elbow[1], max(elbow[2], 0.045)])


def _coarse(scene: _Scene, tries: list[_Try]) -> Field:
    """The obstacles near the thing on a grid, for the search."""
    points = np.concatenate([scene.at.out(mesh.vertices) for mesh in scene.thing.meshes])
    target = np.mean([t.target for t in tries], axis=0)
    low = np.maximum(points.min(axis=0), target - 0.11) - 0.012
    high = np.minimum(points.max(axis=0), target + 0.11) + 0.012
    near = gridded(scene.distance, low, high, 0.004)
    floor = scene.at.position[2] >= -0.01
    return lambda p: np.minimum(near(p), p[:, 2] - FLOOR_M) if floor else near(p)


def _placed(scene: _Scene, trial: _Try, field: Field, feel: Probe) -> HandPose | None:
    """The open hand, backed off until it is clear; None where that takes too far or the wrist would be bent."""
    start = HandPose(Pose(np.zeros(3), trial.rotation), trial.open, trial.spread, scene.elbow)
    origin = trial.target - trial.rotation @ trial.grip
    if _bend(replace(start, wrist=Pose(origin, trial.rotation))) > BEND_MOST_RAD + 0.2:
        return None
    points = feel.posed(start.wrist, trial.open[None], trial.spread)[0] + origin
    way = settled(field, points, trial.back, 0.10, CLEAR_M)
    if way is None:
        return None
    pose = replace(start, wrist=Pose(np.round(origin + way * trial.back, 5), trial.rotation))
    return pose if _bend(pose) <= BEND_MOST_RAD else None


def _resettled(scene: _Scene, rough: HandPose, trial: _Try, coarse: Field) -> HandPose | None:
    """The open hand backed off exactly, from a little before where the search has put it."""
    start = rough.wrist.position - 0.004 * trial.back
    points = probe(scene.arm, 3).posed(rough.wrist, rough.flex[None], rough.spread)[0]
    near = points[coarse(points) < 0.015] - 0.004 * trial.back
    way = settled(scene.obstacle, near, trial.back, 0.012, CLEAR_M) if len(near) else 0.0
    if way is None:
        return None
    pose = replace(rough, wrist=Pose(np.round(start + way * trial.back, 5), rough.wrist.rotation))
    return pose if _bend(pose) <= BEND_MOST_RAD else None


def _bend(pose: HandPose) -> float:
    """Between the forearm and the hand, rad."""
    assert pose.elbow is not None
    fore = unit(pose.wrist.position - pose.elbow)
    return float(np.arccos(np.clip(fore @ -pose.wrist.rotation[:, 2], -1, 1)))


def _near(feel: Probe, field: Field, pose: HandPose, flex: Floats) -> Floats:
    """(16,) least distance of each segment."""
    points = feel.posed(pose.wrist, flex[None], pose.spread)
    return feel.nearest(field(points[0])[None])[0]


def _opposed(feel: Probe, field: Field, pose: HandPose, flex: Floats, touch_m: float) -> float:
    """The least cosine between normals of the field where the hand's segments touch it; 1 where fewer than two do."""
    points = feel.posed(pose.wrist, flex[None], pose.spread)[0]
    away = field(points)
    order = np.argsort(away, kind="stable")
    firsts = order[np.unique(feel.segment[order], return_index=True)[1]]  # the nearest of each segment
    firsts = firsts[away[firsts] < touch_m]
    if len(firsts) < 2:
        return 1.0
    steps = points[firsts][:, None] + 0.002 * np.concatenate([np.eye(3), -np.eye(3)])
    values = field(steps.reshape(-1, 3)).reshape(-1, 2, 3)
    normals = values[:, 0] - values[:, 1]
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    return float((normals @ normals.T).min())


def _score(scene: _Scene, pose: HandPose, near: Floats, against: float, flex: Floats, touch_m: float) -> float:
    """Larger is better; at most 0 is no grip. against: of _opposed()."""
    fingers = near[:PALM].reshape(5, 3).min(axis=1) < touch_m
    tips = near[:PALM].reshape(5, 3)[:, 2] < touch_m
    palm = float(near[PALM] < 2 * touch_m)
    if not _holds(scene.how, fingers, bool(near[PALM] < touch_m)) or (scene.how != "flat" and against > OPPOSED_MOST):
        return 0.0
    uneven = float(np.abs(np.diff(flex[1:].sum(axis=1))).sum())
    bend = _bend(pose)
    wish = {"side": palm, "flat": palm}.get(scene.how, 0.0)
    return (
        6
        + float(fingers.sum() + 0.6 * tips.sum())
        + 1.5 * wish
        - 2.5 * bend**2
        - 0.25 * uneven
        - (1.5 * max(against, -0.3) if scene.how != "flat" else 0.0)
    )


def _holds(how: str, fingers: Floats, palm: bool) -> bool:
    """Thumb and a finger; a flat hand holds down with its palm, or any two."""
    if how == "flat":
        return int(fingers.sum()) + int(palm) >= 2
    return bool(fingers[0] and fingers[1:].any())


def _best(scene: _Scene, coarse: Field, finalists: list[tuple[float, HandPose, _Try]]) -> Grasp | None:
    """The first of the finalists' grips, closed exactly, that touches and goes nowhere too deep."""
    found: tuple[float, Grasp] | None = None
    for _, rough, trial in finalists:
        pose = _resettled(scene, rough, trial, coarse)
        if pose is None:
            continue
        feel = probe(scene.arm, 4)
        flex = _followed(closed(feel, scene.obstacle, pose, trial.shut, 12), pose, feel, scene)
        shut = replace(pose, flex=np.round(flex, 4))
        skin = probe(scene.arm, 1)
        near = _near(skin, scene.distance, shut, shut.flex)
        against = _opposed(feel, scene.distance, shut, shut.flex, TOUCH_M)
        score = _score(scene, shut, near, against, flex, TOUCH_M - 1e-4)
        open_near = _near(skin, scene.distance, pose, pose.flex)
        if min(near.min(), open_near.min()) > -DEEPEST_M + 1e-4 and score > (found[0] if found else 0.0):
            found = (score, Grasp(pose, shut, True))
    return found[1] if found else None


def _followed(flex: Floats, pose: HandPose, feel: Probe, scene: _Scene) -> Floats:
    """Fingers that met nothing bend no more than a little further than their neighbour towards the thumb."""
    near = _near(feel, scene.distance, pose, flex)[:PALM].reshape(5, 3).min(axis=1)
    out = flex.copy()
    for finger in range(2, 5):
        if near[finger] > 0.004:
            eased = np.minimum(out[finger], out[finger - 1] + (0.1, 0.12, 0.08))
            trial = out.copy()
            trial[finger] = np.maximum(eased, pose.flex[finger])
            if _near(feel, scene.obstacle, pose, trial)[3 * finger : 3 * finger + 3].min() > 0:
                out = trial
    return out


def _aloof(scene: _Scene, scored: list[tuple[float, HandPose, _Try]], trial: _Try) -> Grasp:
    """An open hand that is clear of the thing, where nothing better was found."""
    back = trial.back
    pose = scored[0][1] if scored else None
    if pose is None:
        position = trial.target - trial.rotation @ trial.grip + 0.05 * back
        pose = HandPose(Pose(position, trial.rotation), trial.open, trial.spread, scene.elbow)
    skin = probe(scene.arm, 1)
    for _ in range(40):
        if _near(skin, scene.distance, pose, pose.flex).min() > CLEAR_M:
            break
        pose = replace(pose, wrist=Pose(np.round(pose.wrist.position + 0.005 * back, 5), pose.wrist.rotation))
    return Grasp(pose, pose, False)


def _heading(scene: _Scene, target: Floats) -> Floats:
    """The level direction from the elbow to the target."""
    way = (target - scene.elbow) * (1.0, 1.0, 0.0)
    return unit(way) if np.linalg.norm(way) > 1e-6 else np.array([0.0, 1.0, 0.0])


def _yawed(direction: Floats, degrees: float, sign: float) -> Floats:
    """Turned about the vertical; positive is towards the thumb of a hand that is palm down."""
    return np.asarray(turned(2, np.array([np.radians(degrees) * sign]))[0] @ direction)


def _knuckle_m(arm: Arm) -> float:
    return float(-arm.joint("middle1")[2])


def _side(scene: _Scene) -> Iterator[_Try]:
    """Thumb up or turned in, palm against the side."""
    arm, height = scene.arm, scene.thing.size[2]
    low = max(min(0.5 * height, height - THUMB_M), 0.038)
    for level in (low, max(0.45 * height, low + 0.012)):
        target = scene.at.position + UP * level
        for yaw in (-20, 8, 38):
            forward = _yawed(_heading(scene, target), yaw, arm.sign)
            out = arm.sign * np.cross(forward, UP)
            for roll in (20, 48):
                back = unit(np.cos(np.radians(roll)) * out + np.sin(np.radians(roll)) * UP)
                rotation = frame_of(forward - 0.15 * UP, back)
                for reach, oppose in ((0.95, 1.45), (1.12, 1.1), (1.15, 0.7)):
                    first, last = SIDE_OPEN.copy(), SIDE_SHUT.copy()
                    first[0, 0] = last[0, 0] = oppose
                    grip = np.array([0.0, -0.01, -_knuckle_m(arm) * reach])
                    level_back = unit(rotation[:, 1] * (1, 1, 0.3))
                    yield _Try(rotation, grip, level_back, first, last, 0.7, target)


def _between_tips(
    arm: Arm, flexes: tuple[Floats, Floats], fingers: tuple[int, ...], spread: float, gap_m: float
) -> Floats:
    """Middle between the thumb's and the fingers' tips, when closing has brought them so near; in the wrist's frame."""
    shares = np.linspace(0, 1, 25)[:, None, None]
    flex = (1 - shares) * flexes[0] + shares * flexes[1]
    bones = arm.finger_bones(flex, spread)
    tips = [_tip(arm, bones, finger) for finger in range(5)]
    others = np.mean([tips[f] for f in fingers], axis=0)
    apart = np.linalg.norm(tips[0] - others, axis=1)
    at = int(np.argmin(np.round(np.abs(apart - gap_m), 6)))
    return np.asarray((tips[0][at] + others[at]) / 2)


def _tip(arm: Arm, bones: Floats, finger: int) -> Floats:
    """(T, 3) a finger's tip for bones (T, 19, 3, 4) after the wrist."""
    of = bones[:, hands.BONES.index(f"{hands.CHAINS[finger]}3") - 4]
    return np.asarray(of[..., :3] @ arm.joint(f"{hands.CHAINS[finger]}4") + of[..., 3])


def _above(
    scene: _Scene, flexes: tuple[Floats, Floats], fingers: tuple[int, ...], tips: tuple[tuple[float, float], ...]
) -> Iterator[_Try]:
    """From above, finger tips on the far side and the thumb on the near one.

    tips: depth below the thing's top at which they are to meet it, and how much wider than it they are then, in m.
    """
    arm = scene.arm
    for oppose in (0.95, 1.25):
        first, last = flexes[0].copy(), flexes[1].copy()
        first[0, 0] = last[0, 0] = oppose
        for depth, wider in tips:
            height = scene.thing.size[2] - depth
            grip = _between_tips(arm, (first, last), fingers, 1.0, _width(scene.thing, height) + wider)
            target = scene.at.position + UP * height
            for rotation in _leaning(arm, _heading(scene, target), (-20, 5, 30, 55), (20, 40, 60)):
                yield _Try(rotation, grip, UP, first, last, 1.0, target)


def _leaning(arm: Arm, level: Floats, yaws: tuple[int, ...], pitches: tuple[int, ...]) -> Iterator[Floats]:
    """Wrist rotations of a hand that is palm down, turned by yaws and with its fingers down by pitches, degrees."""
    for yaw in yaws:
        way = _yawed(level, yaw, arm.sign)
        for pitch in pitches:
            c, s = np.cos(np.radians(pitch)), np.sin(np.radians(pitch))
            yield frame_of(c * way - s * UP, s * way + c * UP)


def _hand_wide(scene: _Scene) -> tuple[Floats, Floats]:
    """Open as far as the thing is wide, and shut."""
    share = float(np.clip((_width(scene.thing, 0.6 * scene.thing.size[2]) - 0.03) / 0.035, 0, 1))
    return (1 - share) * TOP_OPEN + share * TOP_WIDE, TOP_SHUT


def _width(thing: Thing, height: float) -> float:
    """The smaller of the thing's widths along x and y at a height, m."""
    away = np.arange(0.0, 0.16, 0.001)
    widths = []
    for x, y in ((1, 0), (0, 1)):
        reach = [
            away[thing.distance(np.stack([s * x * away, s * y * away, np.full(len(away), height)], axis=1)) < 0.0005]
            for s in (-1, 1)
        ]
        widths.append(sum(float(r[-1]) if len(r) else 0.0 for r in reach))
    return min(widths)


def _top(scene: _Scene) -> Iterator[_Try]:
    height = scene.thing.size[2]
    depths = (min(0.55 * height, 0.035), min(0.8 * height, 0.05))
    return _above(scene, _hand_wide(scene), (1, 2, 3), ((depths[0], 0.010), (depths[1], -0.008)))


def _rim(scene: _Scene) -> Iterator[_Try]:
    """Finger tips about the edge; of three fingers where it is small."""
    height = scene.thing.size[2]
    tips = tuple((min(share * height, share * 0.03), 0.010) for share in (0.1, 0.3, 0.5))
    if _width(scene.thing, 0.6 * height) < 0.05:
        return _above(scene, (PINCH_OPEN, PINCH_SHUT), (1, 2), tips)
    return _above(scene, _hand_wide(scene), (1, 2, 3), tips)


def _pinch(scene: _Scene) -> Iterator[_Try]:
    height = scene.thing.size[2]
    tips = ((min(0.5 * height, 0.015), 0.010), (min(0.7 * height, 0.025), -0.008))
    return _above(scene, (PINCH_OPEN, PINCH_SHUT), (1, 2), tips)


def _flat(scene: _Scene) -> Iterator[_Try]:
    """Palm down on it."""
    arm = scene.arm
    target = scene.at.position + UP * scene.thing.size[2]
    for rotation in _leaning(arm, _heading(scene, target), (-25, 0, 25, 50), (-6, 4, 14)):
        for reach in (0.75, 1.0, 1.2):
            grip = np.array([0.0, 0.0, -_knuckle_m(arm) * reach])
            yield _Try(rotation, grip, UP, FLAT_OPEN, FLAT_SHUT, 0.8, target)


def _handle(scene: _Scene) -> Iterator[_Try]:
    """Fingers behind the bar, thumb before it. The bar is what sticks out furthest along the thing's -y."""
    arm = scene.arm
    bar = min((mesh.vertices for mesh in scene.thing.meshes), key=lambda v: float(v[:, 1].min()))
    bar = bar[bar[:, 1] < bar[:, 1].min() + 0.014]
    middle = scene.at.out((bar.min(axis=0) + bar.max(axis=0))[None] / 2)[0]
    into = scene.at.rotation[:, 1]
    slot = _slot_m(scene, middle, into)
    for behind in ((1, 2, 3, 4), (1, 2)):
        for pitch in (-12, 6, 24):
            for upright in (86, 102):  # of the finger tips
                first, last = HOOK_OPEN.copy(), HOOK_SHUT.copy()
                first[1:] = last[1:] = (1.2, 1.35, 0.7)  # the fingers that stay before the bar
                first[list(behind)] = np.radians(upright - pitch) * np.array([0.3, 0.45, 0.25])
                last[list(behind)] = (1.3, 1.6, 0.9)
                tips = np.mean([_tip(arm, arm.finger_bones(first[None], 0.1), f)[0] for f in behind], axis=0)
                for rotation in _leaning(arm, into, (-8, 10), (pitch,)):
                    for low in (0.002, 0.012):
                        yield _Try(rotation, tips, UP, first, last, 0.1, middle + slot * into - low * UP)


def _slot_m(scene: _Scene, middle: Floats, into: Floats) -> float:
    """From a bar's middle to the middle of the gap behind it, at most 25 mm."""
    away = np.arange(0.0, 0.08, 0.0005)
    free = scene.distance(middle + away[:, None] * into) > 0
    start = int(np.argmax(free))
    stop = start + int(np.argmin(np.append(free[start:], False)))
    return float(min((away[start] + away[min(stop, len(away) - 1)]) / 2, 0.025))


_TRIES = {"side": _side, "top": _top, "pinch": _pinch, "flat": _flat, "handle": _handle, "rim": _rim}
