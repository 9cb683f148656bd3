"""Text drawn on the picture and not in the scene (subtitles, watermarks, clocks, tickers), as a stream of samples.

Strokes are strong steps of luma along a row. Where the picture moves, what is drawn on it stays put and the scene's
strokes do not; where it stands, a line of text that comes at once while all about it rests was drawn. A line that never
changes on a picture that never moves cannot be told from a label: None. Numbers without a source were chosen on half
of the clips of docs/benchmarks/2026-11-22-drawn-text.md, which says how much of what is found; px and cells are of a
proxy's 448 px.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt

from schemas.spans import NS

Map = npt.NDArray[np.uint8]
Merge = Callable[[Map, Map], Map]  # of two pictures; OpenCV's stub says any numbers

MIN_APART_NS = 2 * NS // 5  # looks are further apart than this: every second sample of 4 Hz
LOOKS = 4  # a window, 1.5 s: subtitles stand for 2 s and more
MIN_SIDE_PX = 64  # smaller pictures hold no line of text that could be told
STEP = 32  # luma from one side of a px to the other: a stroke
FAINT = 12  # likewise, of what tells whether the picture moves: a table has lines where it has no strokes
STEADY = 40  # what a drawn stroke's step differs by within a window, for the codec: a thick one of the scene slides
CELL_PX = 4
DENSE, SPARSE = 0.2, 0.1  # share of a cell's px that are strokes: in a line of text; in one that spans the picture
BRIDGE, FAR_BRIDGE = 5, 9  # cells, odd: gaps within a line that are closed, likewise
LOW, HIGH, WIDE = 2, 7, 6  # cells: a line's least and most height, and its least width
SLIM = 2  # times as wide as high, at least
FULL = 0.55  # share of its box that a line fills
SPANS = 0.5  # share of the picture's width that a ticker fills: its strokes move, their place does not
BLOCKS = 6  # a picture's sides in blocks, each of which must have moved
FEW = 0.02  # share of strokes below which a block tells nothing
MIN_BLOCKS, MIN_EDGE_SHARE = 3, 0.003  # blocks that tell, and share of strokes in all, for a picture that moves
MAX_KEPT_SHARE = 0.6  # share of its strokes that a block keeps at most where the picture moves
CHANGED = 10  # luma by which a px changed
RINGS = (2, 5)  # cells around a line between which nothing may change as it comes
QUIET = 0.1  # share of those cells that may
STIRRED = 0.16  # share of its px by which a cell changed
MIN_WINDOWS = 2


@dataclass(frozen=True, slots=True)
class StrokeFrame:
    """A sample's luma (h, w), its steps (h, w - 2), and which share of each cell is strokes, 0..255."""

    luma: Map
    steps: Map
    cells: Map


@dataclass(slots=True)
class TextState:
    """The last looks; the share of the picture under drawn lines in each window that moved, and where some came."""

    last_ns: int | None = None
    looks: deque[StrokeFrame] = field(default_factory=lambda: deque(maxlen=LOOKS + 1))
    stayed: list[float] = field(default_factory=list)
    came: list[float] = field(default_factory=list)


def update(state: TextState, t_ns: int, luma: Map) -> TextState:
    """Takes a sample's time and luma, uint8 (h, w), the same size throughout."""
    if min(luma.shape) < MIN_SIDE_PX or (state.last_ns is not None and t_ns - state.last_ns <= MIN_APART_NS):
        return state
    state.last_ns = t_ns
    steps = np.asarray(cv2.absdiff(luma[:, 2:], luma[:, :-2]), np.uint8)
    state.looks.append(StrokeFrame(luma, steps, _cells(_over(steps, STEP))))
    if len(state.looks) >= LOOKS:
        _judge(state, list(state.looks))
    return state


def finish(state: TextState) -> float | None:
    """Share of the picture under drawn lines, 0..1: the mean where it moves, the most that came where it stands."""
    moved = len(state.stayed) >= MIN_WINDOWS
    shares = [float(np.mean(state.stayed))] if moved else []
    largest = max(shares + state.came, default=None)
    return None if largest is None else round(largest, 4)


