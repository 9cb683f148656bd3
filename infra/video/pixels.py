"""Pixels of PyAV's frames: tiny luma for cuts, mean luma of cells for fingerprints, upright RGB at a size."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt
from av.video.format import VideoFormat
from av.video.frame import VideoFrame as Frame
from av.video.reformatter import VideoReformatter

__all__ = ["Frame", "Rgb", "cells", "fitted", "luma", "luma_like", "rgb"]

Rgb = npt.NDArray[np.uint8]
DeepLuma = npt.NDArray[np.unsignedinteger[Any]]  # uint8 or uint16
CELL_ROWS = 180  # that means of cells are taken of, about: all of a frame cost more, and find no more copies
CELL_PIXELS = 60_000  # that these means are summed over: 320 x 180


def luma_like(frame: Frame, first: npt.NDArray[np.uint8] | None) -> npt.NDArray[np.uint8]:
    """A frame's luma in the size of the stream's first: adaptive streams change theirs on the way."""
    small = luma(frame)
    if first is None or small.shape == first.shape:
        return small
    return np.asarray(cv2.resize(small, first.shape[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


def luma(frame: Frame) -> npt.NDArray[np.uint8]:
    """8-bit luma of a frame as a small strided view, uint8 (about 36, about 64): no scaling, no copy of the frame."""
    view, deep = _luma(frame)
    step_y, step_x = max(1, frame.height // 36), max(1, frame.width // 64)
    rows = np.ascontiguousarray(view[step_y // 2 :: step_y])  # whole rows come from memory faster than every 20th pixel
    small = rows[:, step_x // 2 :: step_x]
    return np.ascontiguousarray(small >> deep if deep else small, np.uint8)


def cells(frame: Frame, side: int, quarter_turns: int) -> npt.NDArray[np.float64]:
    """Mean 8-bit luma of side x side equal parts of the upright picture, 0..255, float64 (side, side).

    Of CELL_ROWS rows at equal distances, halved until CELL_PIXELS are left. Each halving rounds: the means are off by
    .3 of a level at 720p, by .7 at 1080p (tests/infra/video/test_decoder.py).
    """
    view, deep = _luma(frame)
    step = max(1, len(view) // CELL_ROWS)
    small = view[step // 2 :: step]
    while small.size > CELL_PIXELS:
        h, w = (n // 2 for n in small.shape)
        small = np.asarray(cv2.resize(small[: 2 * h, : 2 * w], (w, h), interpolation=cv2.INTER_AREA), view.dtype)
    sums: npt.NDArray[Any] = cv2.integral(np.asarray(small >> deep if deep else small, np.uint8))
    for n in small.shape:  # along the rows, then along the columns
        low, share = _edges(n, side)
        at_edges = sums[low] * (1 - share) + sums[low + 1] * share
        sums = (at_edges[1:] - at_edges[:-1]).T
    return np.rot90(sums * (side * side / small.size), -quarter_turns)


@lru_cache(maxsize=64)
def _edges(count: int, side: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Of `side` equal parts of `count` pixels: the pixel that each edge lies in (side + 1,), how far (side + 1, 1)."""
    at = np.linspace(0, count, side + 1)
    low = np.minimum(at.astype(np.int64), count - 1)
    return low, (at - low)[:, None]


def _luma(frame: Frame) -> tuple[DeepLuma, int]:
    """A frame's luma, uint8 or uint16 (h, w), its own memory where it has a plane of it; how many bits over 8."""
    bits = _luma_bits(frame.format.name)
    if bits is None:
        return np.asarray(frame.reformat(format="gray8").to_ndarray(), np.uint8), 0
    plane = frame.planes[0]
    kind: type[np.unsignedinteger[Any]] = np.uint16 if bits > 8 else np.uint8
    view = np.frombuffer(cast("bytes", plane), kind)  # a buffer, which PyAV's stub of it does not say
    return view.reshape(-1, plane.line_size // view.itemsize)[: frame.height, : frame.width], max(0, bits - 8)


@lru_cache(maxsize=64)
def _luma_bits(name: str) -> int | None:
    """Bits a pixel of the format's first plane where that is luma alone."""
    if not name.startswith(("yuv", "nv", "gray")) or name.startswith("yuyv"):
        return None
    return int(VideoFormat(name).components[0].bits)


def rgb(frame: Frame, size: tuple[int, int], quarter_turns: int) -> Rgb:
    """Upright RGB, uint8 (h, w, 3), at the upright (width, height)."""
    w, h = size if quarter_turns % 2 == 0 else size[::-1]
    # swscale makes BGR in half the time of RGB; turning the channels afterwards is cheap.
    flat = _scaler().reformat(frame, width=w, height=h, format="bgr24", interpolation="AREA").to_ndarray()
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(np.rot90(flat, -quarter_turns)), cv2.COLOR_BGR2RGB), np.uint8)


_KEPT = threading.local()


def _scaler() -> VideoReformatter:
    """One a thread: it keeps its tables from frame to frame."""
    scaler: VideoReformatter | None = getattr(_KEPT, "scaler", None)
    if scaler is None:
        scaler = _KEPT.scaler = VideoReformatter()
    return scaler


def fitted(width_px: int, height_px: int, long_side_px: int, multiple: int = 1) -> tuple[int, int]:
    """Size with the long side at most `long_side_px` (never enlarged), sides multiples of `multiple`."""
    scale = min(1.0, long_side_px / max(width_px, height_px))
    fit = [max(multiple, round(side * scale / multiple) * multiple) for side in (width_px, height_px)]
    return fit[0], fit[1]
