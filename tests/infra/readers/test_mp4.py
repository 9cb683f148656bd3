"""What a movie's header says of its length."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from infra.readers.mp4 import duration_s
from tests.support.robot_logs import write_video


def test_a_recording_says_its_length(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", frames=26)
    assert duration_s(tmp_path / "a.mp4") == pytest.approx(2.6)


def _box(name: bytes, content: bytes, large: bool = False) -> bytes:
    size = len(content) + (16 if large else 8)
    return (struct.pack(">I4sQ", 1, name, size) if large else struct.pack(">I4s", size, name)) + content


def test_a_long_header_in_a_large_box(tmp_path: Path) -> None:
    header = b"\1\0\0\0" + bytes(16) + struct.pack(">IQ", 1000, 5_000_000) + bytes(80)
    (tmp_path / "a.mp4").write_bytes(
        _box(b"ftyp", b"isom") + _box(b"moov", _box(b"udta", b"") + _box(b"mvhd", header), True)
    )
    assert duration_s(tmp_path / "a.mp4") == 5000


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"no movie at all, but words", struct.pack(">I4s", 0, b"mdat"), struct.pack(">I4s", 1, b"moov"),
        struct.pack(">I4s", 4, b"free") * 9, _box(b"moov", _box(b"mvhd", bytes(100))),
        _box(b"moov", _box(b"mvhd", b"")),
        _box(b"moov", struct.pack(">I4s", 2**31, b"mvhd")),
    ],
)  # fmt: skip
def test_what_is_no_movie_says_nothing(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(raw)
    assert duration_s(tmp_path / "a.mp4") is None


def test_a_file_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert duration_s(tmp_path / "a.mp4") is None
