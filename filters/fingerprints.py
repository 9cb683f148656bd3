"""A clip's fingerprint: tiny luma pictures, and marks of what moves in them, which its copies share.

A static camera shows one background in every clip, so nothing here rests on how a picture looks: a mark is where and
which way it changes within half a second, or a whole one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from schemas.spans import NS

VERSION = "fingerprints-4"
HZ = 12.0  # samples of the recording's own frames: at 4 Hz a third of trimmed copies under 2 s were missed
SIDE = 8  # cells a row and column
WORDS = 1 + SIDE * SIDE // 4  # of 64 bits a sample: its time, then 16 bits a cell
LEVELS = 257  # 16-bit steps a level of 8-bit luma: what moves a little moves a cell's mean by less than a level
STEP_NS = NS // 8  # between the times at which marks are looked for
LAGS = (4, 8)  # steps between the two pictures of a mark
MIN_CHANGE = 0.5  # change of a mark's first cell, in levels: less is codec noise
TOP = 4  # cells a mark names

Floats = npt.NDArray[np.float32]
Times = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A fingerprint: times from the recording's first frame, ns (n,); mean luma of cells, 0..255, (n, SIDE, SIDE)."""

    t_ns: Times
    cells: Floats


@dataclass(frozen=True, slots=True)
class Marks:
    """Keys uint64 (m,), the same for a mirrored copy, and when each was left, ns (m,)."""

    keys: npt.NDArray[np.uint64]
    t_ns: Times


def words_of(t_ns: int, cells: npt.NDArray[np.floating]) -> list[int]:
    """A sample's WORDS, from mean luma of cells, 0..255, (SIDE, SIDE)."""
    return [t_ns, *np.rint(cells * LEVELS).astype("<u2").ravel().view("<u8").tolist()]


def fingerprint_of(words: npt.ArrayLike) -> Fingerprint:
    """The fingerprint that a column's value holds."""
    rows = np.asarray(words, np.uint64).reshape(-1, WORDS)
    cells = np.ascontiguousarray(rows[:, 1:]).astype("<u8").view("<u2").astype(np.float32) / np.float32(LEVELS)
    return Fingerprint(rows[:, 0].astype(np.int64), cells.reshape(-1, SIDE, SIDE))


def mirror(fingerprint: Fingerprint) -> Fingerprint:
    """The fingerprint of the same clip seen in a mirror."""
    return Fingerprint(fingerprint.t_ns, np.ascontiguousarray(fingerprint.cells[:, :, ::-1]))


def cells_at(fingerprint: Fingerprint, at_ns: Times) -> Floats:
    """Cells at times between the first and the last sample, (len(at_ns), SIDE * SIDE). Two samples at least."""
    after = np.clip(np.searchsorted(fingerprint.t_ns, at_ns, side="right"), 1, len(fingerprint.t_ns) - 1)
    share = (at_ns - fingerprint.t_ns[after - 1]) / (fingerprint.t_ns[after] - fingerprint.t_ns[after - 1])
    weight, flat = share.astype(np.float32)[:, None], fingerprint.cells.reshape(len(fingerprint.t_ns), -1)
    return np.asarray(flat[after - 1] * (1 - weight) + flat[after] * weight, np.float32)


def find_marks(fingerprint: Fingerprint) -> Marks:
    """Marks of every step that changes until a lag later; black and still leave none.

    A key names the TOP cells that change most, with their signs, the brightest and the darkest quarter (32 bits, of the
    picture or of its mirror image, whichever is less), and the lag. Of equal neighbours the first is a mark. Steps are
    even, whatever the frame rate: that of a copy may be another.
    """
    if len(fingerprint.t_ns) < 2:
        return Marks(np.array([], np.uint64), np.array([], np.int64))
    t_ns = np.arange(fingerprint.t_ns[0], fingerprint.t_ns[-1] + 1, STEP_NS)
    cells = cells_at(fingerprint, t_ns)
    of_lags = [_marks_of_lag(t_ns, cells, lag) for lag in LAGS]
    return Marks(np.concatenate([m.keys for m in of_lags]), np.concatenate([m.t_ns for m in of_lags]))


def _marks_of_lag(t_ns: Times, cells: Floats, lag: int) -> Marks:
    """Those of one lag; cells (n, SIDE * SIDE)."""
    change, both = cells[lag:] - cells[:-lag], cells[lag:] + cells[:-lag]
    top = np.argsort(-np.abs(change), axis=1, kind="stable")[:, :TOP]
    values = np.take_along_axis(change, top, axis=1)
    half = SIDE // 2
    quarters = both.reshape(-1, 2, half, 2, half).mean(axis=(2, 4)).reshape(-1, 4)
    ends = np.stack([quarters.argmax(axis=1), quarters.argmin(axis=1)], axis=1)
    flipped = top - top % SIDE + (SIDE - 1 - top % SIDE)
    keys = np.minimum(_key(top, values, ends), _key(flipped, values, ends ^ 1)) | np.uint64(lag << 32)
    first = np.append(True, keys[1:] != keys[:-1])[: len(keys)]
    tells = first & (np.abs(values) >= MIN_CHANGE)[:, 0] if len(keys) else first
    return Marks(keys[tells], t_ns[:-lag][tells])


def _key(cells: npt.NDArray[np.int64], values: Floats, ends: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """Cells (m, TOP) in any order, their changes, and two quarters (m, 2), as 7 bits a cell and 2 a quarter."""
    key = np.zeros(len(cells), np.int64)
    for column in np.sort(cells * 2 + (values > 0), axis=1).T:
        key = key << 7 | column
    return (key << 4 | ends[:, 0] << 2 | ends[:, 1]).astype(np.uint64)
