"""Shot cuts as a stream: an answer a frame, found where the picture changes for good, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import cuts
from filters.cuts import AHEAD, CutOptions, CutState
from infra import media, pixels
from schemas.spans import NS
from tests.fixtures_media import lumas, samples, shot

OPTIONS = CutOptions()
Luma = npt.NDArray[np.uint8]


def _answers(frames: list[Luma]) -> list[bool]:
    state = CutState()
    out = [a for frame in frames for a in cuts.update(state, frame, OPTIONS)]
    return out + cuts.finish(state, OPTIONS)


def _flat(level: int) -> Luma:
    return np.full((4, 6), level, np.uint8)


LEVELS = st.lists(st.integers(0, 255), max_size=60)


@given(LEVELS)
def test_every_frame_gets_one_answer_and_the_first_is_never_a_cut(levels: list[int]) -> None:
    answers = _answers([_flat(v) for v in levels])
    assert len(answers) == len(levels)
    assert not answers[:1] or answers[0] is False


@given(LEVELS, st.integers(0, 60))
def test_answers_are_final_two_frames_later(levels: list[int], at: int) -> None:
    """What comes more than AHEAD frames later changes nothing, and update never answers earlier or later than that."""
    state = CutState()
    given_so_far = []
    for i, level in enumerate(levels):
        given_so_far += cuts.update(state, _flat(level), OPTIONS)
        assert len(given_so_far) == max(0, i + 1 - AHEAD)
        assert len(state.diffs) <= 2 * AHEAD + 1
    head = levels[:at]
    settled = max(0, len(head) - AHEAD)
    assert _answers([_flat(v) for v in head])[:settled] == _answers([_flat(v) for v in levels])[:settled]


@given(LEVELS)
def test_no_cut_where_little_changes_and_no_two_beside_each_other(levels: list[int]) -> None:
    answers = _answers([_flat(v) for v in levels])
    for i, cut in enumerate(answers):
        if cut:
            assert abs(levels[i] - levels[i - 1]) >= OPTIONS.least
            assert not answers[i - 1]
            assert not any(answers[i + 1 : i + 2])


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


@given(st.integers(0, 2), st.integers(2, 8))
def test_fast_motion_is_no_cut(seed: int, speed: int) -> None:
    """A whip pan: every frame differs much from the last, all alike."""
    rng = np.random.default_rng(seed)
    coarse = np.asarray(rng.integers(0, 255, (12, 200)), np.uint8)
    wide = cv2.resize(coarse, (1600, 36), interpolation=cv2.INTER_NEAREST)
    frames = [np.ascontiguousarray(wide[:, i * speed * 5 : i * speed * 5 + 64]) for i in range(30)]
    assert float(np.abs(frames[1].astype(int) - frames[0]).mean()) > OPTIONS.least
    assert not any(_answers(frames))


def test_real_cuts_are_found_within_a_frame() -> None:
    path = samples("cuts", "mix_5_shots.mp4")
    truth = json.loads(Path(f"{path}.json").read_text())["cut_seconds"]
    times, frames = _lumas_of(path)
    found = [t for t, cut in zip(times, _answers(frames), strict=True) if cut]
    assert len(found) == len(truth)
    assert all(abs(f / NS - t) <= 1 / 24 for f, t in zip(found, truth, strict=True))


def _lumas_of(path: Path) -> tuple[list[int], list[Any]]:
    with media.open_media(path) as container:
        pictures = [(p.t_ns, pixels.luma(p.frame)) for p in media.pictures(container, media.video_stream(container))]
    return [t for t, _ in pictures], [frame for _, frame in pictures]
