"""Patterns: noise at points, tileable pictures of materials, and how a mesh is unfolded onto them."""

from __future__ import annotations

import zlib

import cv2
import numpy as np
import numpy.typing as npt

from simworld.scene_types import Floats, Ints, Mesh, Rgb

Image = npt.NDArray[np.float32]
SIDE_PX = 512
SPAN_M = {"wood": 0.9, "planks": 0.9, "cloth": 0.12, "tiles": 0.6, "marble": 0.8, "brushed": 0.4, "plaster": 1.2}


def noise(points: Floats, waves_m: tuple[float, ...], seed: int) -> Floats:
    """Smooth noise (N,) about 0 with deviation about 1: waves of these lengths in twelve directions each."""
    rng = np.random.default_rng([seed, 77])
    total = np.zeros(len(points))
    for rank, wave in enumerate(waves_m):
        ways = rng.normal(size=(12, 3))
        ways *= (2 * np.pi / wave * rng.uniform(0.6, 1.4, 12) / np.linalg.norm(ways, axis=1))[:, None]
        total += np.cos(points @ ways.T + rng.uniform(0, 2 * np.pi, 12)).sum(1) / np.sqrt(6) * 0.6**rank
    return np.asarray(total / np.sqrt(sum(0.36**k for k in range(len(waves_m)))))


def picture(texture: str, colour: Rgb) -> Image:
    """A tileable picture (512, 512, 3) of linear reflectance; its first row is the top, v = 1."""
    rng = np.random.default_rng([zlib.crc32(texture.encode()), *(int(c * 4095) for c in colour)])
    made = _PATTERNS[texture](np.asarray(colour, np.float32), rng)
    return np.asarray(np.clip(made, 0.01, 0.95), np.float32)


def _clouds(rng: np.random.Generator, cells_x: int, cells_y: int, octaves: int = 4) -> Image:
    """Tileable noise (512, 512) about 0, deviation 1."""
    total = np.zeros((SIDE_PX, SIDE_PX), np.float32)
    for octave in range(octaves):
        grid = rng.normal(size=(min(cells_y << octave, 512), min(cells_x << octave, 512))).astype(np.float32)
        wide = cv2.resize(np.tile(grid, (3, 3)), (3 * SIDE_PX, 3 * SIDE_PX), interpolation=cv2.INTER_CUBIC)
        total += wide[SIDE_PX : 2 * SIDE_PX, SIDE_PX : 2 * SIDE_PX] * 0.55**octave
    return np.asarray(total / total.std(), np.float32)


def _wood(colour: Image, rng: np.random.Generator, boards: int = 1) -> Image:
    grain, rings = _clouds(rng, 2, 48, 3), _clouds(rng, 1, 6, 4)
    lines = np.sin(rings * 5 + np.arange(SIDE_PX)[:, None] / SIDE_PX * 2 * np.pi * 12)
    shade = 1 + 0.10 * grain + 0.10 * lines
    if boards > 1:
        tall = SIDE_PX // boards
        board = np.arange(SIDE_PX) // tall
        tint = rng.uniform(0.8, 1.15, boards)[np.minimum(board, boards - 1)]
        shade = np.concatenate(
            [np.roll(shade[b * tall : (b + 1) * tall], int(rng.integers(512)), 1) for b in range(boards)]
        )
        shade = np.pad(shade, ((0, SIDE_PX - len(shade)), (0, 0)), mode="edge") * tint[:, None]
        shade[np.arange(SIDE_PX) % tall < 3] *= 0.45
    warm = np.array([0.10, 0.0, -0.12], np.float32) * (grain * 0.3)[..., None]
    return np.asarray(colour * shade[..., None] * (1 + warm))


def _cloth(colour: Image, rng: np.random.Generator) -> Image:
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX] / SIDE_PX * 2 * np.pi * 40
    weave = np.sin(x) * np.sin(y) * 0.12 + 0.05 * _clouds(rng, 8, 8)
    return np.asarray(colour * (1 + weave)[..., None])


def _tiles(colour: Image, rng: np.random.Generator) -> Image:
    count, tall = 4, SIDE_PX // 4
    tint = rng.normal(1, 0.05, (count, count)).astype(np.float32)
    out = (
        colour
        * np.kron(tint, np.ones((tall, tall), np.float32))[..., None]
        * (1 + 0.02 * _clouds(rng, 6, 6))[..., None]
    )
    edge = np.minimum(np.arange(SIDE_PX) % tall, tall - 1 - np.arange(SIDE_PX) % tall) < 3
    out[edge] = 0.42
    out[:, edge] = 0.42
    return np.asarray(out)


