"""A picture without its grain: an edge-stopping a-trous filter (Dammertz et al. 2010) as strong as the noise there is.

The noise is what a small median takes away: grain goes, edges and grain of wood stay. No albedo guides it: Mitsuba's
AOV integrator costs four times the picture.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32]
STRENGTH = 1.4  # of the measured noise: a median of nine leaves some
FLOOR = 1e-5  # squared difference of square roots of light that is noise anywhere


def denoise(picture: Image, depth: Image, levels: int = 4) -> Image:
    """A linear picture (H, W, 3) with less noise; depth (H, W) in m parts surfaces."""
    light = np.sqrt(np.maximum(picture, 0))
    middle = cv2.medianBlur(light, 3)
    noise = np.maximum(cv2.blur(((light - middle) ** 2).mean(2), (9, 9)), 0)  # running sums may end below 0
    grainy = 2.5 * np.sqrt(noise)[..., None]
    light = np.clip(light, middle - grainy, middle + grainy)  # single sparks
    guide = _depth_guide(depth)
    for level in range(levels):
        light = _pass(light, guide, noise * (STRENGTH * 0.5**level) + FLOOR, 1 << level)
    return np.asarray(light * light, np.float32)


def _depth_guide(depth: Image) -> Image:
    """(H, W, 3): log depth and its smoothed slopes, so that one plane is one surface whatever its tilt."""
    far = np.log(np.maximum(depth, 0.05)).astype(np.float32)
    soft = cv2.blur(far, (3, 3))
    return np.dstack(
        [far, cv2.Sobel(soft, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(soft, cv2.CV_32F, 0, 1, scale=0.125)]
    )


def _pass(light: Image, guide: Image, noise: Image, step: int) -> Image:
    """Each pixel averaged with eight others `step` away, where depth and brightness agree."""
    total, weights = light.copy(), np.ones(light.shape[:2], np.float32)
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        a, b = _shifted_slices(light.shape, dy * step, dx * step)
        gap = light[a] - light[b]
        stray = cv2.transform(gap * gap, np.full((1, 3), 1 / 3, np.float32))
        slopes = guide[a] + guide[b]
        off = guide[b][..., 0] - guide[a][..., 0] - (slopes[..., 1] * dx + slopes[..., 2] * dy) * (step / 2)
        weight = cv2.exp(-stray / (noise[a] + noise[b]) - (off * off) * (4e3 / step))
        total[a] += weight[..., None] * light[b]
        total[b] += weight[..., None] * light[a]
        weights[a] += weight
        weights[b] += weight
    return np.asarray(total / weights[..., None], np.float32)


def _shifted_slices(shape: tuple[int, ...], dy: int, dx: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Slices of pixels, and of those at (dy, dx) from them."""
    h, w = shape[:2]
    left, right = slice(max(0, -dx), w - max(0, dx)), slice(max(0, dx), w - max(0, -dx))
    return (slice(0, h - dy), left), (slice(dy, h), right)
