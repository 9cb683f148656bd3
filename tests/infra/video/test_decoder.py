"""The media door: frames on their true times, upright, whatever the container; and nothing but media is opened."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from infra.video import decoder, pixels
from infra.video.frame_times import frame_times
from schemas.errors import BadMedia
from schemas.spans import NS
from tests.support.media import Video, shot, texture, write, write_glued, write_raw, write_sound

MS = 1_000_000
EVERY_100 = [i * 100 * MS for i in range(12)]
IRREGULAR = (0, 33, 67, 100, 350, 600, 850, 1100, 1133, 1500, 2500, 2600)
X265 = {"preset": "ultrafast", "x265-params": "log-level=none"}


def _read(path: Path) -> tuple[decoder.StreamFacts, list[decoder.Picture], list[Any]]:
    """Facts, pictures and upright RGB frames."""
    with decoder.open_media(path) as container:
        stream = decoder.video_stream(container)
        pictures = list(decoder.pictures(container, stream))
        facts = decoder.facts(container, stream, pictures[0].frame)
        size = (facts.width_px, facts.height_px)
        return facts, pictures, [pixels.rgb(p.frame, size, facts.quarter_turns) for p in pictures]


@pytest.mark.parametrize(
    ("name", "video", "codec"),
    [
        ("plain.mp4", Video(), "h264"),
        ("sound.mp4", Video(audio=True), "h264"),
        ("b_frames.mp4", Video(options={"preset": "veryfast", "bf": "3", "g": "10"}), "h264"),
        ("plain.mkv", Video(), "h264"),
        ("plain.ts", Video(clock=Fraction(1, 90000)), "h264"),
        ("plain.avi", Video(codec="mpeg4", clock=Fraction(1, 10)), "mpeg4"),
        ("plain.webm", Video(codec="libvpx-vp9"), "vp9"),
        ("plain.gif", Video(codec="gif", pix_fmt="rgb8", clock=Fraction(1, 100)), "gif"),
        ("deep.mp4", Video(pix_fmt="yuv420p10le"), "h264"),
        ("deep_hevc.mp4", Video(codec="libx265", pix_fmt="yuv420p10le", options=X265), "hevc"),
        ("late.mp4", Video(ticks=tuple(8300 + i * 100 for i in range(12))), "h264"),
        ("late.mkv", Video(ticks=tuple(8300 + i * 100 for i in range(12))), "h264"),
    ],
)
def test_frames_stand_on_their_times_and_look_like_what_was_written(
    tmp_path: Path, name: str, video: Video, codec: str
) -> None:
    written = shot(3, 12)
    facts, pictures, frames = _read(write(tmp_path / name, written, video))
    assert [p.t_ns for p in pictures] == EVERY_100
    assert {p.length_ns for p in pictures} == {100 * MS}
    assert (facts.codec, facts.width_px, facts.height_px, facts.quarter_turns) == (codec, 96, 64, 0)
    assert facts.declared_ns == pytest.approx(1_200 * MS, abs=150 * MS)
    assert not any(p.damaged for p in pictures)
    apart = [np.abs(f.astype(int) - w).mean() for f, w in zip(frames, written, strict=True)]
    assert max(apart) < (20 if codec == "gif" else 12)  # 256 colours


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_variable_rate_keeps_its_times(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"vfr.{suffix}", shot(3, 12), Video(ticks=IRREGULAR))
    _, pictures, _ = _read(path)
    assert [p.t_ns for p in pictures] == [t * MS for t in IRREGULAR]


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_turned_recording_is_shown_upright(tmp_path: Path, rotation: int) -> None:
    """The display matrix turns counterclockwise: a picture stored turned the other way comes out as it was."""
    upright = texture(5)
    stored = np.ascontiguousarray(np.rot90(upright, -rotation // 90))
    facts, _, frames = _read(write(tmp_path / "turned.mp4", [stored] * 3, Video(rotation=rotation)))
    assert (facts.width_px, facts.height_px) == (96, 64)
    assert np.abs(frames[0].astype(int) - upright).mean() < 12


def test_odd_sizes_in_full_colour_keep_their_size(tmp_path: Path) -> None:
    written = shot(4, 4, (97, 65))
    facts, _, frames = _read(write(tmp_path / "odd.mp4", written, Video(pix_fmt="yuv444p")))
    assert (facts.width_px, facts.height_px) == (97, 65)
    assert np.abs(frames[3].astype(int) - written[3]).mean() < 8


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv420p10le"])
def test_luma_is_the_picture_in_small(tmp_path: Path, pix_fmt: str) -> None:
    path = write(tmp_path / "luma.mp4", [texture(6, (320, 180))] * 2, Video(pix_fmt=pix_fmt))
    _, pictures, frames = _read(path)
    small = pixels.luma(pictures[0].frame)
    assert small.dtype == np.uint8
    assert small.shape == (36, 64)
    assert float(small.mean()) == pytest.approx(frames[0].mean() * 219 / 255 + 16, abs=6)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("size", [(320, 180), (61, 35), (8, 6), (2, 2)])
@pytest.mark.parametrize("pix_fmt", ["yuv444p", "yuv444p10le", "rgb24"])
def test_cells_are_means_of_equal_parts_of_the_upright_picture(size: tuple[int, int], pix_fmt: str, turns: int) -> None:
    drawn = texture(6, size)
    frame = av.VideoFrame.from_ndarray(drawn, format="rgb24")
    luma = frame.reformat(format="gray8" if pix_fmt == "rgb24" else "yuv444p").to_ndarray()
    upright = np.rot90(luma if luma.ndim == 2 else luma[0], -turns)
    finer = np.repeat(np.repeat(upright, 8, axis=0), 8, axis=1).astype(np.float64)
    h, w = upright.shape
    expected = finer.reshape(8, h, 8, w).mean(axis=(1, 3))
    same = frame if pix_fmt == "rgb24" else frame.reformat(format="yuv444p")  # of RGB swscale makes any ten bits
    got = pixels.cells(same.reformat(format=pix_fmt), 8, turns)
    np.testing.assert_allclose(got, expected, atol=1.0 if pix_fmt == "yuv444p10le" else 1e-6)


# Each halving rounds: one leaves half a level at most, the strip is halved three times.
@pytest.mark.parametrize(
    ("size", "off"), [((1280, 720), 0.5), ((1001, 777), 0.5), ((1920, 1080), 0.8), ((8000, 40), 0.9)]
)
def test_cells_of_a_large_picture_are_the_same_means(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], off: float
) -> None:
    frame = av.VideoFrame.from_ndarray(texture(6, size), format="rgb24").reformat(format="yuv444p")
    from_fewer = pixels.cells(frame, 8, 0)
    monkeypatch.setattr(pixels, "CELL_ROWS", size[1])
    monkeypatch.setattr(pixels, "CELL_PIXELS", size[0] * size[1])
    np.testing.assert_allclose(from_fewer, pixels.cells(frame, 8, 0), atol=off)


@pytest.mark.parametrize("start_ms", [0, 40, 450, 990, 2600, 4900])
@pytest.mark.parametrize(
    ("name", "video"),
    [
        ("seek.mp4", Video(options={"preset": "veryfast", "bf": "3", "g": "7"})),
        ("seek.mkv", Video(ticks=tuple(8300 + i * 100 for i in range(50)))),
        ("seek.ts", Video(clock=Fraction(1, 90000))),
        ("seek.avi", Video(codec="mpeg4", clock=Fraction(1, 10))),
        ("seek.gif", Video(codec="gif", pix_fmt="rgb8", clock=Fraction(1, 100))),
    ],
)
@pytest.mark.slow
def test_a_seek_gives_the_same_frames_on_the_same_times(tmp_path: Path, name: str, video: Video, start_ms: int) -> None:
    path = write(tmp_path / name, shot(7, 50), video)
    whole = {p.t_ns: pixels.luma(p.frame) for p in _read(path)[1]}
    with decoder.open_media(path) as container:
        stream = decoder.video_stream(container)
        seen = {p.t_ns: pixels.luma(p.frame) for p in decoder.pictures(container, stream, start_ms * MS)}
    wanted = [t for t in whole if t >= start_ms * MS]
    assert [t for t in seen if t >= start_ms * MS] == wanted
    assert min(seen) <= start_ms * MS
    assert all(np.array_equal(seen[t], whole[t]) for t in wanted)


B_FRAMES = {"preset": "veryfast", "bf": "3", "b-pyramid": "normal", "g": "10"}
TS = Video(clock=Fraction(1, 90000), options=B_FRAMES)
HOUR = 3600 * 90_000
GLUED = {
    "again": ("ts", TS, None),
    "later": ("ts", TS, (0, 5000 * 90_000)),
    "earlier": ("ts", TS, (2 * HOUR, 0)),
    "leap": ("ts", TS, (90_000, 51 * 90_000)),
    "mkv": ("mkv", Video(options=B_FRAMES), None),
    "mpg": ("mpg", Video(codec="mpeg2video", fps=25, clock=Fraction(1, 25)), None),
}


@pytest.fixture(scope="module", params=GLUED)
def glued(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Two captures in one file, of 25 and 20 frames."""
    suffix, video, starts = GLUED[request.param]
    parts = [shot(8, 25), shot(9, 20)]
    return request.param, write_glued(tmp_path_factory.mktemp("glued") / f"a.{suffix}", parts, video, starts)


