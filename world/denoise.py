"""Light without its grain: an edge-stopping a-trous filter (Dammertz et al. 2010) over what albedo does not explain."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32]
LEVELS = 4


def denoised(colour: Image, albedo: Image, normal: Image, depth: Image) -> Image:
    """Colour (H, W, 3) linear with less noise; albedo (H, W, 3), normals (H, W, 3), depth (H, W) in m guide it."""
    base = np.maximum(albedo, 0.04)
    light = _without_sparks(colour / base)
    for level in range(LEVELS):
        light = _pass(light, normal, depth, 1 << level, 0.6 * 0.7**level)
    return np.asarray(light * base, np.float32)


def _without_sparks(light: Image) -> Image:
    """Single bright pixels held to 1.5 times the middle of their neighbours."""
    middle = cv2.medianBlur(light, 3)
    return np.minimum(light, middle * 1.5 + 0.05)


def _pass(light: Image, normal: Image, depth: Image, step: int, sigma: float) -> Image:
    """Each pixel averaged with eight others `step` away, where normal, depth and brightness agree."""
    tone = np.log1p(cv2.blur(light.mean(2), (3, 3)) * 4)
    guide = np.dstack([normal * 4, np.log(np.maximum(depth, 0.05)) * (24 / step), tone / sigma]).astype(np.float32)
    total, weights = light.copy(), np.ones(light.shape[:2], np.float32)
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        a, b = _pair(light.shape, dy * step, dx * step)
        gap = guide[a] - guide[b]
        weight = cv2.exp(-np.einsum("ijk,ijk->ij", gap, gap)) * (0.7 if dy and dx else 1.0)
        total[a] += weight[..., None] * light[b]
        total[b] += weight[..., None] * light[a]
        weights[a] += weight
        weights[b] += weight
    return np.asarray(total / weights[..., None], np.float32)


def _pair(shape: tuple[int, ...], dy: int, dx: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Slices of pixels, and of those at (dy, dx) from them."""
    h, w = shape[:2]
    ys, xs = (slice(0, h - dy), slice(dy, h)), (slice(max(0, -dx), w - max(0, dx)), slice(max(0, dx), w - max(0, -dx)))
    return (ys[0], xs[0]), (ys[1], xs[1])
