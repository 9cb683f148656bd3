"""How fast a clip's camera moves: what shifts the whole picture, whatever else moves in it."""

from __future__ import annotations

import numpy as np

from schemas.signals.base import Gate, Luma, PairValues, SampledFrame, Signal, median_of
from schemas.signals.optical_flow import follow_corners

CORNERS = 128  # as EgoSmith, which measures camera motion by 128 corners, Lucas-Kanade and RANSAC


def add_shift(pairs: PairValues, frame: SampledFrame) -> PairValues:
    """With the shift from the sample before, in long sides a second, where it can be told."""
    if pairs.last is not None and (shift := shift_px(pairs.last.small, frame.small)) is not None:
        seconds = (frame.t_ns - pairs.last.t_ns) / 1e9
        pairs.values.append(shift / max(frame.small.shape) / seconds)
    pairs.last = frame
    return pairs


def shift_px(a: Luma, b: Luma) -> float | None:
    """How far the picture's centre moved from luma a to b by one global similarity; None without enough corners."""
    import cv2

    corners = cv2.goodFeaturesToTrack(a, CORNERS, 0.01, 4)
    if corners is None or len(corners) < 8:
        return None
    moved, ok = follow_corners(a, b, corners, levels=2)
    if ok.sum() < 8:
        return None
    cv2.setRNGSeed(0)  # RANSAC draws: the same frames give the same number
    matrix, _ = cv2.estimateAffinePartial2D(corners[ok], moved[ok], method=cv2.RANSAC, ransacReprojThreshold=1.5)
    if matrix is None:
        return None
    centre = np.array([a.shape[1] / 2, a.shape[0] / 2, 1.0])
    return float(np.hypot(*(matrix @ centre - centre[:2])))


CAMERA_MOTION = Signal(
    name="camera_motion",
    doc="median global shift, share of the long side a second",
    start=PairValues,
    update=add_shift,
    finish=lambda pairs: median_of(pairs.values),
)
MOVING_CAMERA = Gate(
    "camera_motion",
    CAMERA_MOTION.values,
    np.greater,
    0.4,
    "long sides a second, more: camera_motion. EgoSmith ships .20 a half second",
)