def test_captures_that_were_glued_together_lose_nothing(glued: tuple[str, Path]) -> None:
    name, path = glued
    _, pictures, frames = _read(path)
    step = 40 * MS if name == "mpg" else 100 * MS
    behind = 50 * NS if name == "leap" else 25 * step
    expected = [i * step for i in range(25)] + [behind + i * step for i in range(20)]
    assert [p.t_ns for p in pictures] == pytest.approx(expected, abs=1)
    assert [i for i, p in enumerate(pictures) if p.joint] == ([] if name == "leap" else [25])
    assert [i for i, p in enumerate(pictures) if p.leap] == ([25] if name == "leap" else [])
    apart = [np.abs(f.astype(int) - w).mean() for f, w in zip(frames, [*shot(8, 25), *shot(9, 20)], strict=True)]
    assert max(apart) < 16
    assert frame_times(path).tolist() == [p.t_ns for p in pictures]


@pytest.mark.parametrize("start_ms", [450, 2_400, 2_550, 3_900, 50_700])
def test_a_seek_in_glued_captures_gives_the_same_frames_on_the_same_times(
    glued: tuple[str, Path], start_ms: int
) -> None:
    path = glued[1]
    whole = {p.t_ns: pixels.luma(p.frame) for p in _read(path)[1]}
    with decoder.open_media(path) as container:
        stream = decoder.video_stream(container)
        seen = {p.t_ns: pixels.luma(p.frame) for p in decoder.pictures(container, stream, start_ms * MS)}
    wanted = [t for t in whole if t >= start_ms * MS]
    assert [t for t in seen if t >= start_ms * MS] == wanted
    assert all(np.array_equal(seen[t], whole[t]) for t in wanted)


