"""The cheap signals against pictures whose truth is known."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import SIGNALS
from schemas.signals.base import sampled_frame
from tests.support.media import Rgb, texture

STEP_NS = 250_000_000
SIZE = (448, 252)


def _measure(frames: list[Rgb], step_ns: int = STEP_NS) -> dict[str, Any]:
    states = {s.name: s.start() for s in SIGNALS}
    for i, frame in enumerate(frames):
        sample = sampled_frame(i * step_ns, frame)
        states = {s.name: s.update(states[s.name], sample) for s in SIGNALS}
    return {s.name: s.finish(states[s.name]) for s in SIGNALS}


def _scene(seed: int = 4) -> Rgb:
    return texture(seed, SIZE, cell=12)


def _pan(shift_px: int, count: int) -> list[Rgb]:
    wide = texture(4, (SIZE[0] + shift_px * count, SIZE[1]), cell=12)
    return [np.ascontiguousarray(wide[:, i * shift_px : i * shift_px + SIZE[0]]) for i in range(count)]


def test_a_sample_has_the_frames_own_colours() -> None:
    frame = _scene()
    sample = sampled_frame(0, frame)
    assert sample.rgb is frame
    assert sample.rgb.shape == (*sample.luma.shape, 3)


def test_a_still_is_frozen() -> None:
    seen = _measure([_scene()] * 8)
    assert (seen["freeze_share"], seen["motion"]) == (1.0, 0.0)
    assert seen["camera_motion"] == pytest.approx(0, abs=1e-3)


def test_codec_noise_is_still_frozen_and_movement_is_not() -> None:
    rng = np.random.default_rng(0)
    noisy = [np.clip(_scene().astype(int) + rng.integers(-2, 3, (SIZE[1], SIZE[0], 3)), 0, 255) for _ in range(6)]
    assert _measure([np.asarray(n, np.uint8) for n in noisy])["freeze_share"] == 1.0
    assert _measure(_pan(8, 6))["freeze_share"] == 0.0
    half = [_scene()] * 5 + _pan(8, 5)[1:]
    assert _measure(half)["freeze_share"] == 0.5


@pytest.mark.parametrize("shift_px", [4, 8, 16, 32])
def test_a_known_shift_is_the_camera_motion(shift_px: int) -> None:
    """A pan of `shift_px` a quarter second, as a share of the long side a second."""
    truth = shift_px / SIZE[0] * 4
    assert _measure(_pan(shift_px, 6))["camera_motion"] == pytest.approx(truth, rel=0.1)
    assert _measure(_pan(shift_px, 6), 2 * STEP_NS)["camera_motion"] == pytest.approx(truth / 2, rel=0.1)


def test_a_hand_that_moves_is_no_camera_motion() -> None:
    frames = []
    for i in range(6):
        frame = _scene().copy()
        cv2.rectangle(frame, (40 + 24 * i, 90), (110 + 24 * i, 170), (250, 200, 170), -1)
        frames.append(frame)
    seen = _measure(frames)
    assert seen["camera_motion"] == pytest.approx(0, abs=0.01)
    assert seen["motion"] > 1


def test_blur_lowers_sharpness() -> None:
    sharp = np.where(np.indices((SIZE[1], SIZE[0])).sum(0)[..., None] // 9 % 2, 220, 40).astype(np.uint8).repeat(3, 2)
    values = [_measure([np.asarray(cv2.GaussianBlur(sharp, (0, 0), s), np.uint8) if s else sharp] * 2)["sharpness"]
              for s in (0, 1, 2, 4)]  # fmt: skip
    assert values == sorted(values, reverse=True)
    assert values[0] > 10 * values[-1]


@pytest.mark.parametrize("level", [0, 90, 255])
def test_brightness_is_the_mean_luma(level: int) -> None:
    seen = _measure([np.full((SIZE[1], SIZE[0], 3), level, np.uint8)] * 3)
    assert seen["brightness"] == pytest.approx(level, abs=0.5)
    assert seen["sharpness"] == 0


def test_one_sample_has_no_pairs_and_none_has_nothing() -> None:
    one = _measure([_scene()])
    pairs = {"motion", "camera_motion", "freeze_share"}
    assert {name for name, value in one.items() if value is None} == pairs | {"text_share"}
    assert set(_measure([]).values()) == {None}


def test_a_picture_without_corners_has_no_camera_motion() -> None:
    seen = _measure([np.full((SIZE[1], SIZE[0], 3), v, np.uint8) for v in (10, 60, 110)])
    assert seen["camera_motion"] is None
    assert seen["motion"] == 50


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 6), st.tuples(st.integers(16, 80), st.integers(16, 80)), st.integers(0, 99))
def test_values_stay_in_their_ranges_and_repeat(count: int, size: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames = [np.asarray(rng.integers(0, 256, (size[1], size[0], 3)), np.uint8) for _ in range(count)]
    seen = _measure(frames)
    assert seen == _measure(frames)
    assert 0 <= seen["brightness"] <= 255
    assert seen["sharpness"] >= 0
    if count > 1:
        assert 0 <= seen["motion"] <= 255
        assert 0 <= seen["freeze_share"] <= 1


@pytest.mark.parametrize(("top", "side"), [(32, 0), (0, 56), (24, 40), (0, 0)])
def test_a_black_border_is_told_by_its_share(top: int, side: int) -> None:
    frames = [np.maximum(f, 60) for f in _pan(4, 4)]
    for frame in frames:
        frame[:top], frame[SIZE[1] - top :], frame[:, :side], frame[:, SIZE[0] - side :] = 3, 3, 3, 3
    inside = (SIZE[1] - 2 * top) * (SIZE[0] - 2 * side) / (SIZE[0] * SIZE[1])
    assert _measure(frames)["border_share"] == pytest.approx(1 - inside, abs=0.02)
    assert _measure([*frames, np.full_like(frames[0], 90)])["border_share"] == 0
    assert _measure([np.zeros_like(frames[0])])["border_share"] is None
