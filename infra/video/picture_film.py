"""Pictures that lie inside a log as one recording, unchanged: a Matroska file whose bytes are the same for good.

JPEG and PNG pictures and the frames of H.264 and H.265 stay byte for byte what they are, raw ones stay raw. As with
`motion_jpeg`, no muxer of a library writes it: a recording's key is the sha256 of its bytes, and these few elements of
Matroska (RFC 9559) stay as they are.
It is written from front to back, so that it can be hashed without a file, has no limit of its own, and knows neither
length nor index. Nothing is decoded: of hostile bytes only each picture's size is read.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from fractions import Fraction
from typing import Protocol

import numpy as np
import numpy.typing as npt

from infra.video.motion_jpeg import size_px as jpeg_size_px
from schemas.errors import BadMedia
from schemas.spans import NS

VIDEO = ("H264", "H265")
HEVC = b"V_MPEGH/ISO/HEVC"  # without private data its frames are taken as Annex B has them; VFW knows no code for it
Pixels = npt.NDArray[np.uint8]  # (h, w, 3), RGB
MAX_BYTES = 64 << 30  # of one film: 20 hours of JPEG, an hour of raw 640x480 at 20 Hz
MAX_SIDE_PX = 16384
PNG_HEAD = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
UNKNOWN_SIZE = b"\x01" + b"\xff" * 7
KEY_FRAME = 0x80
FRAME_START = re.compile(rb"\x00?\x00\x00\x01(.)(.)", re.DOTALL)  # Annex B: a NAL unit and its head


class Sink(Protocol):
    """What takes the film: a file, or a digest of it."""

    def write(self, data: bytes, /) -> object:
        """Takes the next bytes."""


def write(out: Sink, pictures: Iterable[bytes | Pixels], rate_hz: Fraction) -> int:
    """Writes the pictures, in order, `1/rate_hz` s each; their number.

    Frames of H.264 and H.265 are in Annex B, the first one with its parameter sets, and none is shown before another
    that follows it.
    BadMedia: no_frames, bad_frame (no JPEG, PNG, such frame or (h, w, 3)), bad_size, mixed_pictures (another size or
    kind than the first), too_large.
    """
    first: tuple[str, int, int] | None = None
    count = size_bytes = 0
    for picture in pictures:
        kind = _kind_and_size(picture, count)
        if first is not None and first[0] in VIDEO and kind[0] in ("", *VIDEO):
            kind = first
        if first is None:
            first = kind
            out.write(_head(kind, rate_hz))
        if kind != first:
            raise BadMedia("mixed_pictures", f"picture {count} is {_described(kind)}, the first {_described(first)}")
        data = picture if isinstance(picture, bytes) else np.ascontiguousarray(picture).tobytes()
        size_bytes += len(data)
        if size_bytes > MAX_BYTES:
            raise BadMedia("too_large", f"more than {MAX_BYTES} bytes of pictures")
        is_key = first[0] not in VIDEO or count == 0 or _is_key(first[0], data)
        out.write(_cluster(time_ns(count, rate_hz), data, is_key))
        count += 1
    if not count:
        raise BadMedia("no_frames", "no picture at all")
    return count


def time_ns(index: int, rate_hz: Fraction) -> int:
    """When a picture is shown, ns from the first, to the nearest."""
    return round(Fraction(index * NS) / rate_hz)


def _kind_and_size(picture: bytes | Pixels, index: int) -> tuple[str, int, int]:
    """`JPEG`, `PNG` or `raw`, width and height; a codec of video without them, "" for one of its later frames."""
    if isinstance(picture, bytes) and FRAME_START.match(picture):
        codec = _codec_of(picture)
        if not codec and not index:
            raise BadMedia("bad_frame", "a first frame without parameter sets")
        return codec, 0, 0
    if not isinstance(picture, bytes):
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
            raise BadMedia("bad_frame", f"picture {index} has the shape {picture.shape} of {picture.dtype}")
        kind, (height, width) = "raw", picture.shape[:2]
    elif picture.startswith(PNG_HEAD) and len(picture) > len(PNG_HEAD) + 8:
        kind, (width, height) = "PNG", struct.unpack_from(">II", picture, len(PNG_HEAD))
    else:
        try:
            kind, (width, height) = "JPEG", jpeg_size_px(picture)
        except (BadMedia, struct.error) as e:
            raise BadMedia("bad_frame", f"picture {index} is neither JPEG nor PNG") from e
    if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX):
        raise BadMedia("bad_size", f"picture {index} has {width}x{height} px, the limit is {MAX_SIDE_PX}")
    return kind, width, height


def _heads(frame: bytes) -> list[tuple[int, int]]:
    return [(a[0], b[0]) for a, b in FRAME_START.findall(frame)]


def _codec_of(frame: bytes) -> str:
    """By its parameter sets: H.265's (types 32 and 33 of its heads of two bytes) or H.264's (7); "" without these."""
    heads = _heads(frame)
    if {a >> 1 & 0x3F for a, b in heads if b == 1 and not a & 0x81} >= {32, 33}:
        return "H265"
    return "H264" if any(a & 0x1F == 7 for a, _ in heads) else ""


def _is_key(codec: str, frame: bytes) -> bool:
    heads = _heads(frame)
    return any(16 <= a >> 1 & 0x3F <= 21 if codec == "H265" else a & 0x1F == 5 for a, _ in heads)


def _described(kind: tuple[str, int, int]) -> str:
    return f"{kind[0]} of {kind[1]}x{kind[2]} px"


def _element(name: int, data: bytes) -> bytes:
    """An element with its length in 8 bytes; a name holds its own length."""
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + (1 << 56 | len(data)).to_bytes(8, "big") + data


def _number(name: int, value: int) -> bytes:
    return _element(name, value.to_bytes(8, "big"))


def _head(kind: tuple[str, int, int], rate_hz: Fraction) -> bytes:
    """All that stands before the first picture."""
    ebml = _number(0x4286, 1) + _number(0x42F7, 1) + _number(0x42F2, 4) + _number(0x42F3, 8)
    ebml += _element(0x4282, b"matroska") + _number(0x4287, 4) + _number(0x4285, 2)
    info = _number(0x2AD7B1, 1) + _element(0x4D80, b"handwheel") + _element(0x5741, b"handwheel")  # ticks of 1 ns
    track = _number(0xD7, 1) + _number(0x73C5, 1) + _number(0x83, 1) + _number(0x9C, 0)
    track += _number(0x23E383, round(NS / rate_hz)) + _codec(*kind)
    segment = b"\x18\x53\x80\x67" + UNKNOWN_SIZE
    return (
        _element(0x1A45DFA3, ebml) + segment + _element(0x1549A966, info) + _element(0x1654AE6B, _element(0xAE, track))
    )


def _codec(kind: str, width: int, height: int) -> bytes:
    size = _number(0xB0, width) + _number(0xBA, height)
    if kind == "raw":
        return _element(0x86, b"V_UNCOMPRESSED") + _element(0xE0, size + _element(0x2EB524, b"RGB\x18"))
    if kind == "H265":
        return _element(0x86, HEVC) + _element(0xE0, size)
    fourcc = {"JPEG": b"MJPG", "PNG": b"MPNG", "H264": b"H264"}[kind]
    form = struct.pack("<IIIHH4sIIIII", 40, width, height, 1, 24, fourcc, 3 * width * height, 0, 0, 0, 0)
    return _element(0x86, b"V_MS/VFW/FOURCC") + _element(0x63A2, form) + _element(0xE0, size)


def _cluster(t_ns: int, data: bytes, is_key: bool) -> bytes:
    """One picture with its time."""
    return _element(
        0x1F43B675, _number(0xE7, t_ns) + _element(0xA3, b"\x81\0\0" + bytes([KEY_FRAME if is_key else 0]) + data)
    )
