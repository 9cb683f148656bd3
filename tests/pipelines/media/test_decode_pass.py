"""The one pass and the encoder: clips tile the recording, nothing is held that need not be, spans come out exactly."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from bisect import bisect_left
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import fingerprints
from infra.sandbox import sandbox
from infra.video import encoder as encoding
from infra.video import pixels
from pipelines.media import decode_child
from pipelines.media.encode_child import Cut, encode
from pipelines.media.options import DecodeSpec, PassOptions
from schemas import Proxy
from schemas.arrow import schema_of
from schemas.errors import BadMedia
from schemas.spans import NS, Span, merge
from tests.support import children
from tests.support.media import Video, samples, shot, write, write_long, write_sound

SHA = "a" * 64
MS = 1_000_000


def decode(path: Path, spans: list[Span] | None = None, options: PassOptions = PassOptions()) -> dict[str, Any]:
    """The pass's reply, with the proxies by clip."""
    out = path.with_suffix(".out")
    out.mkdir(exist_ok=True)
    reply = decode_child.decode(path, out, SHA, options, DecodeSpec(None if spans is None else tuple(spans)))
    with pa.OSFile(str(out / "proxies.arrow")) as source:
        table = pa.ipc.open_file(source).read_all()
    assert table.schema.names == schema_of(Proxy).names
    return reply | {"proxies": {p["clip_id"]: p for p in table.to_pylist()}}


