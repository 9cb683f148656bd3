"""Closed meshes with the signed distance of the same body: lathes, rounded boxes, tubes. Metres."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simworld.scene_types import Floats, Ints, Material, Mesh, Pose

Distance = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Solid:
    """A body: its closed surface, triangles anticlockwise from outside, and the signed distance of points (N, 3)."""

    vertices: Floats
    faces: Ints
    distance: Distance

    def at(self, position: Sequence[float], rotation: Floats | None = None) -> Solid:
        """The same body elsewhere."""
        pose = Pose(np.asarray(position, float), np.eye(3) if rotation is None else rotation)
        return Solid(pose.to_world(self.vertices), self.faces, lambda points: self.distance(pose.to_local(points)))

    def mesh(self, material: Material, colours: Floats | None = None, smooth: bool = True) -> Mesh:
        """Its surface in a material."""
        return Mesh(self.vertices, self.faces, material, smooth, colours)


def union(*solids: Solid) -> Distance:
    """The signed distance of several: exact outside them."""
    return lambda points: np.min([solid.distance(points) for solid in solids], axis=0)


def axis_rotation(axis: str, angle_rad: float) -> Floats:
    """Rotation (3, 3) about x, y or z."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[[i, i, j, j], [i, j, i, j]] = c, -s, s, c
    return matrix


def round_corners(corners: Sequence[tuple[float, ...]], steps: int = 4) -> Floats:
    """An open polyline (N, 2) from corners (x, y[, radius]), the inner ones with a radius made round."""
    out: list[Floats] = []
    for index, corner in enumerate(corners):
        point, radius = np.asarray(corner[:2], float), corner[2] if len(corner) > 2 else 0.0
        if radius == 0 or index in (0, len(corners) - 1):
            out.append(point[None])
            continue
        a, b = (np.asarray(corners[k][:2], float) - point for k in (index - 1, index + 1))
        a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
        half = np.arccos(np.clip(a @ b, -1, 1)) / 2
        centre = point + (a + b) / np.linalg.norm(a + b) * radius / np.sin(half)
        start, stop = (point + way * radius / np.tan(half) - centre for way in (a, b))
        span = np.pi - 2 * half
        shares = np.linspace(0, 1, steps + 1)[:, None]
        out.append(centre + (np.sin((1 - shares) * span) * start + np.sin(shares * span) * stop) / np.sin(span))
    return np.concatenate(out)


def lathe(profile: Floats, segments: int = 40, stretch: float = 1.0) -> Solid:
    """An outline (N, 2) of radius and height, anticlockwise from axis to axis, turned about z.

    stretch: factor of y. The distance is the outline's own, so with a stretch it is at most the true one.
    """
    inner = profile[1:-1]
    turn = np.arange(segments) / segments * 2 * np.pi
    ring = np.stack([np.cos(turn), np.sin(turn) * stretch], 1)
    walls = np.concatenate([inner[:, None, :1] * ring, np.repeat(inner[:, None, 1:], segments, 1)], 2).reshape(-1, 3)
    poles = np.array([[0, 0, profile[0, 1]], [0, 0, profile[-1, 1]]])
    faces = _skin(len(inner), segments)

    def distance(points: Floats) -> Floats:
        flat = np.stack([np.hypot(points[:, 0], points[:, 1] / stretch), points[:, 2]], 1)
        return _outline(flat, profile)

    return Solid(np.concatenate([walls, poles]), faces, distance)


def _outline(points: Floats, line: Floats) -> Floats:
    """Signed distance (N,) of points (N, 2) to a polyline (M, 2) that the axis x = 0 closes."""
    nearest = np.full(len(points), np.inf)
    inside = np.zeros(len(points), bool)
    px, py = points[:, 0], points[:, 1]
    for (ax, ay), (bx, by) in pairwise(line):
        ex, ey = bx - ax, by - ay
        share = np.clip(((px - ax) * ex + (py - ay) * ey) / max(ex * ex + ey * ey, 1e-18), 0, 1)
        nearest = np.minimum(nearest, (px - ax - share * ex) ** 2 + (py - ay - share * ey) ** 2)
        if ey != 0:
            inside ^= ((ay > py) != (by > py)) & (px < ax + (py - ay) * ex / ey)
    return np.asarray(np.where(inside, -1.0, 1.0) * np.sqrt(nearest))


def box(size: Sequence[float], radius: float = 0.0, steps: int = 3) -> Solid:
    """A box with rounded edges, its foot on z = 0, centred in x and y."""
    half = np.asarray(size, float) / 2
    radius = float(min(max(radius, 1e-5), half.min() * 0.999))
    rise = np.tan(np.linspace(0, np.pi / 4, steps + 1)) * radius
    lines = [np.concatenate([-(h - radius) - rise[::-1], (h - radius) + rise]) for h in half]
    parts, faces, count = [], [], 0
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        grid_u, grid_v = np.meshgrid(lines[u], lines[v], indexing="ij")
        rows, columns = grid_u.shape
        at = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
        quad = np.stack([at, at + columns, at + columns + 1, at, at + columns + 1, at + 1], 1).reshape(-1, 3)
        for sign in (-1, 1):
            side = np.empty((rows * columns, 3))
            side[:, u], side[:, v], side[:, axis] = grid_u.ravel(), grid_v.ravel(), sign * half[axis]
            parts.append(side)
            faces.append((quad if sign > 0 else quad[:, ::-1]) + count)
            count += len(side)
    points, index = np.unique(np.concatenate(parts).round(7), axis=0, return_inverse=True)
    core = np.clip(points, -(half - radius), half - radius)
    away = points - core
    vertices = core + away / np.linalg.norm(away, axis=1, keepdims=True) * radius
    lift = np.array([0, 0, half[2]])

    def distance(at: Floats) -> Floats:
        q = np.abs(at - lift) - (half - radius)
        return np.asarray(np.linalg.norm(np.maximum(q, 0), axis=1) + np.minimum(q.max(axis=1), 0) - radius)

    return Solid(vertices + lift, index.ravel()[np.concatenate(faces)].astype(np.int32), distance)


