"""Shot cuts as a stream: an answer a frame, found where the picture changes for good, and nowhere else."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import cuts
from filters.cuts import AHEAD, BACK, GLOW, MIN_APART, NEAR, CutOptions, CutState
from filters.dissolves import REACH
from infra.video import decoder, pixels
from schemas.spans import NS
from tests.support.media import lumas, samples, shot, texture

OPTIONS = CutOptions()
Luma = npt.NDArray[np.uint8]


def _answers(frames: list[Luma]) -> list[bool]:
    state = CutState()
    out = [a for frame in frames for a in cuts.update(state, frame, OPTIONS)]
    return out + cuts.finish(state, OPTIONS)


BLACK = np.full((64, 96), 16, np.uint8)
PICTURES = [*lumas(texture(seed) for seed in range(12)), BLACK]
SEQUENCES = st.lists(st.integers(0, len(PICTURES) - 1), max_size=60).map(lambda keys: [PICTURES[k] for k in keys])
SHOTS = st.lists(st.tuples(st.integers(0, len(PICTURES) - 1), st.integers(1, 12)), max_size=8).map(
    lambda parts: [PICTURES[k] for k, length in parts for _ in range(length)]
)


@settings(deadline=None, max_examples=50)
@given(SEQUENCES | SHOTS)
@pytest.mark.slow
def test_every_frame_gets_one_answer_and_the_first_is_never_a_cut(frames: list[Luma]) -> None:
    answers = _answers(frames)
    assert len(answers) == len(frames)
    assert not answers[:1] or answers[0] is False


@settings(deadline=None, max_examples=50)
@given(SEQUENCES | SHOTS, st.integers(0, 60))
def test_answers_are_final_AHEAD_frames_later(frames: list[Luma], at: int) -> None:
    """What comes more than AHEAD frames later changes nothing, and update never answers earlier or later than that."""
    state = CutState()
    given_so_far = []
    for i, frame in enumerate(frames):
        given_so_far += cuts.update(state, frame, OPTIONS)
        assert len(given_so_far) == max(0, i + 1 - AHEAD)
        assert len(state.frames) <= BACK + 1 + NEAR
        assert len(state.scores) <= len(state.hard) <= AHEAD + REACH
    settled = max(0, min(at, len(frames)) - AHEAD)
    assert _answers(frames[:at])[:settled] == _answers(frames)[:settled]


@settings(deadline=None, max_examples=50)
@given(SEQUENCES | SHOTS)
def test_no_cut_where_little_changes_and_none_near_another(frames: list[Luma]) -> None:
    answers = _answers(frames)
    found = [i for i, cut in enumerate(answers) if cut]
    assert all(later - sooner >= MIN_APART for sooner, later in pairwise(found))
    for i in found:
        change = np.abs(frames[i].astype(int) - frames[i - 1]).mean()
        assert change >= OPTIONS.min_jump_difference or frames[i - 1].max() <= GLOW


@settings(deadline=None, max_examples=50)
@given(SHOTS)
def test_shots_that_are_not_short_are_all_told_apart(frames: list[Luma]) -> None:
    """The strategy does reach cuts: without this the properties above could hold of a cutter that never cuts."""
    starts = [i for i in range(1, len(frames)) if frames[i] is not frames[i - 1]]
    if len(starts) == 1 and starts[0] >= 6 and frames[0].max() > GLOW and frames[-1].max() > GLOW:
        assert [i for i, cut in enumerate(_answers(frames)) if cut] == starts


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 20))
def test_a_hard_cut_is_found_at_its_frame(before: int, after: int, seed: int) -> None:
    frames = lumas([*shot(2 * seed, before), *shot(2 * seed + 1, after)])
    answers = _answers(frames)
    assert [i for i, cut in enumerate(answers) if cut] == [before]


@given(st.integers(6, 20), st.integers(3, 12), st.integers(40, 200))
def test_a_flash_of_one_frame_is_no_cut(before: int, after: int, level: int) -> None:
    frames = lumas(shot(2, before + after))
    frames[before] = np.minimum(frames[before].astype(int) + level, 255).astype(np.uint8)
    assert not any(_answers(frames))


def _still(seed: int, frames: int) -> list[Luma]:
    """One picture with a camera's noise."""
    rng = np.random.default_rng(seed)
    picture = PICTURES[seed].astype(float)
    return [np.clip(picture + rng.normal(0, 2, picture.shape), 0, 255).astype(np.uint8) for _ in range(frames)]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 11), st.integers(20, 120))
def test_a_light_that_goes_on_is_no_cut(seed: int, level: int) -> None:
    frames = [np.asarray(f // 2, np.uint8) for f in _still(seed, 20)]
    lit = [*frames[:10], *(np.asarray(f + level, np.uint8) for f in frames[10:])]
    assert not any(_answers(lit))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 11), st.integers(1, 3), st.integers(0, 8))
