"""Writes small recordings with PyAV: shots, odd clocks, rotation, other codecs, long files; says where samples are."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

Rgb = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """How a file is written. clock: a tick in seconds; ticks: each frame's time, or None for one every `1/fps`."""

    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    fps: int = 10
    clock: Fraction = Fraction(1, 1000)
    ticks: tuple[int, ...] | None = None
    rotation: int | None = None
    audio: bool = False
    options: dict[str, str] = field(default_factory=lambda: {"preset": "ultrafast", "g": "10"})


def texture(seed: int, size: tuple[int, int] = (96, 64), cell: int = 8) -> Rgb:
    """A smooth random picture, uint8 (h, w, 3); its brightness follows the seed, so that two of them differ much."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 120, (size[1] // cell + 2, size[0] // cell + 2, 3))
    grown = cv2.resize(np.asarray(coarse, np.uint8), size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(grown.astype(int) + (seed % 2) * 110 + seed % 7, 0, 255), np.uint8)


def shot(seed: int, frames: int, size: tuple[int, int] = (96, 64)) -> list[Rgb]:
    """One shot: a texture that drifts by a pixel a frame."""
    wide = texture(seed, (size[0] + frames, size[1]))
    return [np.ascontiguousarray(wide[:, i : i + size[0]]) for i in range(frames)]


def write(path: Path, pictures: Sequence[Rgb], video: Video = Video()) -> Path:
    """The pictures as one file; the container follows from the suffix."""
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(video.codec, rate=video.fps)
        stream.width, stream.height, stream.pix_fmt = width, height, video.pix_fmt
        stream.codec_context.time_base = stream.time_base = video.clock
        stream.codec_context.options = dict(video.options) if video.codec.startswith("libx26") else {}
        if video.rotation is not None:
            stream.set_display_rotation(video.rotation)
        sound: Any = container.add_stream("aac", rate=8000) if video.audio else None
        step = Fraction(1, video.fps) / video.clock
        ticks = video.ticks or [round(i * step) for i in range(len(pictures))]
        for tick, picture in zip(ticks, pictures, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=video.pix_fmt)
            frame.pts, frame.time_base = tick, video.clock
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            _silence(container, sound)
    return path


def write_glued(path: Path, parts: Sequence[Sequence[Rgb]], video: Video, starts: Sequence[int] | None = None) -> Path:
    """Captures one behind the other, as `cat` makes them, each with a clock of its own.

    starts: the tick at which each clock begins. Nothing is said of the time between two captures.
    """
    data = b""
    for pictures, start in zip(parts, starts or [0] * len(parts), strict=True):
        step = Fraction(1, video.fps) / video.clock
        ticks = tuple(start + round(i * step) for i in range(len(pictures)))
        part = write(path.with_name(f"part.{path.name}"), pictures, dataclasses.replace(video, ticks=ticks))
        data += part.read_bytes()
        part.unlink()
    path.write_bytes(data)
    return path


def write_raw(path: Path, pictures: Sequence[Rgb], codec: str, options: dict[str, str], fps: int = 10) -> Path:
    """The pictures as a raw stream without a container, or an AVI: packets that state no time."""
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for i, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_sound(path: Path) -> Path:
    """A file with sound and no picture."""
    with av.open(str(path), "w") as container:
        _silence(container, container.add_stream("aac", rate=8000))
    return path


def _silence(container: Any, stream: Any) -> None:
    for i in range(8):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 8000, i * 1024
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def write_long(path: Path, seconds: int, fps: int, size: tuple[int, int] = (160, 120)) -> Path:
    """Minutes of noise in Matroska: sixteen JPEG pictures, each packet written again and again."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mjpeg", rate=fps)
        stream.width, stream.height, stream.pix_fmt = *size, "yuvj420p"
        noise = [rng.integers(0, 255, (size[1], size[0], 3), np.uint8) for _ in range(16)]
        frames = [av.VideoFrame.from_ndarray(n, format="rgb24").reformat(format="yuvj420p") for n in noise]
        made = [bytes(p) for frame in frames for p in stream.encode(frame)]
        for i in range(seconds * fps):
            packet = av.Packet(made[i % len(made)])
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, fps), True
            packet.pts = packet.dts = i
            packet.duration = 1
            container.mux(packet)
    return path


def samples(*parts: str) -> Path:
    """A file or folder of the sample media; the test is skipped where there are none."""
    places = [os.environ.get("HANDWHEEL_SAMPLES"), Path(__file__).resolve().parents[3] / "shared" / "data"]
    for place in places:
        if place and Path(place).is_dir():
            return Path(place, *parts)
    pytest.skip("no sample media: HANDWHEEL_SAMPLES is unset and ../shared/data is missing")


def lumas(pictures: Iterable[Rgb]) -> list[npt.NDArray[np.uint8]]:
    """Their luma, uint8 (h, w)."""
    return [np.asarray(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY), np.uint8) for p in pictures]
