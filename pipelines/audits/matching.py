"""Which detection is which truth hand, and what is asked of a detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.audits.result import Box
from schemas.hands import StoredHand
from schemas.spans import NS
from schemas.truth import HandTruth, RecordingTruth


@dataclass(frozen=True, slots=True)
class HandRules:
    """Which truth hands must be found, and what counts as found."""

    visible_least: float = 0.3  # share of the hand's surface in view
    size_least: float = 0.02  # long side of its box, share of the picture's long side
    overlap_least: float = 0.5  # intersection over union of the boxes
    distance_most: float = 0.5  # mean distance of the key points, share of the hand's size
    padded_s: float = 1.0  # for kept_precision_padded


@dataclass(frozen=True, slots=True)
class Pair:
    """Detection and truth hand of one sample, by index; either is None where it found no partner."""

    detected: int | None
    true: int | None
    distance: float | None = None  # of the key points, share of the hand's size


def nearest_frames(sample_ns: Sequence[int], frame_ns: Sequence[int], fps_hz: float) -> list[int | None]:
    """Index of the frame nearest to each sample; None where it is more than half a frame away."""
    frames = np.asarray(frame_ns, np.int64)
    if not len(frames):
        return [None] * len(sample_ns)
    samples = np.asarray(sample_ns, np.int64)
    right = np.searchsorted(frames, samples).clip(0, len(frames) - 1)
    left = (right - 1).clip(0)
    at = np.where(np.abs(frames[left] - samples) <= np.abs(frames[right] - samples), left, right)
    near = np.abs(frames[at] - samples) <= NS / fps_hz / 2
    return [int(i) if ok else None for i, ok in zip(at, near, strict=True)]


def match(
    detected: Sequence[StoredHand], true: Sequence[HandTruth], head: RecordingTruth, rules: HandRules
) -> list[Pair]:
    """One-to-one, nearest key points first (the largest overlap of boxes where those lack); then the rest, alone."""
    scored = []
    for i, hand in enumerate(detected):
        for j, truth in enumerate(true):
            if truth.box is None:
                continue
            overlap, distance = overlap_of(box_of(hand), truth.box), distance_of(hand, truth, head)
            if overlap >= rules.overlap_least or (distance is not None and distance <= rules.distance_most):
                scored.append((1 - overlap if distance is None else distance, i, j, distance))
    pairs: list[Pair] = []
    for _, i, j, distance in sorted(scored, key=lambda s: s[:3]):
        if all(p.detected != i and p.true != j for p in pairs):
            pairs.append(Pair(i, j, distance))
    pairs += [Pair(i, None) for i in range(len(detected)) if all(p.detected != i for p in pairs)]
    return pairs + [Pair(None, j) for j in range(len(true)) if all(p.true != j for p in pairs)]


def overlap_of(a: Box, b: Box) -> float:
    """Intersection over union, both cut to the picture: a detector cannot see further."""
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = np.clip(a, 0, 1).tolist(), np.clip(b, 0, 1).tolist()
    width, height = min(ax1, bx1) - max(ax0, bx0), min(ay1, by1) - max(ay0, by0)
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return float(both / ((ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0) - both))


def distance_of(hand: StoredHand, truth: HandTruth, head: RecordingTruth) -> float | None:
    """Mean distance of the 21 points over the hand's size, in px; None where one of them has no points."""
    if truth.box is None or len(truth.keypoints) != 42 or len(hand["keypoints"] or []) != 42:
        return None
    scale = np.array([head.width_px, head.height_px])
    apart = (np.reshape(hand["keypoints"], (21, 2)) - np.reshape(truth.keypoints, (21, 2))) * scale
    return float(np.hypot(*apart.T).mean() / max(size_px(truth.box, head), 1e-9))


def size_px(box: Box, head: RecordingTruth) -> float:
    """A hand's size: the long side of the box of its points."""
    return max((box[2] - box[0]) * head.width_px, (box[3] - box[1]) * head.height_px)


def must_be_found(hand: HandTruth, head: RecordingTruth, rules: HandRules) -> bool:
    """Whether a detector is asked for it."""
    if hand.box is None or hand.visible < rules.visible_least:
        return False
    return size_px(hand.box, head) >= rules.size_least * max(head.width_px, head.height_px)


def axes_of(hand: HandTruth, head: RecordingTruth) -> dict[str, str]:
    """What is known of a truth hand, in bins."""
    size = size_px(hand.box, head) / max(head.width_px, head.height_px) if hand.box else 0.0
    return {
        "side": hand.side,
        "person": hand.person,
        "contact": "touches" if hand.touches else "free",
        "size, % of long side": binned(100 * size, (5, 10, 20, 40)),
        "motion blur, px": binned(hand.blur_px, (1, 3, 8)),
        "in view, %": binned(100 * hand.visible, (30, 50, 70, 90)),
    }


def binned(value: float, edges: Sequence[float]) -> str:
    """The bin [edge, next edge) of a value, in words that sort by value."""
    at = int(np.searchsorted(edges, value, side="right"))
    if at == 0:
        return f"under {edges[0]:g}"
    return f"{edges[-1]:g} and more" if at == len(edges) else f"{edges[at - 1]:g} to {edges[at]:g}"


def box_of(hand: Mapping[str, Any]) -> Box:
    """Corners of a detection (HAND as a dict)."""
    return hand["x0"], hand["y0"], hand["x1"], hand["y1"]
