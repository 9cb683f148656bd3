"""One Catmull-Clark step over a mesh of quads (Catmull and Clark 1978; borders as curves)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simworld.scene_types import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Subdivision:
    """Vertices of the finer mesh: the old ones (count_old), then one an edge, then one a face."""

    quads: Ints  # (F, 4) of the old mesh
    edges: Ints  # (E, 2)
    edge_of: Ints  # (F, 4): of the side from a quad's corner to its next
    count_old: int

    @property
    def count(self) -> int:
        """Vertices of the finer mesh."""
        return self.count_old + len(self.edges) + len(self.quads)

    @property
    def parts(self) -> Ints:
        """(F, 9) finer vertices of each old quad: its corners, its edges, its middle."""
        middle = self.count_old + len(self.edges) + np.arange(len(self.quads))
        return np.concatenate([self.quads, self.count_old + self.edge_of, middle[:, None]], axis=1).astype(np.int32)

    @property
    def finer(self) -> Ints:
        """(4 F, 4) quads of the finer mesh, wound as the old."""
        p = self.parts
        return np.concatenate([p[:, [k, 4 + k, 8, 4 + (k - 1) % 4]] for k in range(4)]).astype(np.int32)

    def apply(self, values: Floats) -> Floats:
        """(count_old, K) at the old vertices to (count, K): smoothed, linear in the values."""
        faces = values[self.quads].mean(axis=1)
        middles = values[self.edges].mean(axis=1)
        beside = np.bincount(self.edge_of.ravel(), minlength=len(self.edges))
        at_faces = _sums(self.edge_of.ravel(), np.repeat(faces, 4, axis=0), len(self.edges))
        inner = (beside == 2)[:, None]
        edge_points = np.where(inner, (2 * middles + at_faces) / 4, middles)
        return np.concatenate([self._old(values, faces, middles, beside < 2), edge_points, faces])

    def _old(self, values: Floats, faces: Floats, middles: Floats, border: npt.NDArray[np.bool_]) -> Floats:
        n = np.maximum(np.bincount(self.quads.ravel(), minlength=self.count_old), 1)[:, None]
        face_sum = _sums(self.quads.ravel(), np.repeat(faces, 4, axis=0), self.count_old)
        edge_sum = _sums(self.edges.T.ravel(), np.tile(middles, (2, 1)), self.count_old)
        inner = (face_sum / n + 2 * edge_sum / n + (n - 3) * values) / n
        rim = _sums(self.edges[border].T.ravel(), np.tile(middles[border], (2, 1)), self.count_old)
        rim_n = np.bincount(self.edges[border].ravel(), minlength=self.count_old)[:, None]
        return np.where(rim_n > 0, (values + rim / np.maximum(rim_n, 1)) / 2, inner)


def subdivision(quads: Ints) -> Subdivision:
    """Tables for a mesh whose vertices are 0 .. quads.max()."""
    sides = np.stack([quads, np.roll(quads, -1, axis=1)], axis=-1).reshape(-1, 2)
    edges, edge_of = np.unique(np.sort(sides, axis=1), axis=0, return_inverse=True)
    return Subdivision(quads, edges.astype(np.int32), edge_of.reshape(-1, 4).astype(np.int32), int(quads.max()) + 1)


def triangles(quads: Ints) -> Ints:
    """(2 F, 3) of (F, 4)."""
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)


def _sums(at: Ints, values: Floats, count: int) -> Floats:
    return np.stack([np.bincount(at, values[:, k], minlength=count) for k in range(values.shape[1])], axis=1)
