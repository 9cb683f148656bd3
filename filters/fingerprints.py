"""A clip's fingerprint: a tiny luma picture a sample, and marks of what moves in it, which its copies share.

A static camera shows one background in every clip, so nothing here rests on how a picture looks: a mark is where and
which way it changes within half a second, or a whole one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from filters.signals import Sample

VERSION = "fingerprints-2"
SIDE = 8  # cells a row and column
WORDS = 1 + SIDE * SIDE // 4  # of 64 bits a sample: its time, then 16 bits a cell
LEVELS = 257  # 16-bit steps a level of 8-bit luma: what moves a little moves a cell's mean by less than a level
LAGS = (4, 8)  # half samples between the two pictures of a mark: .5 and 1 s of a proxy at 4 Hz
CHANGED = 0.5  # least change of a mark's first cell, in levels: less is codec noise
TOP = 4  # cells a mark names

Floats = npt.NDArray[np.float32]
Times = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Print:
    """A fingerprint: times from the recording's first frame, ns (n,); mean luma of cells, 0..255, (n, SIDE, SIDE)."""

    t_ns: Times
    cells: Floats


@dataclass(frozen=True, slots=True)
class Marks:
    """Keys uint64 (m,), the same for a mirrored copy, and when each was left, ns (m,)."""

    keys: npt.NDArray[np.uint64]
    t_ns: Times


def update(words: list[int], sample: Sample) -> list[int]:
    """Adds a sample's WORDS."""
    cells = cv2.resize(sample.small.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    packed = np.rint(cells * LEVELS).astype("<u2").ravel().view("<u8")
    words += [sample.t_ns, *packed.tolist()]
    return words


def finish(words: list[int]) -> list[int] | None:
    """The column's value; None without a sample."""
    return words or None


def print_of(words: npt.ArrayLike) -> Print:
    """The fingerprint that a column's value holds."""
    rows = np.asarray(words, np.uint64).reshape(-1, WORDS)
    cells = np.ascontiguousarray(rows[:, 1:]).astype("<u8").view("<u2").astype(np.float32) / np.float32(LEVELS)
    return Print(rows[:, 0].astype(np.int64), cells.reshape(-1, SIDE, SIDE))


def mirrored(made: Print) -> Print:
    """The fingerprint of the same clip seen in a mirror."""
    return Print(made.t_ns, np.ascontiguousarray(made.cells[:, :, ::-1]))


def marks(made: Print) -> Marks:
    """Marks of every sample, and midway between two, that changes until a lag later; black and still leave none.

    A key names the TOP cells that change most, with their signs, the brightest and the darkest quarter (32 bits, of the
    picture or of its mirror image, whichever is less), and the lag. Of equal neighbours the first is a mark.
    """
    made = _doubled(made)
    found = [_lagged(made, lag) for lag in LAGS]
    return Marks(np.concatenate([m.keys for m in found]), np.concatenate([m.t_ns for m in found]))


def _lagged(made: Print, lag: int) -> Marks:
    """Those of one lag."""
    change = (made.cells[lag:] - made.cells[:-lag]).reshape(-1, SIDE * SIDE)
    both = made.cells[lag:] + made.cells[:-lag]
    top = np.argsort(-np.abs(change), axis=1, kind="stable")[:, :TOP]
    values = np.take_along_axis(change, top, axis=1)
    half = SIDE // 2
    quarters = both.reshape(-1, 2, half, 2, half).mean(axis=(2, 4)).reshape(-1, 4)
    ends = np.stack([quarters.argmax(axis=1), quarters.argmin(axis=1)], axis=1)
    flipped = top - top % SIDE + (SIDE - 1 - top % SIDE)
    keys = np.minimum(_key(top, values, ends), _key(flipped, values, ends ^ 1)) | np.uint64(lag << 32)
    first = np.append(True, keys[1:] != keys[:-1])[: len(keys)]
    told = first & (np.abs(values) >= CHANGED)[:, 0] if len(keys) else first
    return Marks(keys[told], made.t_ns[:-lag][told])


def _doubled(made: Print) -> Print:
    """With a sample midway between any two: a trimmed copy's samples lie elsewhere."""
    t_ns = np.repeat(made.t_ns, 2)[:-1]
    cells = np.repeat(made.cells, 2, axis=0)[:-1]
    t_ns[1::2] += (made.t_ns[1:] - made.t_ns[:-1]) // 2
    cells[1::2] = (made.cells[1:] + made.cells[:-1]) / 2
    return Print(t_ns, cells)


def _key(cells: npt.NDArray[np.int64], values: Floats, ends: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """Cells (m, TOP) in any order, their changes, and two quarters (m, 2), as 7 bits a cell and 2 a quarter."""
    key = np.zeros(len(cells), np.int64)
    for column in np.sort(cells * 2 + (values > 0), axis=1).T:
        key = key << 7 | column
    return (key << 4 | ends[:, 0] << 2 | ends[:, 1]).astype(np.uint64)
