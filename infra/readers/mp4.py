"""How long an MP4 file says it is, by its movie header (ISO/IEC 14496-12, 8.2.2): a few dozen bytes, no decoding."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

_BOXES = 10_000  # a file of more boxes at one level is no recording


def duration_s(path: Path) -> float | None:
    """Seconds of the whole movie; None where the file does not say, or is none."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            movie = _find(file, b"moov", 0, size)
            header = movie and _find(file, b"mvhd", *movie)
            if not header:
                return None
            file.seek(header[0])
            return _seconds(file.read(32))
    except (OSError, struct.error):
        return None


def _find(file: BinaryIO, kind: bytes, start: int, end: int) -> tuple[int, int] | None:
    """[start, end) of the content of the first such box among those in [start, end)."""
    for _ in range(_BOXES):
        if start + 8 > end:
            return None
        file.seek(start)
        size, name = struct.unpack(">I4s", file.read(8))
        head = 8
        if size == 1:
            (size,), head = struct.unpack(">Q", file.read(8)), 16
        size = size or end - start
        if size < head or start + size > end:
            return None
        if name == kind:
            return start + head, start + size
        start += size
    return None


def _seconds(header: bytes) -> float | None:
    rate, ticks = struct.unpack(">IQ", header[20:32]) if header[:1] == b"\1" else struct.unpack(">II", header[12:20])
    return ticks / rate if rate else None
