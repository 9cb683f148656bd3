"""Frames on true times, whatever their clock does: it starts again where captures were glued together, leaps, or lies.

Frames come in the order in which they are shown, so that a reading at or before the last one says that the clock is
another one, not that the frame is an earlier one. Nothing is passed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from schemas.spans import NS

MAX_GAP_NS = 3600 * NS  # a longer one is a broken clock: one flipped bit can claim centuries
LEAP_NS = 2 * NS  # without a picture; slow video, of a picture in more than LEAP_NS / LEAP_FRAMES, has longer ones
LEAP_FRAMES = 4  # at the stream's mean rate


class Place(NamedTuple):
    """Where a frame stands: ns from the first, whether another clock begins with it, whether the clock leapt to it."""

    t_ns: int
    is_joint: bool = False
    is_leap: bool = False


@dataclass(slots=True)
class Timeline:
    """The clock of a recording. usual_ns: what frames are apart by the container's word."""

    usual_ns: int
    offset_ns: int | None = None  # what the clock reads at the recording's first frame
    last_ns: int | None = None
    step_ns: int | None = None  # between the last two frames whose clock went on

    @property
    def longest_ns(self) -> int:
        """How far apart frames may be without a leap of their clock."""
        return min(max(LEAP_NS, LEAP_FRAMES * self.usual_ns), MAX_GAP_NS)

    def place(self, reading_ns: int | None, coming_ns: int | None) -> Place:
        """Where the next frame stands. coming_ns: the reading of the frame after it.

        A clock that goes on is believed, and so is a leap of up to an hour. A reading that the next one does not bear
        out is a lie, and its frame stands between its neighbours. A clock that goes back, or leaps further, is
        another one: how long it was between the two nobody knows, and the frame follows the last one.
        """
        place = self._place(reading_ns, coming_ns)
        self.last_ns = place.t_ns
        return place

    def _place(self, reading_ns: int | None, coming_ns: int | None) -> Place:
        last_ns = self.last_ns
        follows_ns = 0 if last_ns is None else last_ns + (self.step_ns or self.usual_ns)
        if reading_ns is None:
            return Place(0 if last_ns is None else last_ns + self.usual_ns)
        if self.offset_ns is None:
            self.offset_ns = reading_ns - follows_ns
        t_ns = reading_ns - self.offset_ns
        if last_ns is None:
            return Place(t_ns)
        step_ns = t_ns - last_ns
        if 0 < step_ns <= self.longest_ns:
            self.step_ns = step_ns
            return Place(t_ns)
        ahead_ns = 0 if coming_ns is None else coming_ns - self.offset_ns - last_ns
        if 1 < ahead_ns <= self.longest_ns:
            return Place(min(follows_ns, last_ns + ahead_ns // 2))
        if 0 < step_ns <= MAX_GAP_NS:
            return Place(t_ns, is_leap=True)
        self.offset_ns = reading_ns - follows_ns
        return Place(follows_ns, is_joint=True)

    def shown_ns(self, stated_ns: int | None, coming_ns: int | None) -> int:
        """How long the frame placed last is shown: as stated, but not over a leap to the next reading."""
        shown_ns = stated_ns if stated_ns and 0 < stated_ns <= MAX_GAP_NS else self.usual_ns
        if coming_ns is None or self.offset_ns is None or self.last_ns is None:
            return shown_ns
        leaps = coming_ns - self.offset_ns - self.last_ns > self.longest_ns
        return min(shown_ns, self.step_ns or self.usual_ns) if leaps else shown_ns
