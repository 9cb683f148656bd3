"""Of several recordings in one file none is left out in silence."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from infra.video import decoder
from infra.video.glued import check_one_recording
from schemas.errors import BadMedia
from tests.support.media import Video, shot, write, write_glued

MS = Fraction(1, 1000)


def container_of(path: Path) -> str:
    with decoder.open_media(path) as container:
        return str(container.format.name)


CODECS = {"avi": "mpeg4", "ivf": "libvpx", "wmv": "msmpeg4", "nut": "mpeg4", "gif": "gif"}


def video(suffix: str) -> Video:
    """How a file of that kind is written."""
    if suffix == "gif":
        return Video(codec="gif", pix_fmt="rgb8", clock=Fraction(1, 100))
    return Video(codec=CODECS[suffix], clock=Fraction(1, 10)) if suffix in CODECS else Video()


@pytest.mark.parametrize("suffix", ["mp4", "mov", "flv", *CODECS])
def test_several_recordings_of_which_one_is_read_are_refused(tmp_path: Path, suffix: str) -> None:
    path = write_glued(tmp_path / f"a.{suffix}", [shot(1, 12), shot(2, 12)], video(suffix))
    with pytest.raises(BadMedia) as caught:
        check_one_recording(path, container_of(path))
    assert caught.value.reason == "glued"


@pytest.mark.parametrize("suffix", ["mp4", "mov", "flv", "ts", "mkv", *CODECS])
def test_one_recording_is_not(tmp_path: Path, suffix: str) -> None:
    clock = Fraction(1, 90000) if suffix == "ts" else MS
    path = write(tmp_path / f"a.{suffix}", shot(1, 12), video(suffix) if suffix in CODECS else Video(clock=clock))
    check_one_recording(path, container_of(path))
    path.write_bytes(path.read_bytes() + b"\x00" * 100 + b"moovftyp" * 100)  # what follows it is no recording
    check_one_recording(path, container_of(path))


def test_what_the_demuxer_reads_as_one_is_left_to_it(tmp_path: Path) -> None:
    path = write_glued(tmp_path / "a.ts", [shot(1, 12), shot(2, 12)], Video(clock=Fraction(1, 90000)))
    check_one_recording(path, container_of(path))
    with decoder.open_media(path) as container:
        assert len(list(decoder.pictures(container, decoder.video_stream(container)))) == 24
