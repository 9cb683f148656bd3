"""JPEG pictures as a motion JPEG: the pictures' own bytes, at their times, and always the same file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from infra.video import decoder, motion_jpeg
from schemas.errors import BadMedia
from tests.support.media import shot


def jpegs(count: int, size: tuple[int, int] = (96, 64)) -> list[bytes]:
    return [cv2.imencode(".jpg", p[..., ::-1])[1].tobytes() for p in shot(1, count, size)]


def test_pictures_come_back_byte_for_byte_at_their_times(tmp_path: Path) -> None:
    pictures = jpegs(40)
    motion_jpeg.write(tmp_path / "a.avi", iter(pictures), 30)
    with av.open(str(tmp_path / "a.avi")) as container:
        packets = [p for p in container.demux() if p.size]
    assert [bytes(p) for p in packets] == pictures
    container = decoder.open_media(tmp_path / "a.avi")
    stream = decoder.video_stream(container)
    frames = list(decoder.pictures(container, stream))
    facts = decoder.facts(container, stream, frames[0].frame)
    assert (facts.codec, facts.width_px, facts.height_px, facts.fps_hz) == ("mjpeg", 96, 64, 30.0)
    assert [f.t_ns for f in frames] == [round(i * 1e9 / 30) for i in range(40)]
    assert facts.declared_ns == pytest.approx(40e9 / 30, abs=1e6)
    assert not any(f.damaged for f in frames)


def test_a_seek_lands_where_it_should(tmp_path: Path) -> None:
    motion_jpeg.write(tmp_path / "a.avi", jpegs(90), 30)
    container = decoder.open_media(tmp_path / "a.avi")
    stream = decoder.video_stream(container)
    whole = {p.t_ns: p.frame.to_ndarray(format="rgb24") for p in decoder.pictures(container, stream)}
    container = decoder.open_media(tmp_path / "a.avi")
    stream = decoder.video_stream(container)
    late = list(decoder.pictures(container, stream, 2_000_000_000))
    assert late[0].t_ns <= 2_000_000_000
    assert late[-1].t_ns == max(whole)
    assert len(late) < 45
    for picture in late:
        assert np.array_equal(picture.frame.to_ndarray(format="rgb24"), whole[picture.t_ns])


def test_the_bytes_are_the_same_for_good(tmp_path: Path) -> None:
    """sha256 of two tiny fixed pictures' file, which no release of a library may change."""
    frame = bytes.fromhex("ffd8ffc00011080002000303011100021100031100ffd9")
    motion_jpeg.write(tmp_path / "a.avi", [frame, frame + b"\0"], 30)
    data = (tmp_path / "a.avi").read_bytes()
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    assert motion_jpeg.size_px(frame) == (3, 2)
    assert hashlib.sha256(data).hexdigest() == "d3393fd8664e18d000f82b14b53dee075f7617c090641a4249f274d9401e383a"


@pytest.mark.parametrize(("pictures", "reason"), [
    ([], "no_frames"),
    ([b"GIF89a"], "bad_frame"),
    ([b""], "bad_frame"),
    ([b"\xff\xd8\xff\xe0\xff\xff"], "bad_frame"),
    ([b"\xff\xd8\xff\xd8" * 5], "bad_frame"),
    ([jpegs(1)[0], b"<html>"], "bad_frame"),
    ([bytes.fromhex("ffd8ffc0001108ffffffff03") + bytes(20)], "bad_size"),
    ([bytes.fromhex("ffd8ffc00011080000ffff03") + bytes(20)], "bad_size"),
])  # fmt: skip
def test_what_is_no_picture_is_refused(tmp_path: Path, pictures: list[bytes], reason: str) -> None:
    with pytest.raises(BadMedia) as caught:
        motion_jpeg.write(tmp_path / "a.avi", pictures, 30)
    assert caught.value.reason == reason