def test_an_arm_that_goes_is_no_cut(seed: int, comes: int, stays: int) -> None:
    """It covers up to nine tenths of the picture, over `comes` frames, and goes the same way. That it came at once may
    look like a cut; that it went never does, and one that stays a frame or two is none at all.
    """
    frames = _still(seed, 2 * comes + stays + 16)
    reach = [*np.linspace(0, 0.9, comes + 1)[1:], *[0.9] * stays, *np.linspace(0.9, 0, comes + 1)]
    for i, share in enumerate(reach):
        frames[8 + i][:, : round(share * 96)] = 70
    found = [i for i, cut in enumerate(_answers(frames)) if cut]
    assert all(i <= 8 + comes for i in found)
    assert not found or comes + stays > NEAR - 1


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 9), st.integers(4, 10), st.integers(1, 5))
def test_a_fade_through_black_is_one_cut_where_light_comes(seed: int, length: int, dark: int) -> None:
    """Out of one shot, `dark` black frames, into another; a recording that begins black has none for that."""
    before, after = lumas(shot(2 * seed, 10 + length)), lumas(shot(2 * seed + 1, 10 + length))
    gains = np.linspace(1, 0, length + 1)[1:]
    out = [*before[:10], *(np.asarray(f * g, np.uint8) for f, g in zip(before[10:], gains, strict=True))]
    back = [*(np.asarray(f * g, np.uint8) for f, g in zip(after, gains[::-1], strict=False)), *after[length:]]
    found = [i for i, cut in enumerate(_answers([*out, *[BLACK] * dark, *back])) if cut]
    assert len(found) == 1
    assert len(out) + dark <= found[0] <= len(out) + dark + length
    assert not any(_answers([*[BLACK] * dark, *back]))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 9), st.integers(6, 24), st.integers(16, 40), st.integers(16, 40))
@pytest.mark.slow
def test_a_dissolve_is_one_cut_within_it(seed: int, length: int, before: int, after: int) -> None:
    """Between two pictures with a camera's noise, over `length` frames."""
    out, into = _still(seed, before + length), _still(seed + 1, length + after)
    shares = np.linspace(0, 1, length + 2)[1:-1]
    mixed = zip(out[before:], into[:length], shares, strict=True)
    frames = [*out[:before], *(np.asarray(a * (1 - w) + b * w, np.uint8) for a, b, w in mixed), *into[length:]]
    found = [i for i, cut in enumerate(_answers(frames)) if cut]
    assert len(found) == 1
    assert before < found[0] < before + length


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 9), st.integers(6, 24))
def test_a_wipe_by_something_near_is_no_dissolve(seed: int, comes: int) -> None:
    """What covers the picture from one side, as an arm does, leaves each pixel at one end or the other."""
    frames = _still(seed, comes + 40)
    for i, frame in enumerate(frames[20:]):
        frame[:, : round(0.9 * 96 * min(1.0, i / comes))] = 70
    assert not any(_answers(frames)[20:])


def test_a_jump_within_a_still_shot_is_a_cut() -> None:
    """The same place a while later: one thing stands elsewhere."""
    room = PICTURES[0]
    there, elsewhere = room.copy(), room.copy()
    there[10:40, 10:40], elsewhere[10:40, 50:80] = 230, 230
    answers = _answers([*[there] * 10, *[elsewhere] * 10])
    assert [i for i, cut in enumerate(answers) if cut] == [10]


@given(st.integers(0, 2), st.integers(2, 8))
def test_fast_motion_is_no_cut(seed: int, speed: int) -> None:
    """A whip pan: every frame differs much from the last, all alike."""
    rng = np.random.default_rng(seed)
    coarse = np.asarray(rng.integers(0, 255, (12, 200)), np.uint8)
    wide = cv2.resize(coarse, (1600, 36), interpolation=cv2.INTER_NEAREST)
    frames = [np.ascontiguousarray(wide[:, i * speed * 5 : i * speed * 5 + 64]) for i in range(30)]
    assert float(np.abs(frames[1].astype(int) - frames[0]).mean()) > OPTIONS.min_difference
    assert not any(_answers(frames))


def test_real_cuts_are_found_within_a_frame() -> None:
    path = samples("cuts", "mix_5_shots.mp4")
    truth = json.loads(Path(f"{path}.json").read_text())["cut_seconds"]
    times, frames = _lumas_of(path)
    found = [t for t, cut in zip(times, _answers(frames), strict=True) if cut]
    assert len(found) == len(truth)
    assert all(abs(f / NS - t) <= 1 / 24 for f, t in zip(found, truth, strict=True))


def _lumas_of(path: Path) -> tuple[list[int], list[Any]]:
    with decoder.open_media(path) as container:
        pictures = [
            (p.t_ns, pixels.luma(p.frame)) for p in decoder.pictures(container, decoder.video_stream(container))
        ]
    return [t for t, _ in pictures], [frame for _, frame in pictures]