def test_times_that_a_remux_made_up_are_put_right(tmp_path: Path) -> None:
    """`ffmpeg -fflags +genpts -i b.avi -c copy b.mp4`: PTS that count packets, under frames in another order."""
    written = shot(3, 30)
    source = write_raw(tmp_path / "b.avi", written, "libx264", B_FRAMES)
    with av.open(str(source)) as read, av.open(str(tmp_path / "b.mp4"), "w") as made:
        stream = made.add_stream_from_template(read.streams.video[0])
        for i, packet in enumerate(p for p in read.demux(video=0) if p.size):
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, i, i, Fraction(1, 10)
            made.mux(packet)
    _, pictures, frames = _read(tmp_path / "b.mp4")
    assert [p.t_ns for p in pictures] == [i * 100 * MS for i in range(30)]
    assert max(np.abs(f.astype(int) - w).mean() for f, w in zip(frames, written, strict=True)) < 14
    assert frame_times(tmp_path / "b.mp4").tolist() == [p.t_ns for p in pictures]
    with decoder.open_media(tmp_path / "b.mp4") as container:
        seen = [p.t_ns for p in decoder.pictures(container, decoder.video_stream(container), 1_250 * MS)]
    assert seen[-17:] == [i * 100 * MS for i in range(13, 30)]


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("b.avi", "libx264", B_FRAMES),
        ("b.h264", "libx264", B_FRAMES),
        ("b.hevc", "libx265", {"preset": "ultrafast", "x265-params": "log-level=none:bframes=3"}),
        ("b.m2v", "mpeg2video", {"bf": "2"}),
        ("b.m4v", "mpeg4", {"bf": "2"}),
    ],
)
@pytest.mark.parametrize("start_ms", [0, 1_250])
def test_packets_without_times_of_their_own(
    tmp_path: Path, name: str, codec: str, options: dict[str, str], start_ms: int
) -> None:
    """At the stream's own rate, which is not ffmpeg's 25 Hz, and in the order in which frames are shown."""
    fps = 30 if codec == "mpeg2video" else 10
    written = shot(3, 30)
    path = write_raw(tmp_path / name, written, codec, options, fps)
    facts, pictures, frames = _read(path)
    assert [p.t_ns for p in pictures] == pytest.approx([i * NS / fps for i in range(30)], abs=30)
    assert facts.fps_hz == fps
    assert max(np.abs(f.astype(int) - w).mean() for f, w in zip(frames, written, strict=True)) < 14
    assert frame_times(path).tolist() == [p.t_ns for p in pictures]
    with decoder.open_media(path) as container:
        seen = [p.t_ns for p in decoder.pictures(container, decoder.video_stream(container), start_ms * MS)]
    assert [t for t in seen if t >= start_ms * MS] == [p.t_ns for p in pictures if p.t_ns >= start_ms * MS]


