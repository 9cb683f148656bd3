"""Does a hand handle something? Evidence from motion beside the hand, never from the hand itself.

Two things happen in front of a working hand (between its wrist and a hand's length past its fingers) that do not
happen in front of a gesturing one: a textured thing moves *with* the hand (`carried`), and what was there changes
although the camera's own motion is taken out (`changed`). Hands, forearms and what hands uncover do not count.
How far the arm reaches inside the picture tells whose hand it is: an arm that enters from the picture's edge is
the wearer's or a close-up; where it would end far inside, a whole person is in view, and moving clothes and
other arms look like objects, so the evidence stays below what a policy accepts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.media import Json

Array = NDArray[Any]

# Lengths are in hand lengths (wrist to finger tips of a flat hand) unless named otherwise.
WORK_PX = 224  # long side that is looked at: half a proxy
WINDOW_PX = 7  # of local correlation
GAP_MOST_NS = 600_000_000  # samples farther apart are not compared
JUMP_MOST = 1.5  # the same hand in two samples: mean distance of its key points
HALO = 0.15  # round a hand's hull: its own outline, blur and error of key points
REACH = 1.0  # how far past the hand things are looked for
TEXTURE_LEAST = 60.0  # local luma variance; sensor and JPEG noise is below 20
ALIKE_LEAST = 0.75  # correlation of a patch that moved with the hand
LEAD_LEAST = 0.35  # by which it must beat the patch that stood still
CHANGED_MOST = 0.4  # correlation of a patch that is no longer the same
NUDGES_PX = (-3, 0, 3)  # key points err by about that
CARRIED_FULL = 0.04  # area, in squares of a hand length, that is full evidence: a bottle cap beside the fingers
CHANGED_FULL = 0.12  # the same for change: a shadow can do a tenth
ARM_INSIDE = (2.0, 3.0)  # wrist to picture edge along the forearm: elbow out of view; a whole arm in view
WHOLE_ARM_MOST = 0.25  # evidence is scaled to this where the whole arm is in view

WRIST, THUMB, INDEX, MIDDLE, PINKY = 0, 1, 5, 9, 17
PALM = [WRIST, THUMB, INDEX, MIDDLE, 13, PINKY]  # move as one


@dataclass(frozen=True, slots=True)
class Look:
    """One sample made ready: luma (h, w) float32 with its local mean and variance, and its hands in px."""

    luma: Array
    mean: Array
    variance: Array
    hands: list[Array]  # (21, 2) float64 px each
    hull: Array  # (h, w) uint8: 1 on any hand with its halo


def evidence(
    frames: Sequence[Array], sample_ns: Sequence[int], hands: Sequence[Sequence[Json]]
) -> list[list[float | None]]:
    """Per sample and hand the evidence in 0..1; None where no neighbouring sample has that hand.

    frames: uint8 RGB (H, W, 3), one size; hands: each sample's, of HAND's fields.
    """
    found: list[list[float | None]] = [[None] * len(of_sample) for of_sample in hands]
    before: Look | None = None
    for i, frame in enumerate(frames):
        # Two samples matter only if both have hands; a lone one is not measured.
        near = i > 0 and bool(hands[i - 1]) and sample_ns[i] - sample_ns[i - 1] <= GAP_MOST_NS
        now = look(frame, hands[i]) if hands[i] else None
        if near and before is not None and now is not None:
            to_now = camera_motion(before, now)
            _raise(found[i], compare(before, now, to_now))
            _raise(found[i - 1], compare(now, before, cv2.invertAffineTransform(to_now)))
        before = now
    return found


def _raise(found: list[float | None], new: list[float | None]) -> None:
    for at, value in enumerate(new):
        if value is not None:
            found[at] = max(value, found[at] or 0.0)


def look(frame: Array, hands: Sequence[Json]) -> Look:
    """The sample at working size."""
    scale = min(1.0, WORK_PX / max(frame.shape[:2]))
    size = max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale))
    luma = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
    points = [np.asarray(h["keypoints"], dtype=np.float64).reshape(21, 2) * size for h in hands]
    hull = np.zeros(luma.shape, dtype=np.uint8)
    for hand in points:
        hull |= hull_of(hand, hull.shape, HALO * hand_length(hand))
    smooth = luma.astype(np.float32)
    mean = _local(smooth)
    return Look(smooth, mean, np.maximum(_local(smooth * smooth) - mean * mean, 0), points, hull)


def hand_length(points: Array) -> float:
    """px: from the palm, whose length is half a hand's and whose width .4 of it; the larger, as one foreshortens."""
    palm, width = points[MIDDLE] - points[WRIST], points[PINKY] - points[INDEX]
    return float(max(2 * np.hypot(*palm), 2.4 * np.hypot(*width), 1.0))