def _tiles(reply: dict[str, Any]) -> None:
    """The clips tile [0, decoded), none is over 60 s, and each has a proxy whose times lie in it, in order, at 4 Hz."""
    clips, decoded_ns = reply["clips"], reply["facts"]["decoded_ns"]
    assert [c["start_ns"] for c in clips] == [0, *(c["end_ns"] for c in clips[:-1])]
    assert clips[-1]["end_ns"] == decoded_ns <= reply["facts"]["duration_ns"]
    assert all(0 < c["end_ns"] - c["start_ns"] <= 60 * NS for c in clips)
    for clip in clips:
        proxy = reply["proxies"][clip["clip_id"]]
        times = proxy["sample_ns"]
        assert times == sorted(set(times))
        assert all(clip["start_ns"] <= t < clip["end_ns"] for t in times)
        assert len(times) == len(proxy["jpegs"]) <= clip["frame_count"]
        slots = [t // (250 * MS) for t in times]
        assert all(a < b for a, b in pairwise(slots))


def test_shots_are_cut_where_they_change(tmp_path: Path) -> None:
    reply = decode(write(tmp_path / "two.mp4", [*shot(1, 17), *shot(2, 23)]))
    _tiles(reply)
    assert [(c["start_ns"], c["frame_count"]) for c in reply["clips"]] == [(0, 17), (1_700 * MS, 23)]
    first = reply["proxies"][reply["clips"][0]["clip_id"]]
    assert first["sample_ns"] == [t * MS for t in (0, 300, 500, 800, 1000, 1300, 1500)]
    jpeg = cv2.imdecode(np.frombuffer(first["jpegs"][0], np.uint8), cv2.IMREAD_COLOR_RGB)
    assert np.abs(jpeg.astype(int) - shot(1, 17)[0]).mean() < 10


@pytest.mark.slow
@pytest.mark.parametrize("fps", [Fraction(2), Fraction(30000, 1001), Fraction(23, 10)])
def test_no_clip_is_over_a_minute(tmp_path: Path, fps: Fraction) -> None:
    count = int(130 * fps)
    pictures = [p for p in shot(1, 16, (32, 32)) for _ in range(count // 16)]
    ticks = tuple(round(i / fps * 1000) for i in range(len(pictures)))
    reply = decode(write(tmp_path / "long.mp4", pictures, Video(ticks=ticks)), options=PassOptions(proxy_hz=1.0))
    assert len(reply["clips"]) == 3
    assert [c["start_ns"] for c in reply["clips"]] == [0, *(c["end_ns"] for c in reply["clips"][:-1])]
    assert all(c["end_ns"] - c["start_ns"] <= 60 * NS for c in reply["clips"])
    assert sum(c["frame_count"] for c in reply["clips"]) == len(pictures)
    assert all(c["end_ns"] in {t * MS for t in ticks} for c in reply["clips"][:-1]), "a clip ends between two frames"


def test_a_fingerprint_is_of_the_first_frame_in_each_twelfth_of_a_second(tmp_path: Path) -> None:
    (clip,) = decode(write(tmp_path / "f.mp4", shot(1, 60), Video(fps=30, clock=Fraction(1, 30))))["clips"]
    made = fingerprints.fingerprint_of(clip["fingerprints"])
    firsts = {i * 12 // 30: i for i in reversed(range(60))}
    assert made.t_ns.tolist() == pytest.approx([firsts[k] * NS // 30 for k in range(24)], abs=1)


def test_given_spans_are_the_clips_and_nothing_else(tmp_path: Path) -> None:
    path = write(tmp_path / "robot.mp4", [*shot(1, 40), *shot(2, 40)])
    spans = [(500 * MS, 2_000 * MS), (2_000 * MS, 3_300 * MS), (6_000 * MS, 7_000 * MS)]
    reply = decode(path, spans)
    assert [(c["start_ns"], c["end_ns"]) for c in reply["clips"]] == spans
    assert {c["cutter"] for c in reply["clips"]} == {"episode"}
    assert {c["fingerprints"] for c in reply["clips"]} == {None}
    assert [c["frame_count"] for c in reply["clips"]] == [15, 13, 10]
    assert reply["proxies"].keys() == {c["clip_id"] for c in reply["clips"]}
    for clip in reply["clips"]:
        times = reply["proxies"][clip["clip_id"]]["sample_ns"]
        assert all(clip["start_ns"] <= t < clip["end_ns"] for t in times)
        assert len(times) in range((clip["end_ns"] - clip["start_ns"]) // (250 * MS) - 1, clip["frame_count"])
    assert reply["facts"]["decoded_ns"] == 8_000 * MS


def test_a_span_over_a_minute_becomes_several_clips_and_the_last_ends_where_the_span_does(tmp_path: Path) -> None:
    path = write(tmp_path / "robot.mp4", shot(1, 80), Video(fps=1, clock=Fraction(1)))
    reply = decode(path, [(0, 79_500 * MS)])
    spans = [(0, 39_750 * MS), (39_750 * MS, 79_500 * MS)]
    assert [(c["start_ns"], c["end_ns"]) for c in reply["clips"]] == spans


def test_frames_outside_given_spans_cost_no_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    rgb = pixels.rgb
    monkeypatch.setattr(pixels, "rgb", lambda frame, *a: taken.append(frame.pts) or rgb(frame, *a))
    reply = decode(write(tmp_path / "robot.mp4", shot(1, 100)), [(9_000 * MS, 9_500 * MS)])
    (clip,) = reply["clips"]
    assert len(taken) == len(reply["proxies"][clip["clip_id"]]["sample_ns"]) == 2


PEAK = """
import json, sys
from infra.sandbox import sandbox
job = json.loads(sys.argv[4])
ended = sandbox.run_measured(sys.argv[1], [sys.argv[2], sys.argv[3], json.dumps(job)], sandbox.Limits())
assert ended.code == 0, ended.err
print(ended.peak_kb)
"""


def _peak_kb(path: Path, spans: tuple[Span, ...] | None) -> int:
    """Peak memory of a sandboxed pass over the file, measured from a small process of its own."""
    out = path.with_suffix(".out")
    out.mkdir(exist_ok=True)
    plain = {"options": dataclasses.asdict(PassOptions()), "spec": dataclasses.asdict(DecodeSpec(spans))}
    job = json.dumps({"sha256": SHA} | plain)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", PEAK, decode_child.__name__, str(path), str(out), job]
    return int(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


@pytest.mark.slow
def test_memory_is_flat_over_the_length_of_a_recording(tmp_path: Path) -> None:
    """2 minutes against 20: their proxies take about 5 and 50 MB, so that holding them would show."""
    short = write_long(tmp_path / "short.mkv", 120, 2, (240, 180))
    long = write_long(tmp_path / "long.mkv", 1200, 2, (240, 180))
    held = _peak_kb(short, None)
    assert _peak_kb(long, None) < 1.15 * held
    proxies = (tmp_path / "long.out" / "proxies.arrow").stat().st_size
    assert proxies > 0.15 * held * 1024, "too little to be noticed: this proves nothing"
    assert _peak_kb(long, ((1_190 * NS, 1_199 * NS),)) < 1.15 * held


@pytest.mark.slow
def test_a_recording_cut_short_says_what_was_promised(tmp_path: Path) -> None:
    path = write(tmp_path / "whole.mp4", shot(1, 60, (320, 240)), Video(options={"preset": "ultrafast", "crf": "10"}))
    encoder = encoding.Encoder(tmp_path / "fast.mp4", (320, 240), 10.0)
    for picture in shot(1, 60, (320, 240)):
        encoder.write(picture)
    encoder.close()
    fast = (tmp_path / "fast.mp4").read_bytes()  # moov first
    (tmp_path / "half.mp4").write_bytes(fast[: len(fast) * 6 // 10])
    reply = decode(tmp_path / "half.mp4")
    assert reply["facts"]["duration_ns"] == 6 * NS
    assert 0 < reply["facts"]["decoded_ns"] < 6 * NS
    cut = path.read_bytes()
    (tmp_path / "no_moov.mp4").write_bytes(cut[: len(cut) * 6 // 10])
    with pytest.raises(BadMedia) as caught:
        decode(tmp_path / "no_moov.mp4")
    assert caught.value.reason == "not_media"


@pytest.mark.slow
def test_flipped_bits_cost_at_most_the_one_file(tmp_path: Path) -> None:
    """Each ends as a decode that tiles or as a stable reason; the child lives through all of them."""
    whole = {
        "mp4": write(tmp_path / "whole.mp4", shot(1, 30)).read_bytes(),
        "mkv": write(tmp_path / "whole.mkv", shot(2, 30)).read_bytes(),
        "webm": write(tmp_path / "whole.webm", shot(3, 12), Video(codec="libvpx-vp9")).read_bytes(),
        "avi": write(tmp_path / "whole.avi", shot(4, 30), Video(codec="mpeg4", clock=Fraction(1, 10))).read_bytes(),
    }
    rng = np.random.default_rng(11)
    paths = []
    for suffix, data in whole.items():
        for i in range(25):
            hurt = bytearray(data)
            for at in rng.integers(0, len(hurt) if i % 2 else min(len(hurt), 800), 1 + i):
                hurt[at] ^= 1 << rng.integers(8)
            paths.append(tmp_path / f"hurt{i}.{suffix}")
            paths[-1].write_bytes(hurt)
    replies = _decode_all(tmp_path, paths)
    reasons = {r["reason"] for r in replies.values() if "reason" in r}
    assert reasons <= {"not_media", "no_frames", "no_video", "unknown_codec", "bad_size", "decode_failed"}
    read = [r for r in replies.values() if "clips" in r]
    assert len(read) > 40
    for reply in read:
        assert covered(reply) == [(0, reply["facts"]["decoded_ns"])]
        assert reply["facts"]["decoded_ns"] <= reply["facts"]["duration_ns"]
    assert any(reply["gaps"] for reply in read)


def covered(reply: dict[str, Any]) -> list[Span]:
    """Clips and gaps as they lie: disjoint, or the assertion fails; their union."""
    spans = sorted([(c["start_ns"], c["end_ns"]) for c in reply["clips"]] + [(g[0], g[1]) for g in reply["gaps"]])
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    return merge(spans)


def test_damage_is_cut_and_the_rest_is_kept(tmp_path: Path) -> None:
    """A slice's bytes are overwritten: what decoded before it and what follows the next key frame stays."""
    path = write(tmp_path / "whole.mp4", [*shot(1, 30, (320, 240)), *shot(2, 30, (320, 240))])
    with av.open(str(path)) as container:
        packet = [p for p in container.demux(video=0) if p.pts is not None][34]  # key frames at 0, 10, .. 50
        at, size = packet.pos, packet.size
    hurt = bytearray(path.read_bytes())
    hurt[at + 8 : at + size] = bytes(255 for _ in range(size - 8))
    path.write_bytes(hurt)
    reply = decode(path)
    ((start_ns, end_ns, reason),) = reply["gaps"]
    assert (start_ns, end_ns, reason) == (3_400 * MS, 4_000 * MS, "damaged")
    assert covered(reply) == [(0, 6 * NS)]
    assert [(c["start_ns"], c["end_ns"]) for c in reply["clips"]] == [
        (0, 3 * NS), (3 * NS, 3_400 * MS), (4 * NS, 6 * NS),
    ]  # fmt: skip
    assert not any(3_400 * MS <= t < 4 * NS for p in reply["proxies"].values() for t in p["sample_ns"])
    assert all(c["damaged_frames"] == 0 for c in reply["clips"])
    whole = decode(
        path, [(3 * NS, 5 * NS)]
    )  # a robot's episode stays whole and says what of it is damaged (one frame is lost)
    assert (whole["gaps"], [c["damaged_frames"] for c in whole["clips"]]) == ([], [5])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(-500, 6_500), st.integers(1, 2_000)), max_size=4))
def test_what_is_redacted_is_in_no_clip(two_shots: Path, spans: list[tuple[int, int]]) -> None:
    redacted = tuple((start * MS, (start + length) * MS) for start, length in spans)
    out = two_shots.with_suffix(".out")
    out.mkdir(exist_ok=True)
    reply = decode_child.decode(two_shots, out, SHA, PassOptions(), DecodeSpec(redacted=redacted))
    assert covered(reply) == [(0, 6 * NS)]
    for clip in reply["clips"]:
        assert not any(start < clip["end_ns"] and clip["start_ns"] < end for start, end in redacted)
    hidden = sum(end - start for start, end in merge((max(0, s), min(6 * NS, e)) for s, e in redacted))
    gone = sum(end - start for start, end, _ in reply["gaps"])
    assert hidden <= gone <= hidden + 2 * 100 * MS * len(redacted)  # whole frames go
    assert {g[2] for g in reply["gaps"]} <= {"redacted"}


@pytest.fixture(scope="module")
def two_shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("shots") / "two.mp4", [*shot(1, 30), *shot(2, 30)])


@pytest.mark.slow
def test_drawn_text_is_told_through_the_codec(tmp_path: Path) -> None:
    """A pan of 20 px a second; words that stay, words of the scene, and words on a picture that stands."""
    coarse = np.asarray(np.random.default_rng(3).integers(30, 220, (18, 44, 3)), np.uint8)
    wide = cv2.resize(coarse, (616, 252), interpolation=cv2.INTER_NEAREST)
    shares = {}
    for name, speed, drawn in (("drawn", 2, True), ("scene", 2, False), ("still", 0, True)):
        pictures = [wide[:, 60 + i * speed : 508 + i * speed].copy() for i in range(50)]
        for i, picture in enumerate(pictures):
            at = (90 if drawn else 200 - i * speed, 226)
            cv2.putText(picture, "hold it with both hands", at, cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0, 0, 0), 4)
            cv2.putText(picture, "hold it with both hands", at, cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 1)
        (clip,) = decode(write(tmp_path / f"{name}.mp4", pictures), [(0, 5 * NS)])["clips"]
        shares[name] = clip["text_share"]
    assert shares["drawn"] > 0.01
    assert shares["scene"] < 0.001
    assert shares["still"] is None


def test_turned_pictures_come_out_upright(tmp_path: Path) -> None:
    path = write(tmp_path / "turned.mp4", [np.ascontiguousarray(np.rot90(p)) for p in shot(1, 10)])
    out = tmp_path / "out"
    out.mkdir()
    reply = decode_child.decode(path, out, SHA, PassOptions(), DecodeSpec(quarter_turns=1))
    assert (reply["facts"]["width_px"], reply["facts"]["height_px"]) == (96, 64)
    with pa.OSFile(str(out / "proxies.arrow")) as source:
        jpeg = pa.ipc.open_file(source).read_all()["jpegs"][0][0].as_py()
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert np.abs(picture.astype(int) - shot(1, 10)[0]).mean() < 10
    assert (
        len(
            {
                DecodeSpec().decode_variant,
                DecodeSpec(quarter_turns=1).decode_variant,
                DecodeSpec(redacted=((0, 1),)).decode_variant,
            }
        )
        == 3
    )
    assert DecodeSpec(quarter_turns=4).decode_variant == DecodeSpec().decode_variant == ""


def _decode_all(folder: Path, paths: list[Path]) -> dict[str, Any]:
    listing = folder / "listing.json"
    listing.write_text(json.dumps([str(p) for p in paths]))
    return dict(json.loads(sandbox.run(children.__name__, ["decode_all", str(listing)], sandbox.Limits())))


@pytest.mark.parametrize(("codec", "end"), [("rawvideo", "bad_size"), ("mpeg4", 4)])
def test_a_header_that_promises_vast_pictures(tmp_path: Path, codec: str, end: str | int) -> None:
    """100,000 x 100,000 pixels: refused, unless the stream itself knows better."""
    path = write(tmp_path / "vast.avi", shot(1, 4), Video(codec=codec, clock=Fraction(1, 10)))
    data = bytearray(path.read_bytes())
    size = (96).to_bytes(4, "little") + (64).to_bytes(4, "little")
    at = data.index(size, data.index(b"strf"))
    data[at : at + 8] = (100_000).to_bytes(4, "little") * 2
    path.write_bytes(data)
    reply = _decode_all(tmp_path, [path])[str(path)]
    assert reply.get("reason") or sum(c["frame_count"] for c in reply["clips"]) == end
    assert reply.get("reason", end) == end


# What must come of each file of the samples' `odd` folder: a reason, or upright width and height, and frames.
ODD: dict[str, str | tuple[int, int, int]] = {
    "all_black.mp4": (640, 360, 100),
    "animated_4fr.gif": (64, 48, 4),
    "audio_only.mp4": "no_video",
    "audio_only_amr.3gp": "no_video",
    "bitrot_400_bytes.mp4": (1280, 720, 105),  # the rest is damaged
    "clusterfuzz_56B.mp4": "not_media",
    "corrupted_h264.mp4": (1280, 720, 28),  # no key frame comes after the damage
    "empty.mp4": "empty_file",
    "encrypted_init_only.mp4": "no_frames",
    "exact_duplicate.mp4": (1280, 720, 300),
    "frozen_still.mp4": (640, 360, 125),
    "h263_1f.3gp": (216, 144, 1),
    "hdr12bit_hevc.mp4": (320, 180, 60),
    "hevc10.mp4": (200, 200, 30),
    "hevc_444_10bit_odd.mp4": (321, 241, 25),
    "html_error_page.mp4": "html_page",
    "lfs_pointer.mp4": "lfs_pointer",
    "mpeg1_ps.mpg": (128, 128, 100),
    "mpeg4.avi": (1280, 720, 30),
    "nasa_hdr10.mp4": (320, 180, 325),
    "nasa_rotated.mp4": (270, 480, 17),
    "near_duplicate_reencode.mp4": (640, 360, 300),
    "non_zero_start.mp4": (199, 112, 12),
    "odd_size_yuv444.mp4": (321, 241, 25),
    "one_frame_mpeg4.mp4": (64, 64, 1),
    "portrait.mp4": (270, 480, 60),
    "rotation_180.mov": (568, 320, 3),
    "rotation_90.mov": (320, 568, 3),
    "tiny_16px.mp4": (28, 16, 60),
    "too_short_6_frames.mp4": (320, 180, 6),
    "trailing_garbage.mp4": (1280, 720, 300),
    "truncated_faststart.mp4": (1280, 720, 149),
    "truncated_no_moov.mp4": "not_media",
    "vfr.mp4": (480, 270, 35),
    "vp8.webm": (1280, 720, 30),
    "vp9_odd_height.mp4": (320, 241, 25),
    'имя with spaces; $(touch x) & "quote" ..mp4': (480, 270, 35),
}


@pytest.mark.slow
def test_every_odd_sample_ends_as_it_must(tmp_path: Path) -> None:
    folder = samples("odd")
    replies = {Path(p).name: r for p, r in _decode_all(tmp_path, sorted(folder.iterdir())).items()}
    ends: dict[str, Any] = {}
    for name, reply in replies.items():
        facts = reply.get("facts")
        frames = sum(c["frame_count"] for c in reply.get("clips", []))
        ends[name] = (facts["width_px"], facts["height_px"], frames) if facts else reply["reason"]
    assert ends == ODD
    short = replies["truncated_faststart.mp4"]["facts"]
    assert short["duration_ns"] == 10_010 * MS > short["decoded_ns"]
    gone = {n: {g[2] for g in r["gaps"]} for n, r in replies.items() if r.get("gaps")}
    assert gone == {f"{n}.mp4": {"damaged"} for n in ("bitrot_400_bytes", "corrupted_h264", "truncated_faststart")}
    for reply in (r for r in replies.values() if "facts" in r):
        assert covered(reply) == [(0, reply["facts"]["decoded_ns"])]


# Encoding


def _encode(path: Path, out: Path, times: list[list[int]], fps_hz: float = 10.0, side: int = 64) -> list[Cut]:
    out.mkdir(parents=True, exist_ok=True)
    cuts = [Cut(i, t, 1 << 62, fps_hz, side) for i, t in enumerate(times)]
    encode(path, out, cuts)
    return cuts


def _nearest(frames: list[int], t_ns: int) -> set[int]:
    at = bisect_left(frames, t_ns)
    near = frames[max(0, at - 1) : at + 1]
    least = min(abs(f - t_ns) for f in near)
    return {f for f in near if abs(f - t_ns) <= least + 1}


TICKS = tuple(int(t) for t in np.cumsum([0, *np.random.default_rng(5).integers(20, 300, 79)]))


@pytest.fixture(scope="module")
def irregular(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """80 frames at irregular times, a key frame every 10."""
    return write(tmp_path_factory.mktemp("vfr") / "vfr.mp4", [*shot(1, 40), *shot(2, 40)], Video(ticks=TICKS))


@settings(max_examples=20, deadline=None)
@given(start=st.integers(0, 9_000), count=st.integers(1, 40), fps_hz=st.sampled_from([5.0, 10.0, 29.97]))
def test_each_time_gets_its_nearest_frame(
    irregular: Path, tmp_path_factory: pytest.TempPathFactory, start: int, count: int, fps_hz: float
) -> None:
    last = TICKS[-1] * MS
    times = [t for i in range(count) if (t := start * MS + round(i * NS / fps_hz)) <= last]
    out = tmp_path_factory.mktemp("cut")
    if not times:
        return
    (cut,) = _encode(irregular, out, [times], fps_hz)
    frames = [t * MS for t in TICKS]
    assert len(cut.frame_ns) == len(times)
    assert all(f in _nearest(frames, t) for f, t in zip(cut.frame_ns, times, strict=True))
    with av.open(str(out / "0.mp4")) as made:
        assert sum(1 for _ in made.decode(video=0)) == len(times)


def test_a_span_twice_gives_equal_bytes_alone_or_beside_others(irregular: Path, tmp_path: Path) -> None:
    span = [3 * NS + i * NS // 10 for i in range(40)]
    other = [i * NS // 10 for i in range(60)]
    _encode(irregular, tmp_path / "a", [span])
    _encode(irregular, tmp_path / "b", [other, span])
    alone, beside = (tmp_path / "a" / "0.mp4").read_bytes(), (tmp_path / "b" / "1.mp4").read_bytes()
    assert alone == beside
    assert alone != (tmp_path / "b" / "0.mp4").read_bytes()


def test_groups_are_closed_16_long_and_without_b_frames(irregular: Path, tmp_path: Path) -> None:
    _encode(irregular, tmp_path, [[i * NS // 10 for i in range(70)]])
    with av.open(str(tmp_path / "0.mp4")) as made:
        kinds = [(int(f.pict_type), f.key_frame) for f in made.decode(video=0)]
        packets = [p for p in made.demux(video=0) if p.dts is not None]
        assert (made.streams.video[0].codec_context.name, made.streams.video[0].pix_fmt) == ("h264", "yuv420p")
    assert [i for i, (_, key) in enumerate(kinds) if key] == [0, 16, 32, 48, 64]
    b_frame = int(av.video.frame.PictureType.B)
    assert b_frame not in {kind for kind, _ in kinds}
    assert all(p.pts == p.dts for p in packets)


def test_sizes_fit_the_view_and_are_even(irregular: Path, tmp_path: Path) -> None:
    (cut,) = _encode(irregular, tmp_path, [[0]], side=50)
    assert cut.size == (50, 34)
    with av.open(str(tmp_path / "0.mp4")) as made:
        assert (made.streams.video[0].width, made.streams.video[0].height) == cut.size


@pytest.mark.parametrize("start_s", [0, 20])
def test_a_span_past_the_end_is_refused(irregular: Path, tmp_path: Path, start_s: int) -> None:
    with pytest.raises(BadMedia) as caught:
        _encode(irregular, tmp_path, [[start_s * NS + i * NS for i in range(30)]])
    assert caught.value.reason == "span_unreadable"


def test_what_is_no_recording_is_refused_by_the_encoder_too(tmp_path: Path) -> None:
    with pytest.raises(BadMedia) as caught:
        _encode(write_sound(tmp_path / "sound.mp4"), tmp_path, [[0]])
    assert caught.value.reason == "no_video"
