"""Text drawn on the picture against the scene's own, on pictures whose truth is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.signals import burned_in_text
from schemas.signals.burned_in_text import Map
from schemas.signals.text_share import BURNED_IN_TEXT

STEP_NS = 250_000_000
SIZE = (448, 252)
LIMIT = BURNED_IN_TEXT.limit
WORDS = "hold it with both hands"
Draw = Callable[[Map, int], None]


def _share(pictures: Sequence[Map], step_ns: int = STEP_NS) -> float | None:
    state = burned_in_text.TextState()
    for i, luma in enumerate(pictures):
        state = burned_in_text.update(state, i * step_ns, luma)
    return burned_in_text.finish(state)


def _blocks(width: int, seed: int = 3) -> Map:
    """A scene of hard edges at random places."""
    rng = np.random.default_rng(seed)
    coarse = np.asarray(rng.integers(30, 220, (SIZE[1] // 14 + 1, width // 14 + 1)), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, SIZE[1]), interpolation=cv2.INTER_NEAREST), np.uint8)


def _text(luma: Map, words: str = WORDS, at: tuple[int, int] = (90, 226)) -> None:
    cv2.putText(luma, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 0, 4)
    cv2.putText(luma, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1)


def _film(shift_px: int, draw: Draw = lambda luma, i: None, count: int = 16, label: bool = False) -> list[Map]:
    """A pan by `shift_px` a sample; `label`: the scene has text of its own, `draw` draws on the picture."""
    wide = _blocks(SIZE[0] + shift_px * count)
    if label:
        wide[90:130] = 200
        for x in range(20, wide.shape[1], 330):
            _text(wide, "FINE WHEAT FLOUR 1 kg", (x, 115))
    pictures = [wide[:, i * shift_px : i * shift_px + SIZE[0]].copy() for i in range(count)]
    for i, luma in enumerate(pictures):
        draw(luma, i)
    return pictures


def test_a_subtitle_on_a_moving_picture_is_its_share() -> None:
    found = _share(_film(5, lambda luma, i: _text(luma)))
    (width, height), below = cv2.getTextSize(WORDS, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 1)
    assert found == pytest.approx(width * (height + below) / (SIZE[0] * SIZE[1]), rel=0.4)
    half = _share(_film(5, lambda luma, i: _text(luma) if i < 8 else None))
    assert found is not None
    assert half is not None
    assert LIMIT < half < 0.7 * found


@pytest.mark.parametrize("label", [False, True])
def test_a_moving_scene_has_none_and_its_labels_are_not_drawn(label: bool) -> None:
    found = _share(_film(5, label=label))
    assert found is not None
    assert found <= LIMIT


def test_a_clock_that_counts_and_a_mark_in_the_corner_are_found() -> None:
    clock = _share(_film(5, lambda luma, i: _text(luma, f"CAM 2 13:42:{i // 4:02d}", (8, 22))))
    mark = _share(_film(5, lambda luma, i: _text(luma, "@maker_bench", (320, 22))))
    assert clock is not None
    assert mark is not None
    assert min(clock, mark) > LIMIT


def test_what_never_changes_on_what_never_moves_cannot_be_told() -> None:
    assert _share(_film(0)) is None
    assert _share(_film(0, label=True)) is None
    assert _share(_film(0, lambda luma, i: _text(luma))) is None
    assert _share([np.full(SIZE[::-1], 90, np.uint8)] * 16) is None


def test_a_line_that_comes_on_a_still_picture_was_drawn() -> None:
    found = _share(_film(0, lambda luma, i: _text(luma) if i >= 6 else None))
    assert found is not None
    assert found > LIMIT


def test_a_label_that_is_uncovered_was_not() -> None:
    """What covers it moves on beside it."""

    def hide(luma: Map, i: int) -> None:
        luma[80:140, max(0, 40 * (i - 6)) : 40 * i + 200] = 128

    for shown in range(1, 16, 2):
        assert _share(_film(0, hide, shown, label=True)) in (None, 0.0)


def test_too_few_or_too_small_samples_tell_nothing() -> None:
    def draw(luma: Map, i: int) -> None:
        _text(luma)

    assert _share(_film(5, draw, 8)) is None  # four looks: one window
    assert _share(_film(5, draw, 9)) is not None
    assert _share(_film(5, draw, 5), 4 * STEP_NS) is not None
    assert _share([p[:60] for p in _film(5, draw)]) is None
    assert _share([]) is None


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 12), st.tuples(st.integers(1, 200), st.integers(1, 200)), st.integers(0, 99))
def test_any_pictures_give_a_share_or_null_and_the_same_again(count: int, size: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    pictures = [np.asarray(rng.integers(0, 256, size), np.uint8) for _ in range(count)]
    found = _share(pictures)
    assert found == _share(pictures)
    assert found is None or 0 <= found <= 1
