"""Contact evidence on pictures drawn here, where what the hand does is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from filters import contact
from filters.hand_geometry import arm_inside, similarity
from filters.hand_track import track_hands
from schemas.arrow import Json
from schemas.spans import NS

SIZE = (448, 252)
SAMPLE_NS = [i * NS // 4 for i in range(6)]
# A flat right hand, wrist at the origin, fingers up, one hand length tall.
FINGERS = [(-0.2, 0.3), (-0.12, 0.48), (0.0, 0.5), (0.1, 0.47), (0.2, 0.42)]


def hand_at(x: float, y: float, length: float = 90.0) -> NDArray[Any]:
    """(21, 2) key points in px of a hand whose wrist is at (x, y)."""
    points = [(0.0, 0.0)]
    for base_x, base_y in FINGERS:
        points += [(base_x, base_y + (1 - base_y) * k / 3.3) for k in range(4)]
    return np.array([(x + px * length, y - py * length) for px, py in points])


def as_hand(points: NDArray[Any]) -> Json:
    """The detector's dict of those key points."""
    relative = points / SIZE
    return {
        "side": "right",
        "side_score": 1.0,
        "score": 1.0,
        "presence": 1.0,
        "x0": 0.0,
        "y0": 0.0,
        "x1": 1.0,
        "y1": 1.0,
        "keypoints": relative.ravel().tolist(),
    }


def texture(seed: int, height: int, width: int) -> NDArray[Any]:
    """A smooth random pattern, uint8 RGB."""
    noise = np.random.default_rng(seed).uniform(0, 255, (height // 8 + 1, width // 8 + 1)).astype(np.float32)
    grey = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def film(
    wrists: list[tuple[int, int]], held: bool = False, shift_px: int = 0, noise: bool = True
) -> tuple[list[NDArray[Any]], list[list[Json]]]:
    """A skin-coloured hand and forearm over a textured table; held: a box at the finger tips goes along.

    shift_px: the camera pans by so much a sample, and the hand with it.
    """
    rng, table, box = np.random.default_rng(3), texture(1, SIZE[1], SIZE[0] + 400), texture(2, 50, 70)
    frames, found = [], []
    for i, (x, y) in enumerate(wrists):
        frame = table[:, shift_px * i : shift_px * i + SIZE[0]].copy()
        points = hand_at(x, y)
        if held:
            top, left = y - 130, x - 35
            frame[top : top + 50, left : left + 70] = box
        cv2.line(frame, (x, y), (x, SIZE[1]), (200, 150, 120), 34)
        cv2.fillConvexPoly(frame, cv2.convexHull(points.astype(np.int32)), (200, 150, 120))
        noisy = frame + rng.normal(0, 2, frame.shape) if noise else frame
        frames.append(noisy.clip(0, 255).astype(np.uint8))
        found.append([as_hand(points)])
    return frames, found


def strongest(frames: list[NDArray[Any]], found: list[list[Json]]) -> float:
    """Peak evidence of the film."""
    values = contact.measure_contact(frames, SAMPLE_NS[: len(frames)], found)
    return max(v for of_sample in values for v in of_sample if v is not None)


MOVING = [(120 + 24 * i, 235) for i in range(6)]


def test_a_carried_box_is_evidence() -> None:
    assert strongest(*film(MOVING, held=True)) > 0.9


def test_an_empty_hand_that_moves_is_not() -> None:
    assert strongest(*film(MOVING)) < 0.2


def test_a_resting_hand_is_not() -> None:
    assert strongest(*film([(200, 235)] * 6, held=True)) < 0.1


def test_a_panning_camera_is_not() -> None:
    assert strongest(*film([(200, 235)] * 6, shift_px=14)) < 0.25


def test_a_whole_arm_in_view_stays_below_acceptance() -> None:
    frames, _ = film([(120 + 8 * i, 120) for i in range(6)])
    small = [[as_hand(hand_at(120 + 8 * i, 120, length=30.0))] for i in range(6)]
    for i, frame in enumerate(frames):  # a box goes along with the small hand
        frame[60:90, 105 + 8 * i : 135 + 8 * i] = texture(2, 30, 30)
    assert arm_inside(hand_at(120, 120, 30.0), (252, 448)) > 3
    assert 0.2 < strongest(frames, small) <= contact.MAX_WHOLE_ARM


def visit(takes: bool) -> list[NDArray[Any]]:
    """A box on a table; a hand comes in sample 4 and is gone from 5 on, with the box if it `takes` it."""
    (with_hand, *_), _ = film([(200, 235)], noise=False)
    table = texture(1, SIZE[1], SIZE[0] + 400)[:, : SIZE[0]]
    with_box = table.copy()
    with_box[90:140, 170:240] = with_hand[90:140, 170:240] = texture(2, 50, 70)
    return [with_box] * 4 + [with_hand] + [table if takes else with_box] * 6


@pytest.mark.parametrize(("takes", "least", "most"), [(True, 0.8, 1.0), (False, 0.0, 0.1)])
def test_what_a_hand_leaves_behind_is_evidence(takes: bool, least: float, most: float) -> None:
    found = [[as_hand(hand_at(200, 235))] if i == 4 else [] for i in range(11)]
    values = contact.measure_contact(visit(takes), [i * NS // 4 for i in range(11)], found)
    assert values[4][0] is not None
    assert least <= values[4][0] <= most


def test_what_cannot_be_compared_is_not_measured() -> None:
    frames, found = film(MOVING, held=True)
    assert contact.measure_contact(frames[:1], SAMPLE_NS[:1], found[:1]) == [[None]]
    far = [0, NS, 2 * NS, 3 * NS, 4 * NS, 5 * NS]
    assert contact.measure_contact(frames, far, found) == [[None]] * 6
    lone = [[], [], found[2], [], [], found[5]]  # too soon before and after to say what was left behind
    assert contact.measure_contact(frames, SAMPLE_NS, lone) == [[], [], [None], [], [], [None]]
    assert contact.measure_contact([], [], []) == []


def test_evidence_repeats_and_stays_in_bounds() -> None:
    frames, found = film(MOVING, held=True)
    once = contact.measure_contact(frames, SAMPLE_NS, found)
    assert once == contact.measure_contact(frames, SAMPLE_NS, found)
    assert all(v is not None and 0 <= v <= 1 for of_sample in once for v in of_sample)


def test_a_similarity_is_recovered() -> None:
    points = hand_at(100, 200)
    turn = np.array([[0.8, -0.3, 12.0], [0.3, 0.8, -7.0]])
    moved = points @ turn[:, :2].T + turn[:, 2]
    np.testing.assert_allclose(similarity(points, moved), turn, atol=1e-9)


class Scripted:
    """A detector that knows the answer."""

    version = "scripted"

    def __init__(self, found: list[list[Json]]) -> None:
        self._found = found

    def find_hands(self, frames: Sequence[NDArray[np.uint8]]) -> list[list[Json]]:
        assert {frame.dtype for frame in frames} == {np.dtype(np.uint8)}
        return self._found


def test_a_track_numbers_samples_and_keeps_what_was_seen() -> None:
    frames, found = film(MOVING, held=True)
    found[2] = []
    hands = track_hands(frames, SAMPLE_NS, Scripted(found))
    assert [h["sample"] for h in hands] == [0, 1, 3, 4, 5]
    assert [h["keypoints"] for h in hands] == [of[0]["keypoints"] for of in found if of]
    assert all(h["contact"] is not None for h in hands)
    with pytest.raises(ValueError, match="frames"):
        track_hands(frames, SAMPLE_NS[:2], Scripted(found))
