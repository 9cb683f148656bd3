"""Frames from a time on, where a seek can be trusted to find them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import cast

import av
import av.logging
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.video.stream import VideoStream

from infra.video.frames import REORDERING, DecodedFrame, decode
from infra.video.timeline import LEAP_FRAMES, LEAP_NS, MAX_GAP_NS
from schemas.errors import BadMedia
from schemas.spans import NS

SEEK_BACK_NS = 2 * NS  # first step back where a seek landed late; doubles from there
TRIED_FRAMES = 64  # that are decoded to tell whether PTS were made up: DecodeOrder

BEHIND_PACKETS = 32  # behind it that are looked at: more than a decoder holds back

Ticks = npt.NDArray[np.int64]


def time_base(stream: VideoStream) -> Fraction:
    """Seconds a tick."""
    return cast("Fraction", stream.time_base)  # None is for streams without packets


class Clock:
    """Ticks of a stream as ns, in integers: a Fraction a frame costs as much as a cheap signal."""

    def __init__(self, stream: VideoStream) -> None:
        base = time_base(stream)
        self._ns, self._ticks = base.numerator * NS, base.denominator

    def ns(self, ticks: int | None) -> int | None:
        """Rounded to the nearest ns."""
        return None if ticks is None else (2 * ticks * self._ns + self._ticks) // (2 * self._ticks)


Open = Callable[[], tuple[InputContainer, VideoStream]]


def frames_from(
    container: InputContainer, stream: VideoStream, start_ns: int, again: Open
) -> tuple[int | None, Iterator[DecodedFrame]]:
    """The first frame's clock in ns, and the frames from a key frame at or before `start_ns`.

    From the first frame on, with None for its clock, where packets do not tell the times up to there. again: opens the
    same file. MPEG-TS has no index and its seek may land late: then it is tried from ever earlier.
    BadMedia: unseekable.
    """
    clock = Clock(stream)
    pts = _dated_packets(again, start_ns, clock)
    origin = None if pts is None else _origin_ns(again, clock, rises=bool((np.diff(pts) > 0).all()))
    if origin is None:
        return None, decode(container, stream)
    back_ns = 0
    while back_ns <= start_ns + SEEK_BACK_NS:
        tick = int((origin + start_ns - back_ns) / NS / time_base(stream))
        try:
            container.seek(tick, stream=stream, backward=True)
        except av.error.FFmpegError as e:
            raise BadMedia("unseekable", str(e.strerror)) from e
        frames = decode(container, stream)
        first = next(frames, None)
        if first is not None and (clock.ns(first.ticks) or 0) - origin <= start_ns:
            return origin, itertools.chain([first], frames)
        back_ns = max(2 * back_ns, SEEK_BACK_NS)
    raise BadMedia("unseekable", f"no key frame was found before {start_ns / NS:.3f} s")


def _origin_ns(again: Open, clock: Clock, rises: bool) -> int | None:
    """The first frame's clock; None where it has none, or one that was made up. rises: as of DecodeOrder."""
    container, stream = again()
    with container:
        frames = decode(container, stream)
        first = next(frames, None)
        may_be = rises and stream.codec_context.name in REORDERING and stream.codec_context.reorder_depth > 0
        tried = itertools.islice(frames, TRIED_FRAMES if may_be else 0)
        if first is None or any(f.ticks is None or f.ticks != f.frame.pts for f in tried):
            return None
        return clock.ns(first.ticks)


def _dated_packets(again: Open, start_ns: int, clock: Clock) -> Ticks | None:
    """PTS in the order of decoding up to a while after `start_ns`; None where they are not one clock's that goes on."""
    container, stream = again()
    pts: list[int] = []
    usual_ns = NS / stream.average_rate if stream.average_rate else 0
    until_ns, behind = start_ns + 2 * max(LEAP_NS, LEAP_FRAMES * usual_ns), 0
    with container, av.logging.Capture(local=True) as complaints:
        try:
            for packet in container.demux(stream):
                if packet.size:
                    if packet.pts is None:
                        return None
                    pts.append(packet.pts)
                    behind += (clock.ns(packet.pts - pts[0]) or 0) > until_ns
                    if behind > BEHIND_PACKETS:
                        break
        except av.error.FFmpegError:
            return None
        ticks = np.array(pts, np.int64)
        return None if complaints or in_order(ticks, stream) is None else ticks


def in_order(pts: Ticks, stream: VideoStream) -> Ticks | None:
    """PTS in the order of decoding, int64 (N,), in that in which frames are shown; None: not of one clock that goes on.

    Frames that are decoded before the one that is shown are at most as many as its decoder holds back.
    """
    if not len(pts):
        return None
    order = np.argsort(pts, kind="stable")
    steps = np.diff(pts[order])
    early = int((order - np.arange(len(order))).max())
    goes_on = early <= stream.codec_context.reorder_depth and (steps > 0).all()
    return pts[order] if goes_on and (steps * float(time_base(stream)) * NS <= MAX_GAP_NS).all() else None
