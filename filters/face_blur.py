"""Making faces unknowable: what is left of a region, and which regions a frame's neighbours add."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

VERSION = "ellipse-2x2-1"
# A region keeps at most CELLS x CELLS colours, each the mean of a cell of MIN_CELL_PX or more: what is written is a
# function of these and of nothing else that was there. Four colours have no one's features; in sixteen the
# detector still saw a head, three times of four: docs/benchmarks/2026-11-22-faces.md.
CELLS = 2
MIN_CELL_PX = 6
REACH = 0.75  # semi-axes of the ellipse, by the box's sides: through the corners is .707, so the whole box is inside
GRID = 128  # edges move outward to 1/128 of the picture: the last bits of a network differ between processors
MIN_SAME_FACE_IOU = 0.2  # IoU from which a face of the sample before is taken for one that is found now
SAME_FACE_NS = 300_000_000  # samples of a 4 Hz proxy before and after any time lie within this


def blur_faces(rgb: Array, boxes: Array) -> Array:
    """A copy of a picture, uint8 (h, w, 3), with every box (N, 4 or more; relative x0, y0, x1, y1) made unknowable."""
    out: Array = np.array(rgb, np.uint8)
    for box in boxes:
        _blur(out, box)
    return out


def _blur(out: Array, box: Array) -> None:
    height, width = out.shape[:2]
    columns, rows = _reached_px(box[0], box[2], width), _reached_px(box[1], box[3], height)
    if not (len(columns) and len(rows)):
        return
    region = out[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    smooth = cv2.resize(cell_means(region), (len(columns), len(rows)), interpolation=cv2.INTER_LINEAR)
    inside = _from_centre(box[1], box[3], rows, height)[:, None] + _from_centre(box[0], box[2], columns, width) <= 1
    region[inside] = np.rint(smooth[inside]).astype(np.uint8)


def _snap(low: float, high: float) -> tuple[float, float]:
    first = float(np.floor(low * GRID))
    return first / GRID, max(first + 1, float(np.ceil(high * GRID))) / GRID


def _reached_px(low: float, high: float, side_px: int) -> Array:
    """The px along one side that the ellipse of a box comes to."""
    low, high = _snap(low, high)
    centre, reach = (low + high) / 2, (high - low) * REACH
    return np.arange(max(0, int((centre - reach) * side_px)), min(side_px, int(np.ceil((centre + reach) * side_px))))


def _from_centre(low: float, high: float, at_px: Array, side_px: int) -> Array:
    """Squared distance of px from the ellipse's centre along one side, by its semi-axis."""
    low, high = _snap(low, high)
    return np.asarray((((at_px + 0.5) / side_px - (low + high) / 2) / ((high - low) * REACH)) ** 2)


def cell_means(region: Array) -> Array:
    """float32 (rows, columns, 3): mean colours of a region's cells, at most CELLS a side of MIN_CELL_PX or more."""
    rows, columns = (np.linspace(0, side, _cells(side) + 1).round().astype(int) for side in region.shape[:2])
    cells = [[region[a:b, c:d].mean(axis=(0, 1)) for c, d in pairwise(columns)] for a, b in pairwise(rows)]
    return np.array(cells, np.float32)


def _cells(side_px: int) -> int:
    return max(1, min(CELLS, side_px // MIN_CELL_PX))


def with_lasting(now: Array, before: Array) -> Array:
    """Faces of a sample, (N, 5): those found now, and those of the sample before that nothing found now overlaps.

    One look that misses a face between two that see it leaves it blurred.
    """
    lost = [face for face in before if not (overlap_shares(face, now) >= MIN_SAME_FACE_IOU).any()]
    return np.concatenate([now, np.array(lost, np.float32).reshape(-1, 5)]).astype(np.float32)


def overlap_shares(box: Array, boxes: Array) -> Array:
    """IoU of one box with (N, 4 or more)."""
    sides = np.minimum(box[2:4], boxes[:, 2:4]) - np.maximum(box[:2], boxes[:, :2])
    both = np.prod(np.maximum(sides, 0), axis=1)
    areas = np.prod(boxes[:, 2:4] - boxes[:, :2], axis=1) + np.prod(box[2:4] - box[:2])
    return np.asarray(both / (areas - both + 1e-12))


def faces_near(samples: Sequence[tuple[int, Array]], t_ns: int) -> Array:
    """Faces (N, 5) of the samples around a time; samples: time in ns and faces of every sample that has some."""
    around = [faces for at_ns, faces in samples if abs(at_ns - t_ns) <= SAME_FACE_NS]
    return np.concatenate([*around, np.empty((0, 5), np.float32)]).astype(np.float32)