def arm_inside(points: Array, shape: tuple[int, int]) -> float:
    """Hand lengths from the wrist to the picture's edge along the forearm; shape: (h, w)."""
    back = points[WRIST] - points[MIDDLE]
    back = back / max(float(np.hypot(*back)), 1e-6)
    edge = np.where(back > 0, np.array(shape[::-1]), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.where(np.abs(back) > 1e-6, (edge - points[WRIST]) / back, np.inf)
    return max(0.0, float(steps.min())) / hand_length(points)


def hull_of(points: Array, shape: tuple[int, ...], grow_px: float) -> Array:
    """(h, w) uint8: 1 within `grow_px` of the hand's convex hull."""
    mask = np.zeros(shape, dtype=np.uint8)
    outline = cv2.convexHull(np.round(points).astype(np.int32))
    cv2.fillConvexPoly(mask, outline, 1)
    cv2.polylines(mask, [outline], True, 1, thickness=max(1, round(2 * grow_px)))
    return mask


def camera_motion(before: Look, now: Look) -> Array:
    """(2, 3) float64 similarity from `before` to `now`, by corners off the hands; identity where they do not agree."""
    still = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    first, second = before.luma.astype(np.uint8), now.luma.astype(np.uint8)
    corners = cv2.goodFeaturesToTrack(first, 100, 0.01, 6, mask=1 - before.hull)
    if corners is None or len(corners) < 8:
        return still
    moved, status, _ = cv2.calcOpticalFlowPyrLK(first, second, corners, None, winSize=(15, 15), maxLevel=3)
    good = status.ravel() == 1
    if good.sum() < 8:
        return still
    cv2.setRNGSeed(0)  # RANSAC draws: the same clip gives the same track
    motion, agree = cv2.estimateAffinePartial2D(corners[good], moved[good], ransacReprojThreshold=1.5)
    return still if motion is None or agree.sum() * 2 < good.sum() else motion


def compare(other: Look, here: Look, to_here: Array) -> list[float | None]:
    """Evidence of each hand of `here` from `other`, whose pixels `to_here` brings here where nothing moved."""
    height, width = here.luma.shape
    stood = _warp(other.luma, to_here, (width, height))
    was_hand = cv2.warpAffine(other.hull, to_here, (width, height))
    textured = here.variance > TEXTURE_LEAST
    alike = correlation(here, stood, slice(0, height), slice(0, width))
    scene = textured & (here.hull == 0) & (was_hand == 0)
    changed = scene & (alike < CHANGED_MOST)
    # Where the camera's motion could not be taken out everything changes; only the excess near the hand counts.
    common = float(changed.sum()) / max(1, int(scene.sum()))
    found: list[float | None] = []
    for hand in here.hands:
        twin = same_hand(hand, other.hands)
        if twin is None:
            found.append(None)
            continue
        area = hand_length(hand) ** 2
        near = scene & front_of(hand, (height, width))
        excess = float((changed & near).sum()) - common * float(near.sum())
        carried = float(carried_px(other, here, near, alike, similarity(twin[PALM], hand[PALM])))
        share = carried / area / CARRIED_FULL + max(0.0, excess) / area / CHANGED_FULL
        found.append(min(1.0, share) * nearness(arm_inside(hand, (height, width))))
    return found


def nearness(arm: float) -> float:
    """1 where the arm enters from the edge, down to WHOLE_ARM_MOST where a whole arm is in view."""
    return float(np.interp(arm, ARM_INSIDE, (1.0, WHOLE_ARM_MOST)))


def same_hand(hand: Array, others: list[Array]) -> Array | None:
    """The hand of another sample that this one is, by mean distance of key points; None if all are too far."""
    if not others:
        return None
    apart = [float(np.hypot(*(hand - o).T).mean()) for o in others]
    best = int(np.argmin(apart))
    return others[best] if apart[best] <= JUMP_MOST * hand_length(hand) else None


def front_of(hand: Array, shape: tuple[int, int]) -> Array:
    """(h, w) bool: within REACH of the hand and not behind its wrist, where the forearm is."""
    length = hand_length(hand)
    ahead = hand[MIDDLE] - hand[WRIST]
    ahead = ahead / max(float(np.hypot(*ahead)), 1e-6)
    x = (np.arange(shape[1]) - hand[WRIST, 0]) * ahead[0]
    y = (np.arange(shape[0]) - hand[WRIST, 1]) * ahead[1]
    return (hull_of(hand, shape, REACH * length) > 0) & (y[:, None] + x[None, :] > HALO * length)


def carried_px(other: Look, here: Look, where: Array, stood: Array, move: Array) -> int:
    """Pixels of `where` whose patch came along with the hand's own motion `move`.

    stood: (h, w) correlation with the scene that stood still, which the patch's own must beat.
    """
    where = where & (stood < 1 - LEAD_LEAST)
    rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    if not len(rows):
        return 0
    y, x = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    size = here.luma.shape[1], here.luma.shape[0]
    came = _warp(other.luma, move, size)
    best = 0
    for dy in NUDGES_PX:
        for dx in NUDGES_PX:
            alike = correlation(here, came, y, x, dy, dx)
            with_hand = (alike > ALIKE_LEAST) & (alike > stood[y, x] + LEAD_LEAST) & where[y, x]
            best = max(best, int(with_hand.sum()))
    return best


def correlation(here: Look, picture: Array, y: slice, x: slice, dy: int = 0, dx: int = 0) -> Array:
    """Local normalised correlation of `here` with a picture moved by (dx, dy) px, on the rows y and columns x."""
    margin = WINDOW_PX
    top, left = max(0, y.start - margin), max(0, x.start - margin)
    big = slice(top, y.stop + margin), slice(left, x.stop + margin)
    mine, mean, variance = here.luma[big], here.mean[big], here.variance[big]
    theirs = _moved(picture, big, dy, dx)
    their_mean = _local(theirs)
    their_variance = np.maximum(_local(theirs * theirs) - their_mean * their_mean, 0)
    both = _local(mine * theirs) - mean * their_mean
    floor = TEXTURE_LEAST / 2  # noise correlates with nothing
    value = both / np.sqrt(np.maximum(variance, floor) * np.maximum(their_variance, floor))
    return value[y.start - top : y.stop - top, x.start - left : x.stop - left]


def similarity(first: Array, second: Array) -> Array:
    """(2, 3) least-squares similarity that takes points (N, 2) to points (N, 2)."""
    a, b = first.mean(axis=0), second.mean(axis=0)
    p, q = first - a, second - b
    scale = max(float((p**2).sum()), 1e-9)
    cos, sin = float((p * q).sum()) / scale, float((p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum()) / scale
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.concatenate([turn, (b - turn @ a)[:, None]], axis=1)


def _moved(picture: Array, window: tuple[slice, slice], dy: int, dx: int) -> Array:
    height, width = picture.shape
    y = np.clip(np.arange(window[0].start, min(window[0].stop, height)) - dy, 0, height - 1)
    x = np.clip(np.arange(window[1].start, min(window[1].stop, width)) - dx, 0, width - 1)
    return picture[y[:, None], x[None, :]]


def _warp(picture: Array, move: Array, size: tuple[int, int]) -> Array:
    return cv2.warpAffine(picture, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _local(picture: Array) -> Array:
    return cv2.blur(picture, (WINDOW_PX, WINDOW_PX))
