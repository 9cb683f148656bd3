"""The door to PyAV: open with a format whitelist, frames on their true times, damage as the decoder tells of it.

Everything here runs inside the sandbox (infra.sandbox.sandbox): the bytes are hostile.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import av.logging
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from infra.video.frames import decode
from infra.video.seeking import Clock, frames_from, time_base
from infra.video.timeline import MAX_GAP_NS, Timeline
from schemas.errors import BadMedia
from schemas.spans import NS

# Formats, not protocols: a playlist or a concat list would read another file; image2 and sdp likewise.
DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,gif,ogg,asf,h264,hevc,ivf,m4v,mxf,nut,rm,amr"
)
MAX_SIDE_PX = 16384
MAX_PIXELS = 8192 * 8192
MAX_DECLARED_NS = 7 * 24 * 3600 * NS  # more is a broken header, and says nothing
RAW = {"h264", "hevc", "m4v", "mpegvideo"}  # demuxers of streams without a container
MAX_RATE_HZ = 240  # of those: a higher one is a clock
# libavutil/stereo3d.h; 0 is a flat picture, 8 one whose packing is not said.
STEREO = {
    1: "side by side", 2: "top and bottom", 3: "frame by frame", 4: "as a checkerboard", 5: "side by side",
    6: "by rows", 7: "by columns",
}  # fmt: skip


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
    so that the time between the two may lack pictures. joint: its clock is another one than the frame's before: another
    capture, behind which the file goes on. leap: since the frame before there was no picture for long.
    """

    t_ns: int
    length_ns: int
    frame: VideoFrame
    damaged: bool
    torn: bool
    joint: bool = False
    leap: bool = False


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


def check_one_eye(frame: VideoFrame) -> None:
    """BadMedia `stereo`: a frame holds both eyes' pictures, as its container or codec says (AVStereo3DType)."""
    every: Any = frame.side_data  # a mapping whose iteration PyAV's stub takes for that of names
    for data in every:
        packing = int.from_bytes(bytes(data)[:4], sys.byteorder)
        if data.type.name == "STEREO3D" and packing in STEREO:
            raise BadMedia("stereo", f"both eyes' pictures in one, {STEREO[packing]}; cut out one eye's")


def facts(container: InputContainer, stream: VideoStream, first: VideoFrame, quarter_turns: int = 0) -> StreamFacts:
    """What an open stream and its first decoded frame say; quarter_turns: clockwise, on top of the container's own."""
    turns = (round(-(first.rotation or 0) / 90) + quarter_turns) % 4
    sar = stream.sample_aspect_ratio or 1
    width = max(1, round(first.width * float(sar or 1)))
    size = (width, first.height) if turns % 2 == 0 else (first.height, width)
    declared = stream.duration * time_base(stream) * NS if stream.duration else 0
    if not declared and container.duration:
        # Matroska declares the end on its clock, which need not start at 0; the others declare a length.
        ends_late = container.start_time or 0 if "matroska" in container.format.name else 0
        declared = (container.duration - ends_late) * 1000
    rate = stated_rate(stream)
    return StreamFacts(
        container.format.name,
        stream.codec_context.name,
        *size,
        float(rate) if rate else None,
        int(declared) if declared <= MAX_DECLARED_NS else 0,
        turns,
    )


def pictures(container: InputContainer, stream: VideoStream, start_ns: int = 0) -> Iterator[Picture]:
    """Frames in order of time, t_ns from the recording's first frame, never the same time twice, none passed over.

    start_ns > 0 seeks to the key frame before it: frames from there on, on the same times; where the recording's clock
    does not allow that, frames from the first one on. Damage is passed over: what can be decoded comes and says so.
    BadMedia: unseekable, no_clock.
    """
    clock, timeline = Clock(stream), Timeline(_usual_ns(stream))
    decoded = decode(container, stream)
    if start_ns > 0:
        timeline.offset_ns, decoded = frames_from(container, stream, start_ns, lambda: _again(container))
    readings = ((f, clock.ns(f.ticks)) for f in decoded)
    here, torn, unkeyed = next(readings, None), False, False
    while here is not None:
        (frame, ticks, damaged, complained), reading_ns = here
        if ticks is None and not stated_rate(stream):
            raise BadMedia("no_clock", "neither times nor a rate: `ffmpeg -framerate RATE -i FILE -c copy FILE.mp4`")
        here = next(readings, None)
        coming_ns = here[1] if here else None
        place = timeline.place(reading_ns, coming_ns)
        unkeyed = (unkeyed or place.is_joint) and not frame.key_frame  # another capture that begins within a group
        torn |= complained
        shown_ns = timeline.shown_ns(clock.ns(frame.duration), coming_ns)
        yield Picture(place.t_ns, shown_ns, frame, damaged or unkeyed, torn, place.is_joint, place.is_leap)
        torn = False


def _again(container: InputContainer) -> tuple[InputContainer, VideoStream]:
    """The same file, from its start."""
    again = open_media(Path(container.name.removeprefix("file:")))
    return again, video_stream(again)


def stated_rate(stream: VideoStream) -> Fraction | None:
    """Frames a second by the container's word, or by a raw stream's own; None: not stated.

    ffmpeg gives every raw stream 25 Hz. An encoder that was given times states its clock as a rate: 1000, 90000.
    """
    raw = stream.container.format.name in RAW
    rate = stream.codec_context.framerate if raw else stream.average_rate
    return rate if rate and not (raw and rate > MAX_RATE_HZ) else None


def _usual_ns(stream: VideoStream) -> int:
    rate = stated_rate(stream)
    usual_ns = round(NS / rate) if rate else 0
    return usual_ns if 0 < usual_ns <= MAX_GAP_NS else NS // 25
