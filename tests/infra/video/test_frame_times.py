"""A recording's times by its packets are the times of its pictures, and what packets cannot tell is decoded."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.video import decoder
from infra.video.frame_times import frame_times
from schemas.errors import BadMedia
from tests.support.media import Video, shot, write, write_sound

MS = 1_000_000
TICKS = (0, 33, 67, 100, 350, 600, 850, 1100, 1133, 1500, 2500, 2600)
B_FRAMES = {"preset": "veryfast", "bf": "3", "b-pyramid": "normal", "g": "10"}
AV1 = Video(codec="libsvtav1", clock=Fraction(1, 10))


def by_decoding(path: Path) -> list[int]:
    with decoder.open_media(path) as container:
        return [p.t_ns for p in decoder.pictures(container, decoder.video_stream(container))]


@pytest.fixture
def decodes(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Grows by one with each recording that is decoded."""
    made: list[bool] = []
    pictures = decoder.pictures
    monkeypatch.setattr(decoder, "pictures", lambda *a: made.append(True) or pictures(*a))
    return made


@pytest.mark.parametrize(
    ("name", "video", "by_packets"),
    [
        ("plain.mp4", Video(ticks=TICKS), True),
        ("b.mp4", Video(ticks=TICKS, options=B_FRAMES), True),
        ("b.mkv", Video(ticks=TICKS, options=B_FRAMES), True),
        ("late.mkv", Video(ticks=tuple(8300 + t for t in TICKS)), True),
        ("av1.mp4", AV1, True),
        ("b.ts", Video(clock=Fraction(1, 90000), options=B_FRAMES), False),
        ("plain.avi", Video(codec="mpeg4", clock=Fraction(1, 10)), False),
        ("plain.webm", Video(codec="libvpx-vp9"), False),
    ],
)
def test_times_are_those_of_the_pictures(
    tmp_path: Path, decodes: list[bool], name: str, video: Video, by_packets: bool
) -> None:
    path = write(tmp_path / name, shot(1, 12), video)
    ticks = video.ticks or range(0, 1200, 100)
    times = frame_times(path)
    assert times.dtype == np.int64
    assert (decodes == []) == by_packets
    assert times.tolist() == by_decoding(path) == [(t - ticks[0]) * MS for t in ticks]


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, 3000), min_size=1, max_size=14), st.integers(0, 3))
def test_whatever_the_clock_and_the_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], between: int
) -> None:
    ticks = tuple(int(t) for t in np.cumsum([0, *steps]))
    video = Video(ticks=ticks, options=B_FRAMES | {"bf": str(between)})
    path = write(tmp_path_factory.mktemp("times") / "a.mp4", shot(2, len(ticks)), video)
    assert frame_times(path).tolist() == by_decoding(path) == [t * MS for t in ticks]


def remuxed(path: Path, out: Path, first: int) -> Path:
    """The file's packets from one on, in another."""
    with av.open(str(path)) as source, av.open(str(out), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in [p for p in source.demux(video=0) if p.size][first:]:
            packet.stream = stream
            target.mux(packet)
    return out


def test_a_file_that_begins_within_a_group_is_decoded(tmp_path: Path, decodes: list[bool]) -> None:
    """What stands before the first key frame does not show."""
    whole = write(tmp_path / "whole.mp4", shot(3, 30), Video(options={"preset": "ultrafast", "g": "10"}))
    path = remuxed(whole, tmp_path / "cut.mkv", 4)
    times = frame_times(path)
    assert decodes == [True]
    assert times.tolist() == by_decoding(path)
    assert len(times) < 26


@pytest.mark.parametrize("hole", [bytes, lambda n: b"\xff" * n])
def test_a_packet_that_is_overwritten_is_decoded(
    tmp_path: Path, decodes: list[bool], hole: Callable[[int], bytes]
) -> None:
    path = write(tmp_path / "whole.mp4", shot(1, 30, (320, 240)))
    with av.open(str(path)) as container:
        packet = [p for p in container.demux(video=0) if p.size][14]
        at, size = packet.pos or 0, packet.size
    hurt = bytearray(path.read_bytes())
    hurt[at : at + size] = hole(size)
    path.write_bytes(hurt)
    times = frame_times(path)
    assert decodes == [True]
    assert times.tolist() == by_decoding(path)


def test_a_file_cut_short_is_decoded(tmp_path: Path, decodes: list[bool]) -> None:
    path = write(tmp_path / "whole.mkv", shot(1, 60, (320, 240)))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    times = frame_times(path)
    assert times.tolist() == by_decoding(path)
    assert 0 < len(times) < 60


def test_what_has_no_frames_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadMedia) as caught:
        frame_times(write_sound(tmp_path / "sound.mp4"))
    assert caught.value.reason == "no_video"