def _marble(colour: Image, rng: np.random.Generator) -> Image:
    vein = np.abs(_clouds(rng, 3, 2, 5))
    return np.asarray(colour * (1 - 0.45 * np.exp(-((vein / 0.07) ** 2)) + 0.04 * _clouds(rng, 4, 4))[..., None])


def _brushed(colour: Image, rng: np.random.Generator) -> Image:
    return np.asarray(colour * (1 + 0.07 * _clouds(rng, 2, 200, 2))[..., None])


def _plaster(colour: Image, rng: np.random.Generator) -> Image:
    return np.asarray(colour * (1 + 0.025 * _clouds(rng, 6, 6, 5))[..., None])


def _print(colour: Image, rng: np.random.Generator) -> Image:
    """Packaging: a field of colour, a band, a sun, a name in blocks and small print."""
    other = np.clip(1 - colour + rng.uniform(-0.2, 0.2, 3), 0.05, 0.85).tolist()
    pale, dark = (0.85, 0.83, 0.78), (0.04, 0.04, 0.05)
    out = np.ascontiguousarray(np.broadcast_to(colour, (SIDE_PX, SIDE_PX, 3)).astype(np.float32))
    out *= np.linspace(1.15, 0.8, SIDE_PX, dtype=np.float32)[:, None, None]
    cv2.circle(
        out,
        (int(rng.integers(140, 370)), int(rng.integers(300, 380))),
        int(rng.integers(80, 120)),
        other,
        -1,
        cv2.LINE_AA,
    )
    cv2.rectangle(out, (40, 60), (472, 190), pale, -1)
    left = 70
    while left < 420:
        wide = int(rng.integers(22, 60))
        cv2.rectangle(out, (left, 85), (min(left + wide, 445), 150), dark if rng.random() < 0.7 else other, -1)
        left += wide + 12
    for row in range(450, 496, 14):
        cv2.line(out, (60, row), (int(rng.integers(250, 450)), row), pale, 4)
    cv2.rectangle(out, (2, 2), (509, 509), pale, 5)
    return out


def _label(colour: Image, rng: np.random.Generator) -> Image:
    """A label that runs round a can: the packaging twice, without its frame."""
    half = cv2.resize(_print(colour, rng)[8:-8, 8:-8], (SIDE_PX // 2, SIDE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(np.tile(half, (1, 2, 1)))


_PATTERNS = {
    "wood": _wood,
    "planks": lambda colour, rng: _wood(colour, rng, 7),
    "cloth": _cloth,
    "tiles": _tiles,
    "marble": _marble,
    "brushed": _brushed,
    "plaster": _plaster,
    "print": _print,
    "label": _label,
}
PICTURED = frozenset(_PATTERNS)


def unfold(mesh: Mesh) -> tuple[Ints, Ints, Floats]:
    """(origin (W,), faces (F, 3), uv (W, 2)): W vertices, each one of the mesh's, split where the picture has seams."""
    if mesh.material.texture == "label":
        return _round_z(mesh)
    v, f = mesh.vertices, mesh.faces
    normal = np.cross(v[f[:, 1]] - v[f[:, 0]], v[f[:, 2]] - v[f[:, 0]])
    axis = np.abs(normal).argmax(1)
    pairs, faces = np.unique((f.astype(np.int64) * 3 + axis[:, None]).ravel(), return_inverse=True)
    origin, axis = (pairs // 3).astype(np.int32), pairs % 3
    points = v[origin]
    low, high = v.min(0), v.max(0)
    across = np.array([[1, 2], [0, 2], [0, 1]])[axis]
    rows = np.arange(len(points))[:, None]
    if mesh.material.texture == "print":
        uv = (points[rows, across] - low[across]) / np.maximum(high - low, 1e-6)[across]
    else:
        long = np.argsort(-(high - low), kind="stable")[0]
        swap = across[:, 1] == long  # the grain follows the longest side
        across[swap] = across[swap][:, ::-1]
        uv = points[rows, across] / SPAN_M[mesh.material.texture]
    return origin, faces.reshape(-1, 3).astype(np.int32), uv


def _round_z(mesh: Mesh) -> tuple[Ints, Ints, Floats]:
    v, f = mesh.vertices, mesh.faces
    turn = np.arctan2(v[:, 1], v[:, 0]) / (2 * np.pi)
    corner = turn[f]
    wraps = (corner.max(1) - corner.min(1)) > 0.5
    late = wraps[:, None] & (corner < 0)
    pairs, faces = np.unique((f.astype(np.int64) * 2 + late).ravel(), return_inverse=True)
    origin = (pairs // 2).astype(np.int32)
    low, high = v[:, 2].min(), v[:, 2].max()
    uv = np.stack([turn[origin] + pairs % 2, (v[origin, 2] - low) / (high - low)], 1)
    return origin, faces.reshape(-1, 3).astype(np.int32), uv
