"""Pictures of a log as a film: byte for byte what they are, at their times, and always the same file."""

from __future__ import annotations

import hashlib
import io
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from infra.video import decoder, picture_film
from infra.video.frame_times import frame_times
from schemas.errors import BadMedia
from tests.support.media import shot

ENCODE = {"JPEG": ".jpg", "PNG": ".png"}


def made(kind: str, count: int, size: tuple[int, int] = (96, 64)) -> list[bytes | np.ndarray]:
    pictures = [np.asarray(p, np.uint8) for p in shot(1, count, size)]
    return [p if kind == "raw" else cv2.imencode(ENCODE[kind], p[..., ::-1])[1].tobytes() for p in pictures]


def write(path: Path, pictures: list[bytes | np.ndarray], rate_hz: Fraction) -> None:
    with path.open("wb") as out:
        picture_film.write(out, iter(pictures), rate_hz)


@pytest.mark.parametrize(("kind", "codec"), [("JPEG", "mjpeg"), ("PNG", "png"), ("raw", "rawvideo")])
@pytest.mark.parametrize("rate_hz", [Fraction(50), Fraction(30000, 1001), Fraction(1, 3)])
def test_pictures_come_back_at_their_times(tmp_path: Path, kind: str, codec: str, rate_hz: Fraction) -> None:
    pictures = made(kind, 20, (95, 63))
    write(tmp_path / "a.mkv", pictures, rate_hz)
    with av.open(str(tmp_path / "a.mkv")) as container:
        packets = [bytes(p) for p in container.demux() if p.size]
    assert packets == [p if isinstance(p, bytes) else p.tobytes() for p in pictures]
    with decoder.open_media(tmp_path / "a.mkv") as container:
        stream = decoder.video_stream(container)
        frames = list(decoder.pictures(container, stream))
        facts = decoder.facts(container, stream, frames[0].frame)
    assert (facts.codec, facts.width_px, facts.height_px) == (codec, 95, 63)
    assert facts.fps_hz == pytest.approx(float(rate_hz), rel=1e-6)
    times = [picture_film.time_ns(i, rate_hz) for i in range(20)]
    assert [f.t_ns for f in frames] == times == frame_times(tmp_path / "a.mkv").tolist()
    assert not any(f.damaged for f in frames)
    for frame, own in zip(frames, shot(1, 20, (95, 63)), strict=True):
        decoded = frame.frame.to_ndarray(format="rgb24").astype(int)
        assert kind == "JPEG" or np.array_equal(decoded, own)
        assert np.abs(decoded - own).mean() < 8


def test_a_seek_lands_where_it_should_though_there_is_no_index(tmp_path: Path) -> None:
    write(tmp_path / "a.mkv", made("raw", 90), Fraction(30))
    with decoder.open_media(tmp_path / "a.mkv") as container:
        late = list(decoder.pictures(container, decoder.video_stream(container), 2_000_000_000))
    assert late[0].t_ns <= 2_000_000_000
    assert late[-1].t_ns == picture_film.time_ns(89, Fraction(30))
    pictures = {picture_film.time_ns(i, Fraction(30)): p for i, p in enumerate(made("raw", 90))}
    for frame in late:
        assert np.array_equal(frame.frame.to_ndarray(format="rgb24"), pictures[frame.t_ns])


def test_the_bytes_are_the_same_for_good() -> None:
    """sha256 of tiny fixed pictures' films, which no release of a library may change."""
    jpeg = bytes.fromhex("ffd8ffc00011080002000303011100021100031100ffd9")
    png = picture_film.PNG_HEAD + bytes.fromhex("0000000300000002080200000012345678")
    digests = []
    for pictures in ([jpeg, jpeg + b"\0"], [png], [np.arange(18, dtype=np.uint8).reshape(2, 3, 3)]):
        out = io.BytesIO()
        picture_film.write(out, pictures, Fraction(30))
        digests.append(hashlib.sha256(out.getvalue()).hexdigest()[:16])
    assert digests == ["143da732a42d2efe", "694369c12fdb35e1", "0480d371ab250654"]


@pytest.mark.parametrize(
    ("pictures", "reason"),
    [
        ([], "no_frames"),
        ([b"GIF89a"], "bad_frame"),
        ([b"\xff\xd8\xff"], "bad_frame"),
        ([np.zeros((4, 4), np.uint8)], "bad_frame"),
        ([np.zeros((4, 4, 3), np.float32)], "bad_frame"),
        ([np.zeros((0, 4, 3), np.uint8)], "bad_size"),
        ([np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)], "mixed_pictures"),
        ([*made("JPEG", 1), *made("PNG", 1)], "mixed_pictures"),
        ([*made("PNG", 1), *made("PNG", 1, (48, 32))], "mixed_pictures"),
    ],
)
def test_what_is_no_film_says_why(pictures: list[bytes | np.ndarray], reason: str) -> None:
    with pytest.raises(BadMedia) as refused:
        picture_film.write(io.BytesIO(), pictures, Fraction(30))
    assert refused.value.reason == reason


def test_there_is_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_film, "MAX_BYTES", 100)
    with pytest.raises(BadMedia, match="too_large"):
        picture_film.write(io.BytesIO(), made("raw", 2), Fraction(30))


def encode(codec: str, count: int, start: int = 0) -> list[bytes]:
    """Frames in Annex B without B-frames, a key frame with its parameter sets every 5; the shot from `start` on."""
    context = av.CodecContext.create({"H264": "libx264", "H265": "libx265"}[codec], "w")
    context.width, context.height, context.pix_fmt = 96, 64, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 10), Fraction(10)
    quiet = {"x265-params": "bframes=0:keyint=5:min-keyint=5:scenecut=0:repeat-headers=1:log-level=none"}
    context.options = {"g": "5", "bf": "0", "sc_threshold": "0"} if codec == "H264" else quiet
    packets = []
    for i, picture in enumerate([*shot(1, start + count, (96, 64))][start:]):
        frame = av.VideoFrame.from_ndarray(np.asarray(picture, np.uint8), format="rgb24").reformat(format="yuv420p")
        frame.pts = i
        packets += context.encode(frame)
    return [bytes(packet) for packet in [*packets, *context.encode(None)]]


@pytest.mark.parametrize("codec", ["H264", "H265"])
def test_frames_of_video_stay_as_they_are_and_are_found_again(tmp_path: Path, codec: str) -> None:
    try:
        frames = encode(codec, 20)
    except (av.FFmpegError, ValueError) as e:
        pytest.skip(f"this PyAV encodes no {codec}: {e}")
    write(tmp_path / "a.mkv", list(frames), Fraction(10))
    with av.open(str(tmp_path / "a.mkv")) as container:
        packets = [(bytes(p), p.is_keyframe) for p in container.demux() if p.size]
    assert [data for data, _ in packets] == frames
    assert [i for i, (_, is_key) in enumerate(packets) if is_key] == [0, 5, 10, 15]
    with decoder.open_media(tmp_path / "a.mkv") as container:
        shown = list(decoder.pictures(container, decoder.video_stream(container)))
    assert [p.t_ns for p in shown] == [i * 100_000_000 for i in range(20)]
    for picture, own in zip(shown, shot(1, 20, (96, 64)), strict=True):
        assert np.abs(picture.frame.to_ndarray(format="rgb24").astype(int) - own).mean() < 16


def test_video_that_begins_without_its_parameters_is_no_film() -> None:
    with pytest.raises(BadMedia, match="parameter sets"):
        picture_film.write(io.BytesIO(), [b"\0\0\0\1\x41\x9a\0\0"], Fraction(10))
