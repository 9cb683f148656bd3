"""JPEG pictures as a motion JPEG AVI, byte for byte as they are: equal pictures give equal bytes, for good.

A recording's key is the sha256 of its bytes. A muxer of a library writes other bytes after its next release, and
every span of such a recording would be lost; these few chunks of RIFF (Microsoft's AVI 1.0, `idx1`) stay as they are.
Nothing is decoded here: of the hostile bytes only the first picture's size is read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

from schemas.errors import BadMedia

MAX_BYTES = 1 << 30  # AVI 1.0 counts in 32 bits
BYTES_PER_PIXEL = 3
KEY_FRAME, HAS_INDEX = 0x10, 0x10
# Markers that start a frame header: SOF0 to SOF15 without DHT, JPG and DAC.
FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def write(path: Path, pictures: Iterable[bytes], rate_hz: int) -> None:
    """Writes the pictures, in order, `1/rate_hz` s each.

    BadMedia: no_frames, bad_frame (no JPEG), bad_size, too_large.
    """
    index: list[tuple[int, int]] = []
    size = (0, 0)
    with path.open("wb") as file:
        file.write(bytes(len(_head((0, 0), rate_hz, 0, 0, 0))))
        at = 4  # offsets in idx1 count from the word `movi`
        for picture in pictures:
            if not index:
                size = size_px(picture)
            if not picture.startswith(b"\xff\xd8"):
                raise BadMedia("bad_frame", f"picture {len(index)} is no JPEG")
            padded = picture + b"\0" * (len(picture) % 2)
            file.write(struct.pack("<4sI", b"00dc", len(picture)) + padded)
            index.append((at, len(picture)))
            at += 8 + len(padded)
            if at > MAX_BYTES:
                raise BadMedia("too_large", f"more than {MAX_BYTES} bytes of pictures")
        if not index:
            raise BadMedia("no_frames", "no picture at all")
        file.write(struct.pack("<4sI", b"idx1", 16 * len(index)))
        file.writelines(struct.pack("<4sIII", b"00dc", KEY_FRAME, start, length) for start, length in index)
        file.seek(0)
        file.write(_head(size, rate_hz, len(index), at, max(length for _, length in index)))


def size_px(jpeg: bytes) -> tuple[int, int]:
    """Width and height by the frame header. BadMedia: bad_frame, bad_size (what AVI has no number for)."""
    at = 2
    while jpeg.startswith(b"\xff\xd8") and at + 9 <= len(jpeg) and jpeg[at] == 0xFF:
        if jpeg[at + 1] in FRAME_HEADERS:
            height, width = struct.unpack_from(">HH", jpeg, at + 5)
            if not 0 < BYTES_PER_PIXEL * width * height < 1 << 32:
                raise BadMedia("bad_size", f"a picture of {width}x{height} px")
            return width, height
        at += 2 + struct.unpack_from(">H", jpeg, at + 2)[0]
    raise BadMedia("bad_frame", "no JPEG that says its size")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack("<4sI", name, len(data)) + data


def _list(name: bytes, data: bytes) -> bytes:
    return _chunk(b"LIST", name + data)


def _head(size: tuple[int, int], rate_hz: int, count: int, movi_bytes: int, largest: int) -> bytes:
    """All that stands before the first picture; its length does not depend on the values."""
    width, height = size
    main = struct.pack("<14I", 1_000_000 // rate_hz, 0, 0, HAS_INDEX, count, 0, 1, largest, width, height, 0, 0, 0, 0)
    stream = struct.pack("<4s4sIHHIIIIIIII4H", b"vids", b"MJPG", 0, 0, 0, 0, 1, rate_hz, 0, count, largest, 0xFFFFFFFF,
                         0, 0, 0, width & 0x7FFF, height & 0x7FFF)  # fmt: skip
    form = struct.pack("<IIIHH4sIIIII", 40, width, height, 1, 24, b"MJPG", BYTES_PER_PIXEL * width * height, 0, 0, 0, 0)
    streams = _list(b"strl", _chunk(b"strh", stream) + _chunk(b"strf", form))
    heads = _list(b"hdrl", _chunk(b"avih", main) + streams)
    movi = struct.pack("<4sI4s", b"LIST", movi_bytes, b"movi")
    whole = 4 + len(heads) + 8 + movi_bytes + 8 + 16 * count
    return struct.pack("<4sI4s", b"RIFF", whole, b"AVI ") + heads + movi
