"""The door to PyAV: open with a format whitelist, frames on their true times, damage as the decoder tells of it.

Everything here runs inside the sandbox (infra.sandbox.sandbox): the bytes are hostile.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

import av
import av.logging
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from schemas.errors import BadMedia
from schemas.spans import NS

# Formats, not protocols: a playlist or a concat list would read another file; image2 and sdp likewise.
DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,gif,ogg,asf,h264,hevc,ivf,m4v,mxf,nut,rm,amr"
)
MAX_SIDE_PX = 16384
MAX_PIXELS = 8192 * 8192
MAX_DECLARED_NS = 7 * 24 * 3600 * NS  # more is a broken header, and says nothing
MAX_GAP_NS = 3600 * NS  # a longer one is a broken clock: one flipped bit can claim centuries
SEEK_BACK_NS = 2 * NS  # first step back where a seek landed late; doubles from there


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """What the container and the first frame say. Width and height are upright with square pixels."""

    container: str  # ffmpeg's name of the format
    codec: str  # ffmpeg's name
    width_px: int
    height_px: int
    fps_hz: float | None  # the stream's mean rate; None: not stated
    declared_ns: int  # length by the header; 0: not stated, or broken
    quarter_turns: int  # clockwise, 0..3: from stored pixels to upright ones


class Picture(NamedTuple):
    """A decoded frame: time from the recording's first frame, how long it is shown, PyAV's frame.

    damaged: the decoder complained and no clean key frame has come since. torn: it complained since the frame before,
    so that the time between the two may lack pictures.
    """

    t_ns: int
    length_ns: int
    frame: VideoFrame
    damaged: bool
    torn: bool


def sniff(path: Path) -> None:
    """BadMedia for what is no media at all: empty_file, lfs_pointer, html_page, playlist."""
    with path.open("rb") as file:
        head = file.read(512)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    if not head:
        raise BadMedia("empty_file", "0 bytes")
    if text.startswith(b"version https://git-lfs"):
        raise BadMedia("lfs_pointer", "a Git LFS pointer, not the media: run `git lfs pull` at the source")
    if text.startswith((b"<!doctype html", b"<html", b"<?xml")):
        raise BadMedia("html_page", "an HTML page saved under a media name")
    if text.startswith((b"#extm3u", b"ffconcat", b"v=0")):
        raise BadMedia("playlist", "a playlist names other files; only media are read")


def open_media(path: Path) -> InputContainer:
    """The container. BadMedia: not_media where no allowed demuxer takes it."""
    sniff(path)
    _route_complaints()
    options = {"format_whitelist": DEMUXERS, "protocol_whitelist": "file"}
    try:
        return av.open(f"file:{path}", container_options=options, metadata_errors="replace")
    except av.error.FFmpegError as e:
        raise BadMedia("not_media", f"no allowed demuxer reads it: {e.strerror}") from e


def _route_complaints() -> None:
    """The codecs' errors come to `Complaints`; what is said elsewhere goes nowhere."""
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)
    log = logging.getLogger("libav")
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.NullHandler())


def video_stream(container: InputContainer, threads: int = 1) -> VideoStream:
    """The best video stream (cover pictures do not count). BadMedia: no_video, unknown_codec, bad_size.

    One thread: two cost 7 to 15 % more of a processor for the same frames, and recordings run side by side.
    """
    attached = av.stream.Disposition.attached_pic
    offered = [s for s in container.streams.video if not s.disposition & attached]
    if not offered:
        raise BadMedia("no_video", "no video stream")
    streams = [s for s in offered if s.codec_context is not None]
    if not streams:
        raise BadMedia("unknown_codec", "no decoder is known for its video stream")
    stream = max(streams, key=lambda s: (s.codec_context.width or 0) * (s.codec_context.height or 0))
    context = stream.codec_context
    w, h = context.width or 0, context.height or 0
    if max(w, h) > MAX_SIDE_PX or w * h > MAX_PIXELS:
        raise BadMedia("bad_size", f"{w}x{h} px is over {MAX_SIDE_PX} px or {MAX_PIXELS} pixels")
    stream.thread_type = "AUTO"
    context.thread_count = threads
    return stream


def without_frames(stream: VideoStream) -> BadMedia:
    """Why a stream of which nothing decodes is of no use: bad_size, no_frames."""
    if not (stream.codec_context.width and stream.codec_context.height):
        return BadMedia("bad_size", "its header states no size that a decoder takes")
    return BadMedia("no_frames", "a video stream without one decodable frame")


def facts(container: InputContainer, stream: VideoStream, first: VideoFrame, quarter_turns: int = 0) -> StreamFacts:
    """What an open stream and its first decoded frame say; quarter_turns: clockwise, on top of the container's own."""
    turns = (round(-(first.rotation or 0) / 90) + quarter_turns) % 4
    sar = stream.sample_aspect_ratio or 1
    width = max(1, round(first.width * float(sar or 1)))
    size = (width, first.height) if turns % 2 == 0 else (first.height, width)
    declared = stream.duration * _time_base(stream) * NS if stream.duration else 0
    if not declared and container.duration:
        # Matroska declares the end on its clock, which need not start at 0; the others declare a length.
        ends_late = container.start_time or 0 if "matroska" in container.format.name else 0
        declared = (container.duration - ends_late) * 1000
    rate = stream.average_rate
    return StreamFacts(
        container.format.name,
        stream.codec_context.name,
        *size,
        float(rate) if rate else None,
        int(declared) if declared <= MAX_DECLARED_NS else 0,
        turns,
    )