def _judge(state: TextState, looks: Sequence[StrokeFrame]) -> None:
    """One window: the last LOOKS looks, after the one before them, if any."""
    window = looks[-LOOKS:]
    low = reduce(cast("Merge", cv2.min), (look.steps for look in window))
    high = reduce(cast("Merge", cv2.max), (look.steps for look in window))
    there = _over(low, STEP)
    steady = np.asarray(cv2.bitwise_and(there, _compare(cv2.subtract(high, low), STEADY, cv2.CMP_LT)), np.uint8)
    always = _cells(there)
    spanning = max(WIDE, round(SPANS * always.shape[1]))
    drawn = cv2.bitwise_or(_lines(_cells(steady))[0], _lines(always, SPARSE, FAR_BRIDGE, spanning)[0])
    if _moves(low, window, np.asarray(drawn, np.uint8)):
        state.stayed.append(float(np.mean(drawn)))
    elif len(looks) > LOOKS:
        before = looks[0]
        new = cv2.bitwise_and(steady, _compare(before.steps, STEP // 2, cv2.CMP_LT))
        share = _came(_cells(np.asarray(new, np.uint8)), before.luma, window[0].luma)
        state.came += [share] if share else []


def _over(values: Map, limit: int) -> Map:
    return _compare(values, limit, cv2.CMP_GT)


def _compare(values: npt.NDArray[Any], limit: int, operator: int) -> Map:
    """255 where the comparison holds, else 0."""
    # OpenCV takes a number for the second picture; its stub does not know.
    return np.asarray(cv2.compare(values, cast("Map", limit), operator), np.uint8)


def _cells(mask: Map) -> Map:
    """Share of each cell that a mask of 0 and 255 covers, 0..255."""
    rows, columns = (side // CELL_PX for side in mask.shape)
    whole = mask[: rows * CELL_PX, : columns * CELL_PX]
    # Halved twice: a quarter of what one step of four costs, which is a third of one that is no whole number.
    half = cv2.resize(whole, (2 * columns, 2 * rows), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(half, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)


def _lines(cells: Map, dense: float = DENSE, bridge: int = BRIDGE, wide: int = WIDE) -> tuple[Map, list[list[int]]]:
    """Cells that lie in lines of text, as 1, and the lines' boxes (x, y, width, height)."""
    full = cv2.morphologyEx(_over(cells, int(dense * 255)), cv2.MORPH_CLOSE, np.ones((1, bridge), np.uint8))
    if np.count_nonzero(full, axis=1).max() < FULL * wide:
        return np.zeros_like(cells), []  # some row of a line is as full as the line
    _, labels, stats, _ = cv2.connectedComponentsWithStats(full, connectivity=4)
    width, height, area = (stats[:, at] for at in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA))
    fits = (height >= LOW) & (height <= HIGH) & (width >= np.maximum(wide, SLIM * height))
    fits &= area >= FULL * width * height
    fits[0] = False  # the background
    return fits.astype(np.uint8)[labels], stats[fits, :4].tolist()


def _moves(low: Map, window: Sequence[StrokeFrame], drawn: Map) -> bool:
    """Whether every block of the picture that tells has lost strokes, and faint ones, those of drawn lines left out.

    low: the least step of each px within the window.
    """
    scene = 255 * (1 - np.asarray(cv2.dilate(drawn, np.ones((3, 3), np.uint8)), np.uint8))
    return all(_lost(low, window[0].steps, window[-1].steps, scene, step) for step in (STEP, FAINT))


def _lost(low: Map, first: Map, last: Map, scene: Map, step: int) -> bool:
    strokes = [cv2.bitwise_and(scene, _cells(_over(steps, step))) for steps in (low, first, last)]
    if max(float(s.mean()) for s in strokes[1:]) < MIN_EDGE_SHARE * 255:
        return False
    left, before, after = (cv2.resize(s, (BLOCKS, BLOCKS), interpolation=cv2.INTER_AREA) for s in strokes)
    most = np.maximum(before, after)
    tells = most > FEW * 255
    return bool(tells.sum() >= MIN_BLOCKS and (left[tells] <= MAX_KEPT_SHARE * most[tells]).all())


def _came(new: Map, before: Map, after: Map) -> float:
    """Share of the picture under lines of new strokes around which nothing changed as they came."""
    lines, boxes = _lines(new)
    if not boxes:
        return 0.0
    stirred = _cells(_over(np.asarray(cv2.absdiff(before, after), np.uint8), CHANGED))
    changed = cv2.resize(stirred, new.shape[::-1], interpolation=cv2.INTER_NEAREST) > STIRRED * 255
    near, far = RINGS
    about = cv2.dilate(lines, np.ones((2 * near + 1, 2 * near + 1), np.uint8)) == 0  # of all lines: they come together
    drawn_cells = 0
    for x, y, w, h in boxes:
        ring = np.s_[max(0, y - far) : y + h + far, max(0, x - far) : x + w + far]
        if 0 < about[ring].sum() >= (about & changed)[ring].sum() / QUIET:
            drawn_cells += int(lines[y : y + h, x : x + w].sum())
    return drawn_cells / lines.size