def tube(path: Floats, radius: float, segments: int = 12, caps: int = 4) -> Solid:
    """A round bar of one radius along a polyline (N, 3), with half spheres as ends."""
    ways = np.gradient(path, axis=0)
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    lean = np.linspace(0, np.pi / 2, caps + 1)[1:]
    head = [(path[0] - ways[0] * radius * np.sin(t), ways[0], np.cos(t)) for t in lean[::-1]]
    body = [(point, way, 1.0) for point, way in zip(path, ways, strict=True)]
    tail = [(path[-1] + ways[-1] * radius * np.sin(t), ways[-1], np.cos(t)) for t in lean]
    rings = [*head[1:], *body, *tail[:-1]]
    side = np.cross(ways[0], np.eye(3)[np.argmin(np.abs(ways[0]))])
    turn = np.arange(segments) / segments * 2 * np.pi
    vertices = []
    for centre, way, share in rings:
        side = side - way * (side @ way)
        side /= np.linalg.norm(side)
        spoke = np.cos(turn)[:, None] * side + np.sin(turn)[:, None] * np.cross(way, side)
        vertices.append(centre + spoke * radius * share)
    walls = np.concatenate(vertices)
    poles = np.stack([head[0][0], tail[-1][0]])
    faces = _skin(len(rings), segments)

    def distance(points: Floats) -> Floats:
        nearest = np.full(len(points), np.inf)
        for a, b in pairwise(path):
            share = np.clip((points - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
            nearest = np.minimum(nearest, np.linalg.norm(points - a - share[:, None] * (b - a), axis=1))
        return nearest - radius

    return Solid(np.concatenate([walls, poles]), faces, distance)


def _skin(rings: int, segments: int) -> Ints:
    """Faces round rings of vertices, and to the two poles that follow them."""
    a = np.arange(rings - 1)[:, None] * segments + np.arange(segments)
    b = a - np.arange(segments) + (np.arange(segments) + 1) % segments
    sides = np.stack([a, b, a + segments, b, b + segments, a + segments], -1).reshape(-1, 3)
    first, last, poles = np.arange(segments), np.arange(segments) + (rings - 1) * segments, rings * segments
    foot = np.stack([np.full(segments, poles), np.roll(first, -1), first], 1)
    head = np.stack([np.full(segments, poles + 1), last, np.roll(last, -1)], 1)
    return np.concatenate([sides, foot, head]).astype(np.int32)


def ellipsoid(radii: Sequence[float], segments: int = 32) -> Solid:
    """An ellipsoid with its foot on z = 0. The distance is exact for a sphere, else good to first order."""
    r = np.asarray(radii, float)
    lean = np.linspace(-np.pi / 2, np.pi / 2, segments // 2 + 1)
    ball = lathe(np.stack([np.cos(lean), np.sin(lean)], 1), segments)
    lift = np.array([0, 0, r[2]])

    def distance(points: Floats) -> Floats:
        p = points - lift
        if r.max() == r.min():
            return np.asarray(np.linalg.norm(p, axis=1) - r[0])
        k0, k1 = np.linalg.norm(p / r, axis=1), np.linalg.norm(p / r**2, axis=1)
        return np.asarray(np.where(k0 < 1e-9, -r.min(), k0 * (k0 - 1) / np.maximum(k1, 1e-9)))

    return Solid(ball.vertices * r + lift, ball.faces, distance)


def arc(radius: float, start_rad: float, stop_rad: float, steps: int = 14) -> Floats:
    """Points (steps + 1, 3) of a circle in the x-z plane, from start to stop, anticlockwise from +x to +z."""
    turn = np.linspace(start_rad, stop_rad, steps + 1)
    return np.stack([radius * np.cos(turn), np.zeros_like(turn), radius * np.sin(turn)], 1)


def ring(outer: float, inner: float, low: float, high: float, segments: int = 44) -> Solid:
    """A sleeve about z: four walls, closed."""
    turn = np.arange(segments) / segments * 2 * np.pi
    corners = [(outer, low), (outer, high), (inner, high), (inner, low)]
    ring = np.stack([np.cos(turn), np.sin(turn)], 1)
    vertices = np.concatenate([np.c_[r * ring, np.full(segments, z)] for r, z in corners])
    i, j = np.arange(segments), (np.arange(segments) + 1) % segments
    faces = []
    for k in range(4):
        a, b = k * segments, (k + 1) % 4 * segments
        faces += [np.stack([a + i, a + j, b + i], 1), np.stack([a + j, b + j, b + i], 1)]

    def distance(points: Floats) -> Floats:
        q = np.stack([np.hypot(points[:, 0], points[:, 1]) - (outer + inner) / 2, points[:, 2] - (low + high) / 2], 1)
        q = np.abs(q) - ((outer - inner) / 2, (high - low) / 2)
        return np.asarray(np.linalg.norm(np.maximum(q, 0), axis=1) + np.minimum(q.max(axis=1), 0))

    return Solid(vertices, np.concatenate(faces).astype(np.int32), distance)