def pictures(container: InputContainer, stream: VideoStream, start_ns: int = 0) -> Iterator[Picture]:
    """Frames in order of time, t_ns from the recording's first frame, never the same time twice.

    start_ns > 0 seeks to the key frame before it: frames from there on, on the same times.
    Damage is passed over: what can be decoded comes and says so, and a frame whose clock leaps by more than an hour is
    left out.
    """
    clock = Clock(stream)
    frames, origin = _decode(container, stream), None
    if start_ns > 0:
        origin, frames = _seek(container, stream, start_ns, clock)
    usual_ns = round(NS / stream.average_rate) if stream.average_rate else 0
    usual_ns = usual_ns if 0 < usual_ns <= MAX_GAP_NS else NS // 25
    last_ns, torn = -1, False
    for frame, damaged, complained in frames:
        torn |= complained
        clock_ns = clock.ns(frame.pts)
        origin = clock_ns or 0 if origin is None else origin
        t_ns = max(last_ns, 0) + usual_ns if clock_ns is None else clock_ns - origin
        if t_ns <= last_ns or t_ns - max(last_ns, start_ns) > MAX_GAP_NS:
            continue
        length = clock.ns(frame.duration) or usual_ns
        last_ns = t_ns
        yield Picture(t_ns, length if 0 < length <= MAX_GAP_NS else usual_ns, frame, damaged, torn)
        torn = False


class Clock:
    """Ticks of a stream as ns, in integers: a Fraction a frame costs as much as a cheap signal."""

    def __init__(self, stream: VideoStream) -> None:
        base = _time_base(stream)
        self._ns, self._ticks = base.numerator * NS, base.denominator

    def ns(self, ticks: int | None) -> int | None:
        """Rounded to the nearest ns."""
        return None if ticks is None else (2 * ticks * self._ns + self._ticks) // (2 * self._ticks)


class _Frame(NamedTuple):
    frame: VideoFrame
    damaged: bool
    complained: bool


def _time_base(stream: VideoStream) -> Fraction:
    return cast("Fraction", stream.time_base)  # None is for streams without packets


def _seek(container: InputContainer, stream: VideoStream, start_ns: int, clock: Clock) -> tuple[int, Iterator[_Frame]]:
    """The first frame's clock in ns, and the frames from a key frame at or before `start_ns`.

    MPEG-TS has no index and its seek may land late: then it is tried from ever earlier.
    BadMedia: no_frames, unseekable.
    """
    first = next(_decode(container, stream), None)
    if first is None:
        raise without_frames(stream)
    origin = clock.ns(first.frame.pts) or 0
    back_ns = 0
    while back_ns <= start_ns + SEEK_BACK_NS:
        tick = int((origin + start_ns - back_ns) / NS / _time_base(stream))
        try:
            container.seek(tick, stream=stream, backward=True)
        except av.error.FFmpegError as e:
            raise BadMedia("unseekable", str(e.strerror)) from e
        frames = _decode(container, stream)
        first = next(frames, None)
        if first is not None and (clock.ns(first.frame.pts) or 0) - origin <= start_ns:
            return origin, itertools.chain([first], frames)
        back_ns = max(2 * back_ns, SEEK_BACK_NS)
    raise BadMedia("unseekable", f"no key frame was found before {start_ns / NS:.3f} s")


@dataclass(slots=True)
class Complaints:
    """Which frames may show damage: those that come out after the decoder complained, up to the first key frame that
    it took afterwards without complaint. ffmpeg exits 0 on damage: what it says is all there is."""

    bad: bool = False
    clean_from: int | None = None  # that key frame's pts

    def note_packet(self, packet: Packet[VideoStream] | None, complained: bool) -> None:
        """A packet went into the decoder."""
        if complained:
            self.bad, self.clean_from = True, None
        elif self.bad and self.clean_from is None and packet is not None and packet.is_keyframe:
            self.clean_from = packet.pts

    def may_show_damage(self, frame: VideoFrame) -> bool:
        """Whether a frame that came out may show damage."""
        if self.bad and self.clean_from is not None and frame.pts is not None and frame.pts >= self.clean_from:
            self.bad, self.clean_from = False, None
        return self.bad or bool(frame.is_corrupt)


def _decode(container: InputContainer, stream: VideoStream) -> Iterator[_Frame]:
    packets = container.demux(stream)
    complaints, torn = Complaints(), False
    while True:
        packet, unread = _listen_to(lambda: next(packets, None))
        if packet is None and not unread:
            return
        # Where the demuxer gave up the decoder still holds frames.
        frames, complained = _listen_to(packet.decode if packet else stream.codec_context.decode)
        complaints.note_packet(packet, unread or complained)
        torn |= unread or complained
        for frame in frames or ():
            yield _Frame(frame, complaints.may_show_damage(frame), torn)
            torn = False
        if packet is None:
            return


def _listen_to(call: Callable[[], T]) -> tuple[T | None, bool]:
    """What a call of the decoder or demuxer gave, None where it raised, and whether it complained."""
    with av.logging.Capture(local=True) as complaints:
        try:
            return call(), bool(complaints)
        except av.error.EOFError:
            return None, bool(complaints)
        except av.error.FFmpegError:
            return None, True
