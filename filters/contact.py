"""Does a hand handle something? Evidence from motion beside the hand, never from the hand itself.

Things happen in front of a working hand (from its wrist to a hand's length past its fingers) that do not
happen in front of a gesturing one: a textured thing moves *with* the hand (`carried`), what was there
changes although the camera's own motion is taken out (`changed`), or it has changed for good once the hand
is gone (`left_behind`). Hands, forearms and what hands uncover do not count. How far the arm reaches inside
the picture tells whose hand it is: one that enters from the edge is the wearer's or a close-up; where it
would end far inside, a whole person is in view, and moving clothes and other arms look like objects, so the
evidence stays below what a policy accepts.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from filters.hand_geometry import HALO, PALM, arm_inside, front_of, hand_length, hull_of, same_hand, similarity
from schemas.arrow import Json
from schemas.signals.optical_flow import follow_corners

VERSION = "contact-1"


Array = NDArray[Any]

WORK_PX = 224  # long side that is looked at: half a proxy
WINDOW_PX = 7  # of local correlation
MAX_GAP_NS = 600_000_000  # samples farther apart are not compared
SETTLED_AFTER_NS, SETTLED_BY_NS = 750_000_000, 2_000_000_000  # when a hand has gone and things lie still
MAX_SETTLED_LUMA = 8.0  # 0..255; what is left of noise
MIN_TEXTURE = 60.0  # local luma variance; sensor and JPEG noise is below 20
MIN_ALIKE = 0.75  # correlation of a patch that moved with the hand
MIN_LEAD = 0.35  # by which it must beat the patch that stood still
MAX_CHANGED = 0.4  # correlation of a patch that is no longer the same
NUDGES_PX = (-3, 0, 3)  # key points err by about that
CARRIED_FULL = 0.04  # area in squared hand lengths that is full evidence: a bottle cap
CHANGED_FULL = 0.12  # the same for change: a shadow can do a tenth
ARM_INSIDE = (2.0, 2.6)  # wrist to picture edge along the forearm: elbow out of view; most of an arm in view
MAX_WHOLE_ARM = 0.25  # evidence is scaled to this where the whole arm is in view


class Patch(NamedTuple):
    """float32 (h, w) each: luma, and its mean and variance in a window round each pixel."""

    luma: Array
    mean: Array
    variance: Array

    def cut(self, y: slice, x: slice) -> Patch:
        """The same on rows y and columns x."""
        return Patch(self.luma[y, x], self.mean[y, x], self.variance[y, x])


@dataclass(frozen=True, slots=True)
class HandFrame:
    """One sample made ready, at working size (h, w)."""

    patch: Patch
    hands: list[Array]  # (21, 2) float64 px each
    hull: Array  # (h, w) uint8: 1 on any hand with its halo


def measure_contact(
    frames: Sequence[Array], sample_ns: Sequence[int], hands: Sequence[Sequence[Json]]
) -> list[list[float | None]]:
    """Per sample and hand the evidence in 0..1; None where neither that hand nor its absence is seen near by.

    frames: uint8 RGB (H, W, 3), one size; hands: each sample's, of HAND's fields.
    """
    evidence: list[list[float | None]] = [[None] * len(of_sample) for of_sample in hands]
    before: HandFrame | None = None
    for i, frame in enumerate(frames):
        now = prepare_frame(frame, hands[i]) if hands[i] else None
        near = i > 0 and sample_ns[i] - sample_ns[i - 1] <= MAX_GAP_NS
        if near and before is not None and now is not None:
            to_now = camera_motion(before, now)
            _raise_to(evidence[i], compare_frames(before, now, to_now))
            _raise_to(evidence[i - 1], compare_frames(now, before, cv2.invertAffineTransform(to_now)))
        if now is not None:
            for gone in _pairs_without_hands(i, sample_ns, hands):
                _raise_to(evidence[i], compare_absence(now, *(prepare_frame(frames[j], []) for j in gone)))
        before = now
    return evidence


def _pairs_without_hands(i: int, sample_ns: Sequence[int], hands: Sequence[Sequence[Json]]) -> list[tuple[int, int]]:
    """Pairs of samples without hands, after the hands of sample i have gone and before they came."""
    pairs = []
    for way in (range(i + 1, len(hands)), range(i - 1, -1, -1)):
        free = list(itertools.takewhile(lambda j: not hands[j], way))
        settled = [j for j in free if SETTLED_AFTER_NS <= abs(sample_ns[j] - sample_ns[i]) <= SETTLED_BY_NS]
        if len(settled) > 1:
            pairs.append((settled[0], settled[1]))
    return pairs


def _raise_to(evidence: list[float | None], new: list[float | None]) -> None:
    for at, value in enumerate(new):
        if value is not None:
            evidence[at] = max(value, evidence[at] or 0.0)


def prepare_frame(frame: Array, hands: Sequence[Json]) -> HandFrame:
    """The sample at working size."""
    scale = min(1.0, WORK_PX / max(frame.shape[:2]))
    size = max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale))
    luma = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
    points = [np.asarray(h["keypoints"], dtype=np.float64).reshape(21, 2) * size for h in hands]
    hull = np.zeros(luma.shape, dtype=np.uint8)
    for hand in points:
        hull |= hull_of(hand, hull.shape, HALO * hand_length(hand))
    return HandFrame(patch_of(luma.astype(np.float32)), points, hull)


def camera_motion(before: HandFrame, now: HandFrame) -> Array:
    """(2, 3) float64 similarity from `before` to `now`, by corners off hands; identity if they disagree."""
    still = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    first, second = before.patch.luma.astype(np.uint8), now.patch.luma.astype(np.uint8)
    corners = cv2.goodFeaturesToTrack(first, 100, 0.01, 6, mask=1 - before.hull)
    if corners is None or len(corners) < 8:
        return still
    moved, good = follow_corners(first, second, corners, levels=3)
    if good.sum() < 8:
        return still
    cv2.setRNGSeed(0)  # RANSAC draws: the same clip gives the same track
    motion, agree = cv2.estimateAffinePartial2D(corners[good], moved[good], ransacReprojThreshold=1.5)
    return still if motion is None or agree.sum() * 2 < good.sum() else motion


def compare_frames(other: HandFrame, here: HandFrame, to_here: Array) -> list[float | None]:
    """Evidence of each hand of `here`; `to_here` brings the pixels of `other` here where nothing moved."""
    shape = here.hull.shape
    was_hand = cv2.warpAffine(other.hull, to_here, shape[::-1])
    alike = correlation(here.patch, patch_of(_warp(other.patch.luma, to_here, shape)))
    scene = (here.patch.variance > MIN_TEXTURE) & (here.hull == 0) & (was_hand == 0)
    changed = scene & (alike < MAX_CHANGED)
    # Where the camera's motion could not be taken out everything changes; only the excess near hands counts.
    common = float(changed.sum()) / max(1, int(scene.sum()))
    evidence: list[float | None] = []
    for hand in here.hands:
        twin = same_hand(hand, other.hands)
        if twin is None:
            evidence.append(None)
            continue
        area = hand_length(hand) ** 2
        near = scene & front_of(hand, shape)
        excess = float((changed & near).sum()) - common * float(near.sum())
        carried = float(carried_px(other, here, near, alike, similarity(twin[PALM], hand[PALM])))
        share = carried / area / CARRIED_FULL + max(0.0, excess) / area / CHANGED_FULL
        evidence.append(min(1.0, share) * nearness(arm_inside(hand, shape)))
    return evidence


def compare_absence(here: HandFrame, gone: HandFrame, later: HandFrame) -> list[float | None]:
    """Evidence of each hand of `here`: how much in front of it is otherwise in two samples without it.

    Two that agree show a thing taken or put, not one that passes. Under a moving camera they disagree.
    """
    shape = here.hull.shape
    to_here = camera_motion(gone, here)
    first, second = (_warp(sample.patch.luma, to_here, shape) for sample in (gone, later))
    scene = (here.patch.variance > MIN_TEXTURE) & (here.hull == 0)
    still = _local(np.abs(first - second)) < MAX_SETTLED_LUMA
    changed = scene & still & (correlation(here.patch, patch_of(first)) < MAX_CHANGED)
    common = float(changed.sum()) / max(1, int(scene.sum()))
    evidence: list[float | None] = []
    for hand in here.hands:
        near = scene & front_of(hand, shape)
        excess = float((changed & near).sum()) - common * float(near.sum())
        share = max(0.0, excess) / hand_length(hand) ** 2 / CHANGED_FULL
        evidence.append(min(1.0, share) * nearness(arm_inside(hand, shape)))
    return evidence


def nearness(arm: float) -> float:
    """1 where the arm enters from the edge, down to MAX_WHOLE_ARM where a whole arm is in view."""
    return float(np.interp(arm, ARM_INSIDE, (1.0, MAX_WHOLE_ARM)))


def carried_px(other: HandFrame, here: HandFrame, where: Array, stood: Array, move: Array) -> int:
    """Pixels of `where` whose patch came along with the hand's own motion `move`.

    stood: (h, w) correlation with the scene that stood still, which the patch's own must beat.
    """
    where = where & (stood < 1 - MIN_LEAD)
    rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    if not len(rows):
        return 0
    y = slice(max(0, int(rows[0]) - WINDOW_PX), int(rows[-1]) + 1 + WINDOW_PX)
    x = slice(max(0, int(columns[0]) - WINDOW_PX), int(columns[-1]) + 1 + WINDOW_PX)
    mine, beat, where = here.patch.cut(y, x), stood[y, x] + MIN_LEAD, where[y, x]
    most, (height, width) = max(NUDGES_PX), where.shape
    came = _warp(other.patch.luma, move, here.hull.shape)
    wide = cv2.copyMakeBorder(came, most, most, most, most, cv2.BORDER_REPLICATE)
    theirs = patch_of(wide[y.start : y.start + height + 2 * most, x.start : x.start + width + 2 * most])
    best = 0
    for dy in NUDGES_PX:
        for dx in NUDGES_PX:
            moved = theirs.cut(slice(most + dy, most + dy + height), slice(most + dx, most + dx + width))
            alike = correlation(mine, moved)
            best = max(best, int(np.count_nonzero((alike > MIN_ALIKE) & (alike > beat) & where)))
    return best


def patch_of(luma: Array) -> Patch:
    """float32 (h, w) luma with its local mean and variance."""
    mean = _local(luma)
    return Patch(luma, mean, np.maximum(_local(luma * luma) - mean * mean, 0))


def correlation(mine: Patch, theirs: Patch) -> Array:
    """(h, w) local normalised correlation of two patches of one size, -1..1."""
    both = _local(mine.luma * theirs.luma) - mine.mean * theirs.mean
    floor = MIN_TEXTURE / 2  # noise correlates with nothing
    return np.asarray(both / np.sqrt(np.maximum(mine.variance, floor) * np.maximum(theirs.variance, floor)))


def _warp(picture: Array, move: Array, shape: tuple[int, ...]) -> Array:
    return cv2.warpAffine(picture, move, shape[1::-1], borderMode=cv2.BORDER_REPLICATE)


def _local(picture: Array) -> Array:
    return cv2.blur(picture, (WINDOW_PX, WINDOW_PX))
