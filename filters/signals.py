"""Cheap signals of a clip's sampled frames, as streams: start() / update(state, sample) / finish(state)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from filters import burned_in_text

VERSION = "signals-4"
CORNERS = 128  # EgoSmith's count (facts: camera motion by 128 corners, LK and RANSAC)
BORDER = 24  # luma of a border's lightest pixel at most: coded black with noise at a quarter of the proxy's size
STILL = 0.5  # mean absolute difference of 8-bit luma below which two samples are the same picture: codec noise


@dataclass(frozen=True, slots=True)
class Sample:
    """One sampled frame: luma uint8 (h, w) at proxy size, small uint8 at about a quarter of it, time in ns."""

    t_ns: int
    luma: npt.NDArray[np.uint8]
    small: npt.NDArray[np.uint8]


class Signal(NamedTuple):
    """A stream function: its name is a column of clips."""

    name: str
    start: Callable[[], Any]
    update: Callable[[Any, Sample], Any]
    finish: Callable[[Any], Any]


@dataclass(slots=True)
class Pairs:
    """A value for each pair of neighbouring samples."""

    last: Sample | None = None
    values: list[float] = field(default_factory=list)


def sample_of(t_ns: int, rgb: npt.NDArray[np.uint8]) -> Sample:
    """The sample of an upright RGB frame, uint8 (h, w, 3)."""
    luma = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    h, w = luma.shape
    size = (max(16, w // 4), max(16, h // 4))
    return Sample(t_ns, luma, np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8))


def _median(values: list[float]) -> float | None:
    return round(float(np.median(values)), 4) if values else None


def _sharpness(values: list[float], s: Sample) -> list[float]:
    return [*values, float(cv2.Laplacian(s.luma, cv2.CV_32F).var())]


def _brightness(values: list[float], s: Sample) -> list[float]:
    return [*values, float(s.small.mean())]


def _difference(pairs: Pairs, s: Sample) -> Pairs:
    if pairs.last is not None:
        pairs.values.append(float(cv2.absdiff(s.small, pairs.last.small).mean()))
    pairs.last = s
    return pairs


@dataclass(slots=True)
class Lightest:
    """The lightest luma of each row and column of all samples, uint8 (h,) and (w,)."""

    rows: npt.NDArray[np.uint8] | None = None
    columns: npt.NDArray[np.uint8] | None = None


def _lightest(held: Lightest, s: Sample) -> Lightest:
    rows, columns = s.small.max(1), s.small.max(0)
    held.rows = rows if held.rows is None else np.maximum(held.rows, rows)
    held.columns = columns if held.columns is None else np.maximum(held.columns, columns)
    return held


def _border_share(held: Lightest) -> float | None:
    """Share of the picture outside the least rectangle that holds every row and column that was ever lit."""
    if held.rows is None or held.columns is None:
        return None
    lit = [np.flatnonzero(side > BORDER) for side in (held.rows, held.columns)]
    if not all(len(side) for side in lit):
        return None  # all black: no border, but no picture
    inside = [int(side[-1] - side[0] + 1) for side in lit]
    return round(1 - inside[0] * inside[1] / (len(held.rows) * len(held.columns)), 4)


def _freeze_share(pairs: Pairs) -> float | None:
    return round(sum(v < STILL for v in pairs.values) / len(pairs.values), 4) if pairs.values else None


def _camera_motion(pairs: Pairs, s: Sample) -> Pairs:
    if pairs.last is not None and (shift := shift_px(pairs.last.small, s.small)) is not None:
        seconds = (s.t_ns - pairs.last.t_ns) / 1e9
        pairs.values.append(shift / max(s.small.shape) / seconds)
    pairs.last = s
    return pairs


def shift_px(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]) -> float | None:
    """How far the picture's centre moved from luma a to b by one global similarity; None without enough corners."""
    corners = cv2.goodFeaturesToTrack(a, CORNERS, 0.01, 4)
    if corners is None or len(corners) < 8:
        return None
    moved, found, _ = cv2.calcOpticalFlowPyrLK(a, b, corners, None, winSize=(15, 15), maxLevel=2)
    ok = found.ravel() == 1
    if ok.sum() < 8:
        return None
    cv2.setRNGSeed(0)  # RANSAC draws: the same frames give the same number
    matrix, _ = cv2.estimateAffinePartial2D(corners[ok], moved[ok], method=cv2.RANSAC, ransacReprojThreshold=1.5)
    if matrix is None:
        return None
    centre = np.array([a.shape[1] / 2, a.shape[0] / 2, 1.0])
    return float(np.hypot(*(matrix @ centre - centre[:2])))


SIGNALS = (
    Signal("sharpness", list, _sharpness, _median),
    Signal("brightness", list, _brightness, _median),
    Signal("motion", Pairs, _difference, lambda p: _median(p.values)),
    Signal("camera_motion", Pairs, _camera_motion, lambda p: _median(p.values)),
    Signal("freeze_share", Pairs, _difference, _freeze_share),
    Signal("border_share", Lightest, _lightest, _border_share),
    Signal(
        "text_share",
        burned_in_text.State,
        lambda held, s: burned_in_text.update(held, s.t_ns, s.luma),
        burned_in_text.finish,
    ),
)
