"""What a hand's 21 key points (MediaPipe's order) tell: its length, hull, forearm and twin."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# Lengths are in hand lengths: wrist to finger tips of a flat hand.
HALO = 0.15  # round a hand's hull: its own outline, blur and error of key points
REACH = 1.0  # how far past the hand things are looked for
MAX_JUMP = 1.5  # the same hand in two samples: mean distance of its key points

WRIST, THUMB, INDEX, MIDDLE, PINKY = 0, 1, 5, 9, 17
PALM = [WRIST, THUMB, INDEX, MIDDLE, 13, PINKY]  # move as one


def hand_length(points: Array) -> float:
    """px: by the palm, whose length is half a hand's and whose width .4 of it; the larger, as one shrinks."""
    palm, width = points[MIDDLE] - points[WRIST], points[PINKY] - points[INDEX]
    return float(max(2 * np.hypot(*palm), 2.4 * np.hypot(*width), 1.0))


def arm_inside(points: Array, shape: tuple[int, ...]) -> float:
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


def same_hand(hand: Array, others: list[Array]) -> Array | None:
    """The hand of another sample that this one is, by mean distance of key points; None if too far."""
    if not others:
        return None
    apart = [float(np.hypot(*(hand - o).T).mean()) for o in others]
    best = int(np.argmin(apart))
    return others[best] if apart[best] <= MAX_JUMP * hand_length(hand) else None


def front_of(hand: Array, shape: tuple[int, ...]) -> Array:
    """(h, w) bool: within REACH of the hand and not behind its wrist, where the forearm is."""
    length = hand_length(hand)
    ahead = hand[MIDDLE] - hand[WRIST]
    ahead = ahead / max(float(np.hypot(*ahead)), 1e-6)
    x = (np.arange(shape[1]) - hand[WRIST, 0]) * ahead[0]
    y = (np.arange(shape[0]) - hand[WRIST, 1]) * ahead[1]
    return np.asarray((hull_of(hand, shape, REACH * length) > 0) & (y[:, None] + x[None, :] > HALO * length))


def similarity(first: Array, second: Array) -> Array:
    """(2, 3) least-squares similarity that takes points (N, 2) to points (N, 2)."""
    a, b = first.mean(axis=0), second.mean(axis=0)
    p, q = first - a, second - b
    scale = max(float((p**2).sum()), 1e-9)
    cos, sin = float((p * q).sum()) / scale, float((p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum()) / scale
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.concatenate([turn, (b - turn @ a)[:, None]], axis=1)