def test_a_raw_stream_without_a_rate_is_refused(tmp_path: Path) -> None:
    options = X265 | {"x265-params": "log-level=none:vui-timing-info=0"}
    path = write_raw(tmp_path / "raw.hevc", shot(1, 10), "libx265", options)
    with pytest.raises(BadMedia) as caught:
        _read(path)
    assert caught.value.reason == "no_clock"


NOT_MEDIA = {
    "empty_file": b"",
    "lfs_pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12\n",
    "html_page": b"\n  <!DOCTYPE html><html><body>404</body></html>",
    "playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "playlist-ffconcat": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "playlist-bare": b"# a list\nfile '/etc/passwd'\n",
    "playlist-sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    "playlist-bom": b"\xef\xbb\xbf#EXTM3U\n#EXTINF:10,\n/etc/passwd\n",
    "not_media": b"Dear diary, today I made a video.\n" * 40,
    "not_media-png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + b"\x00" * 64,
    "not_media-dash": b'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>/etc/passwd</BaseURL></MPD>',
    "not_media-zeros": bytes(5000),
    "not_media-ftyp": b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom",
}


@pytest.mark.parametrize("name", sorted(NOT_MEDIA))
def test_what_is_no_media_is_refused_with_its_reason(tmp_path: Path, name: str) -> None:
    path = tmp_path / "media.mp4"
    path.write_bytes(NOT_MEDIA[name])
    with pytest.raises(BadMedia) as caught, decoder.open_media(path):
        pass
    wanted = "not_media" if name == "playlist-bare" else name.split("-")[0]
    assert caught.value.reason == wanted


def test_a_real_picture_under_a_video_name_is_refused(tmp_path: Path) -> None:
    import cv2

    ok, png = cv2.imencode(".png", texture(1))
    assert ok
    for name in ("picture.mp4", "picture%03d.mp4"):
        (tmp_path / name).write_bytes(png.tobytes())
        with pytest.raises(BadMedia) as caught, decoder.open_media(tmp_path / name):
            pass
        assert caught.value.reason == "not_media"


def test_a_name_is_never_read_as_a_protocol_or_a_pattern(tmp_path: Path) -> None:
    name = 'concat:a|b; $(touch x) %03d [1] "q" имя.mp4'
    facts, pictures, _ = _read(write(tmp_path / "plain.mp4", shot(2, 3)).rename(tmp_path / name))
    assert (facts.width_px, len(pictures)) == (96, 3)


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(BadMedia) as caught, decoder.open_media(write_sound(tmp_path / "sound.mp4")) as container:
        decoder.video_stream(container)
    assert caught.value.reason == "no_video"


def test_fitted_never_enlarges_and_keeps_the_shape() -> None:
    assert pixels.fitted(1920, 1080, 448) == (448, 252)
    assert pixels.fitted(1080, 1920, 320, multiple=2) == (180, 320)
    assert pixels.fitted(97, 65, 448) == (97, 65)
    assert pixels.fitted(97, 65, 448, multiple=2) == (96, 64)
    assert pixels.fitted(5000, 3, 320, multiple=2) == (320, 2)
