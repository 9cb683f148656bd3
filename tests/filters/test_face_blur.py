"""What is left of a blurred region, which frames it reaches, and what stays as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from filters.face_blur import (
    CELLS,
    GRID,
    SAME_FACE_NS,
    blur_faces,
    cell_means,
    faces_near,
    overlap_shares,
    with_lasting,
)

Array = NDArray[Any]
NONE = np.empty((0, 5), np.float32)


def picture(seed: int, size: tuple[int, int] = (64, 96)) -> Array:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def face(x0: float, y0: float, x1: float, y1: float, score: float = 0.9) -> Array:
    return np.array([[x0, y0, x1, y1, score]], np.float32)


SIDE = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted)


def _boxes(sides: tuple[list[float], list[float]]) -> Array:
    return face(sides[0][0], sides[1][0], sides[0][1], sides[1][1])


@settings(max_examples=150, deadline=None)
@given(st.tuples(SIDE, SIDE), st.integers(0, 9), st.sampled_from([(64, 96), (7, 5), (1, 1), (252, 448)]))
def test_the_whole_box_is_covered_and_nothing_is_far_from_it(
    sides: tuple[list[float], list[float]], seed: int, size: tuple[int, int]
) -> None:
    rgb, boxes = picture(seed, size), _boxes(sides)
    kept = rgb.copy()
    out = blur_faces(rgb, boxes)
    assert (out.shape, out.dtype) == (rgb.shape, rgb.dtype)
    assert (rgb == kept).all(), "the picture given is changed"
    (x0, x1), (y0, y1) = sides
    height, width = size
    # Noise does not equal a mean of noise: what is unchanged in all three colours was not covered.
    same = (out == rgb).all(axis=2)
    if height * width > 1000 and (x1 - x0) * (y1 - y0) > 0.01:
        inside = same[round(y0 * height) : round(y1 * height), round(x0 * width) : round(x1 * width)]
        assert inside.mean() < 0.02
    x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    reach_x, reach_y = 0.25 * (x1 - x0) + 3 / GRID, 0.25 * (y1 - y0) + 3 / GRID
    far = ((x < x0 - reach_x) | (x > x1 + reach_x))[None] | ((y < y0 - reach_y) | (y > y1 + reach_y))[:, None]
    assert same[far].all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_what_is_written_is_a_function_of_the_cells_means_alone(seed: int, random: Any) -> None:
    """Pixels that change their places inside their cell leave the covered region bit for bit as it was."""
    box = face(0.25, 0.25, 0.75, 0.75)  # on the grid; its ellipse reaches from .125 to .875
    rgb = picture(seed, (64, 128))
    rows, columns = slice(8, 56), slice(16, 112)
    moved = rgb.copy()
    region = moved[rows, columns]
    shape = cell_means(region).shape
    assert shape == (CELLS, CELLS, 3)
    order = np.random.default_rng(random.randint(0, 10**6))
    for top in range(0, 48, 48 // CELLS):
        for left in range(0, 96, 96 // CELLS):
            cell = region[top : top + 48 // CELLS, left : left + 96 // CELLS]
            flat = cell.reshape(-1, 3)
            cell[:] = flat[order.permutation(len(flat))].reshape(cell.shape)
    assert (moved != rgb).any()
    one, other = blur_faces(rgb, box), blur_faces(moved, box)
    covered = (one != rgb).any(axis=2)
    assert covered.mean() > 0.3
    assert np.abs(one.astype(int) - other)[covered & (other != moved).any(axis=2)].max() == 0


def test_a_region_loses_its_detail_and_all_likeness() -> None:
    rgb = picture(3, (128, 128))
    out = blur_faces(rgb, face(0.2, 0.2, 0.8, 0.8))[40:88, 40:88].astype(float)
    before = rgb[40:88, 40:88].astype(float)
    assert out.var() < 0.02 * before.var()
    assert abs(np.corrcoef(out.ravel(), before.ravel())[0, 1]) < 0.15


def test_a_small_region_keeps_one_colour() -> None:
    assert cell_means(picture(1, (11, 11))).shape == (1, 1, 3)
    assert cell_means(picture(1, (12, 30))).shape == (2, 2, 3)


@pytest.mark.parametrize("box", [(0.4, 0.4, 0.40001, 0.40001), (1.0, 1.0, 1.0, 1.0), (-0.5, -0.5, -0.4, -0.4)])
def test_boxes_of_no_size_or_outside_do_not_fail(box: tuple[float, float, float, float]) -> None:
    assert blur_faces(picture(1), face(*box)).shape == (64, 96, 3)
    assert (blur_faces(picture(1), NONE) == picture(1)).all()


def test_last_bits_of_a_box_do_not_change_the_picture() -> None:
    box = (0.31, 0.22, 0.57, 0.63)
    other = tuple(v + 1e-6 for v in box)
    assert (blur_faces(picture(5), face(*box)) == blur_faces(picture(5), face(*other))).all()


def test_a_face_that_one_look_misses_stays_blurred_and_one_that_moved_is_not_blurred_twice() -> None:
    before = np.concatenate([face(0.1, 0.1, 0.3, 0.4), face(0.6, 0.1, 0.8, 0.4)])
    now = face(0.12, 0.11, 0.32, 0.41)
    faces = with_lasting(now, before)
    assert faces.tolist() == [now[0].tolist(), before[1].tolist()]
    assert with_lasting(NONE, NONE).shape == (0, 5)
    assert with_lasting(NONE, before).tolist() == before.tolist()


def test_a_frame_takes_the_faces_of_the_samples_around_it() -> None:
    seen = [(0, face(0, 0, 0.1, 0.1)), (250_000_000, face(0.1, 0, 0.2, 0.1)), (900_000_000, face(0.5, 0.5, 1, 1))]
    assert faces_near(seen, 100_000_000)[:, 0].tolist() == pytest.approx([0, 0.1])
    assert faces_near(seen, 700_000_000)[:, 0].tolist() == pytest.approx([0.5])
    assert faces_near(seen, 250_000_000 + SAME_FACE_NS + 1).shape == (0, 5)
    assert faces_near([], 0).shape == (0, 5)


def test_overlap_is_a_share() -> None:
    boxes = np.concatenate([face(0, 0, 0.5, 0.5), face(0.25, 0, 0.75, 0.5), face(0.6, 0.6, 1, 1)])
    np.testing.assert_allclose(overlap_shares(boxes[0], boxes), [1, 1 / 3, 0], atol=1e-6)
