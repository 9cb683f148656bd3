"""Faces, found and blurred in the sandboxed children that decode and encode, before a frame is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from filters import face_blur
from filters.face_blur import Array
from infra.models import centerface as face_model
from schemas.recordings import StoredFace

CARRIED_NS = 1_000_000_000  # a sample later than this after the last one shows another scene


@dataclass(frozen=True, slots=True)
class Redaction:
    """What looked for faces in a clip (None: nothing did), how it ended, and the faces: columns of the clip."""

    version: str | None = None
    state: str | None = None
    faces: list[StoredFace] = field(default_factory=list)


def version() -> str:
    """Name of what looks and blurs: clips.redaction."""
    return f"{face_model.version()}+{face_blur.VERSION}"


class Redactor:
    """One child's: the model, the faces of the samples that no clip has yet taken, and the sample before."""

    def __init__(self, weights: Path) -> None:
        cv2.setNumThreads(1)  # a child is a core
        self._detector = face_model.FaceDetector(weights)
        self._found: list[tuple[int, Array]] = []
        self._before: tuple[int, Array] | None = None

    def sample(self, rgb: Array, t_ns: int) -> Array:
        """A sample of the pass with its faces blurred, and those of the sample before that it seems to have lost."""
        now = self._detector.faces(rgb)
        known = self._before[1] if self._before and t_ns - self._before[0] <= CARRIED_NS else now[:0]
        faces = face_blur.with_lasting(now, known)
        self._before = t_ns, now
        self._found.append((t_ns, faces))
        return face_blur.blur_faces(rgb, faces)

    def redaction(self, end_ns: int) -> Redaction:
        """What was found in a clip, of the samples before its end; they are then forgotten."""
        taken = [(t, faces) for t, faces in self._found if t < end_ns]
        self._found = [(t, faces) for t, faces in self._found if t >= end_ns]
        rows = [_stored(t, face) for t, faces in taken for face in faces]
        return Redaction(version(), "blurred" if rows else "none_found", rows)

    def faces(self, rgb: Array) -> Array:
        """Faces of a frame, float32 (N, 5)."""
        return self._detector.faces(rgb)


def _stored(t_ns: int, face: Array) -> StoredFace:
    x0, y0, x1, y1, score = (float(value) for value in face)
    return StoredFace(t_ns=t_ns, x0=x0, y0=y0, x1=x1, y1=y1, score=score)


def by_time(rows: Sequence[StoredFace]) -> list[tuple[int, Array]]:
    """clips.faces as face_blur.faces_near reads it."""
    times: dict[int, list[list[float]]] = {}
    for row in rows:
        times.setdefault(row["t_ns"], []).append([row["x0"], row["y0"], row["x1"], row["y1"], row["score"]])
    return [(t, np.array(faces, np.float32)) for t, faces in sorted(times.items())]
