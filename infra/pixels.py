"""Pixels of PyAV's frames: tiny luma for cuts, mean luma of cells for fingerprints, upright RGB at a size."""

from __future__ import annotations

import threading
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

Rgb = npt.NDArray[np.uint8]
CELL_PIXELS = 130_000  # that means of cells are summed over: 480 x 270


def luma_like(frame: Any, first: npt.NDArray[np.uint8] | None) -> npt.NDArray[np.uint8]:
    """A frame's luma in the size of the stream's first: adaptive streams change theirs on the way."""
    small = luma(frame)
    if first is None or small.shape == first.shape:
        return small
    return np.asarray(cv2.resize(small, first.shape[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


def luma(frame: Any) -> npt.NDArray[np.uint8]:
    """8-bit luma of a frame as a small strided view, uint8 (about 36, about 64): no scaling, no copy of the frame."""
    view, deep = _luma(frame)
    step_y, step_x = max(1, frame.height // 36), max(1, frame.width // 64)
    return np.ascontiguousarray(view[step_y // 2 :: step_y, step_x // 2 :: step_x] >> deep, np.uint8)


def cells(frame: Any, side: int, quarter_turns: int) -> npt.NDArray[np.float64]:
    """Mean 8-bit luma of side x side equal parts of the upright picture, 0..255, float64 (side, side).

    Halved first, which rounds (.4 of a level at 720p) and costs .7 ms where a sum over the frame's own pixels cost 1 to
    1.7: the decoder needs the same caches.
    """
    small, deep = _luma(frame)
    while small.size > CELL_PIXELS:
        h, w = (n // 2 for n in small.shape)
        small = cv2.resize(small[: 2 * h, : 2 * w], (w, h), interpolation=cv2.INTER_AREA)
    sums: Any = cv2.integral(np.asarray(small >> deep, np.uint8))
    for _ in range(2):  # along the rows, then along the columns
        at = np.linspace(0, len(sums) - 1, side + 1)
        low = np.minimum(at.astype(np.int64), len(sums) - 2)
        share = (at - low)[:, None]
        sums = np.diff(sums[low] * (1 - share) + sums[low + 1] * share, axis=0).T * (side / (len(sums) - 1))
    return np.rot90(sums, -quarter_turns)


def _luma(frame: Any) -> tuple[Any, int]:
    """A frame's luma, uint8 or uint16 (h, w), its own memory where it has a plane of it; how many bits over 8."""
    name = frame.format.name
    if not name.startswith(("yuv", "nv", "gray")) or name.startswith("yuyv"):
        return frame.reformat(format="gray8").to_ndarray(), 0
    plane = frame.planes[0]
    deep = max(0, frame.format.components[0].bits - 8)
    view = np.frombuffer(plane, np.uint16 if deep else np.uint8)
    return view.reshape(-1, plane.line_size // view.itemsize)[: frame.height, : frame.width], deep


def rgb(frame: Any, size: tuple[int, int], quarter_turns: int) -> Rgb:
    """Upright RGB, uint8 (h, w, 3), at the upright (width, height)."""
    w, h = size if quarter_turns % 2 == 0 else size[::-1]
    # swscale makes BGR in half the time of RGB; turning the channels afterwards is cheap.
    flat = _scaler().reformat(frame, width=w, height=h, format="bgr24", interpolation="AREA").to_ndarray()
    return cv2.cvtColor(np.ascontiguousarray(np.rot90(flat, -quarter_turns)), cv2.COLOR_BGR2RGB)


_KEPT = threading.local()


def _scaler() -> VideoReformatter:
    """One a thread: it keeps its tables from frame to frame."""
    if not hasattr(_KEPT, "scaler"):
        _KEPT.scaler = VideoReformatter()
    return _KEPT.scaler


def fitted(width_px: int, height_px: int, long_side_px: int, multiple: int = 1) -> tuple[int, int]:
    """Size with the long side at most `long_side_px` (never enlarged), sides multiples of `multiple`."""
    scale = min(1.0, long_side_px / max(width_px, height_px))
    fit = [max(multiple, round(side * scale / multiple) * multiple) for side in (width_px, height_px)]
    return fit[0], fit[1]
