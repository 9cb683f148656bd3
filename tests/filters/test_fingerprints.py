"""Fingerprints of moving pictures: copies agree, whatever was done to them; another take of the scene does not."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import fingerprint_match, fingerprints
from filters.fingerprints import HZ, SIDE, Fingerprint
from schemas.spans import NS
from tests.support.media import Rgb, texture

RULE = fingerprint_match.MatchRule()
SIZE = (224, 128)
Change = Callable[[Rgb], Rgb]
Take = Callable[[float], Rgb]


def picture(seed: int, take: int, t_s: float) -> Rgb:
    """A scene by `seed` at a time of a take: before one static background a disc goes its own way, ever faster.

    At one pace it would come back to where it was within seconds, and two moments of a take could not be told apart.
    """
    rng = np.random.default_rng([seed, take])
    centre, turn, pace = rng.uniform(0.3, 0.7, 2), rng.uniform(0, 6.3, 2), rng.uniform(0.8, 2.2, 2)
    at = (centre + 0.28 * np.sin(turn + pace * t_s + 0.05 * t_s**2)) * SIZE
    out = texture(seed, SIZE).copy()
    colour = (20, 40, 60) if seed % 2 else (230, 210, 190)
    cv2.circle(out, (int(at[0]), int(at[1])), 22, colour, -1, cv2.LINE_AA)
    return out


def words_of(take: Take, length_s: float, start_s: float = 0.0, hz: float = HZ) -> list[int]:
    """The column of a take sampled from `start_s` on, on its own clock."""
    words: list[int] = []
    for i in range(int(length_s * hz)):
        luma = cv2.cvtColor(take(start_s + i / hz), cv2.COLOR_RGB2GRAY)
        cells = cv2.resize(luma.astype(np.float64), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        words += fingerprints.words_of(round(i * NS / hz), cells)
    return words


def print_of(take: Take, length_s: float, start_s: float = 0.0, hz: float = HZ) -> Fingerprint:
    """The same as a fingerprint."""
    return fingerprints.fingerprint_of(words_of(take, length_s, start_s, hz))


def found(a: Fingerprint, b: Fingerprint) -> fingerprint_match.Match | None:
    """Through marks and votes, as the hop does it."""
    left, right = fingerprints.find_marks(a), fingerprints.find_marks(b)
    at = np.nonzero(left.keys[:, None] == right.keys[None])
    fewer = min(len(left.keys), len(right.keys))
    return fingerprint_match.find_match(
        a, b, fingerprint_match.offsets_to_try((left.t_ns[at[0]] - right.t_ns[at[1]]).tolist(), fewer, RULE), RULE
    )


def brighter(rgb: Rgb) -> Rgb:
    return np.asarray(np.clip(rgb * 1.1 + 18, 0, 255), np.uint8)


def smaller(rgb: Rgb) -> Rgb:
    return np.asarray(cv2.resize(rgb, (SIZE[0] // 2, SIZE[1] // 2), interpolation=cv2.INTER_AREA), np.uint8)


def worse(rgb: Rgb) -> Rgb:
    _, jpeg = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, 30])
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)


def flipped(rgb: Rgb) -> Rgb:
    return np.ascontiguousarray(rgb[:, ::-1])


@pytest.mark.parametrize("change", [brighter, smaller, worse, flipped])
def test_a_changed_copy_is_found_and_a_mirrored_one_told(change: Change) -> None:
    for seed in range(6):
        match = found(
            print_of(lambda t, s=seed: picture(s, 0, t), 6), print_of(lambda t, s=seed: change(picture(s, 0, t)), 6)
        )
        assert match is not None
        assert match.mirrored == (change is flipped)
        assert abs(match.offset_ns) <= NS // 10
        assert match.overlap_ns >= 5.8 * NS


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 40), st.floats(0.3, 4.0))
def test_a_part_is_found_where_it_was_taken_from(seed: int, start_s: float) -> None:
    match = found(
        print_of(lambda t: picture(seed, 0, t), 9), print_of(lambda t: worse(picture(seed, 0, t)), 5, start_s)
    )
    assert match is not None
    assert match.offset_ns == pytest.approx(start_s * NS, abs=0.12 * NS)
    assert not match.mirrored


@pytest.mark.parametrize("hz", [6.0, 10.0])
@pytest.mark.slow
def test_a_copy_of_another_frame_rate_is_found(hz: float) -> None:
    for seed in range(6):
        match = found(
            print_of(lambda t, s=seed: picture(s, 0, t), 6), print_of(lambda t, s=seed: picture(s, 0, t), 4, 1.1, hz)
        )
        assert match is not None
        assert match.offset_ns == pytest.approx(1.1 * NS, abs=0.12 * NS)


def test_the_farther_a_brief_copy_may_be_the_more_it_shares() -> None:
    farthest = [fingerprint_match.max_distance_of(round(s * NS), RULE) for s in (1, 1.5, 2, 60)]
    assert farthest == pytest.approx([0.10, 0.125, 0.15, 0.15])


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 40), st.integers(1, 50))
@pytest.mark.slow
def test_another_take_before_the_same_background_is_no_copy(seed: int, take: int) -> None:
    one, other = (print_of(lambda t, k=k: picture(seed, k, t), 6) for k in (0, take))
    assert fingerprint_match.find_match(one, other, range(-2 * NS, 2 * NS, NS // 4), RULE) is None


@pytest.mark.parametrize("value", [0, 128, None])
def test_black_flat_and_still_pictures_leave_no_mark_and_are_no_copies(value: int | None) -> None:
    still = texture(3, SIZE) if value is None else np.full((SIZE[1], SIZE[0], 3), value, np.uint8)
    one, other = (print_of(lambda t: still, n) for n in (6, 5))
    assert len(fingerprints.find_marks(one).keys) == 0
    assert fingerprint_match.find_match(one, other, [0], RULE) is None


@pytest.mark.slow
def test_a_mirrored_clip_leaves_the_same_marks() -> None:
    for seed in range(8):
        made = print_of(lambda t, s=seed: picture(s, 0, t), 6)
        left, right = fingerprints.find_marks(made), fingerprints.find_marks(fingerprints.mirror(made))
        assert len(left.keys) > 8
        np.testing.assert_array_equal(left.keys, right.keys)
        np.testing.assert_array_equal(left.t_ns, right.t_ns)


@given(st.integers(0, 9), st.integers(0, 10**12), st.integers(0, 254))
@settings(deadline=None)
def test_a_column_gives_back_what_was_seen(count: int, first_ns: int, value: int) -> None:
    words: list[int] = []
    for i in range(count):
        words += fingerprints.words_of(first_ns + i * NS, np.full((SIDE, SIDE), value + 0.25))
    made = fingerprints.fingerprint_of(words)
    assert made.t_ns.tolist() == [first_ns + i * NS for i in range(count)]
    assert made.cells.shape == (count, fingerprints.SIDE, fingerprints.SIDE)
    assert np.abs(made.cells - value - 0.25).max(initial=0) < 0.01
    assert len(fingerprints.find_marks(made).keys) == 0


def test_too_short_an_overlap_is_no_match() -> None:
    whole = print_of(lambda t: picture(1, 0, t), 9)
    assert fingerprint_match.find_match(whole, print_of(lambda t: picture(1, 0, t), 6, 5.0), [5 * NS], RULE) is not None
    assert fingerprint_match.find_match(whole, print_of(lambda t: picture(1, 0, t), 6, 7.0), [7 * NS], RULE) is None
    assert fingerprint_match.find_match(whole, print_of(lambda t: picture(1, 0, t), 0.5), [0], RULE) is None


def test_votes_must_agree_unless_marks_are_few_and_equal_cuts_are_always_tried() -> None:
    assert fingerprint_match.offsets_to_try([NS, NS, NS, -3 * NS], 60, RULE) == [NS, 0]
    assert fingerprint_match.offsets_to_try([NS, 3 * NS, -3 * NS], 60, RULE) == [0]
    assert fingerprint_match.offsets_to_try([NS, NS, -3 * NS], 30, RULE) == [NS, 0]
    assert fingerprint_match.offsets_to_try([NS], 3, RULE) == [NS, 0]
    assert fingerprint_match.offsets_to_try([], 3, RULE) == []
    assert [fingerprint_match.votes_needed(n, RULE) for n in (0, 23, 24, 47, 48, 900)] == [1, 1, 2, 2, 3, 3]
