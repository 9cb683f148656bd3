"""Faces, found and blurred in the sandboxed children that decode and encode, before a frame is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from filters import face_blur
from filters.face_blur import Array
from infra.models import centerface as face_model

# Columns of a clip that was not looked at.
UNREDACTED: dict[str, Any] = {"redaction": None, "redaction_state": None, "faces": []}
FIELDS = ("x0", "y0", "x1", "y1", "score")
CARRIED_NS = 1_000_000_000  # a sample later than this after the last one shows another scene


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

    def columns(self, end_ns: int) -> dict[str, Any]:
        """A clip's columns, of the samples before its end; they are then forgotten."""
        taken = [(t, faces) for t, faces in self._found if t < end_ns]
        self._found = [(t, faces) for t, faces in self._found if t >= end_ns]
        rows = [{"t_ns": t} | _plain(face) for t, faces in taken for face in faces]
        return {"redaction": version(), "redaction_state": "blurred" if rows else "none_found", "faces": rows}

    def faces(self, rgb: Array) -> Array:
        """Faces of a frame, float32 (N, 5)."""
        return self._detector.faces(rgb)


def _plain(face: Array) -> dict[str, float]:
    return dict(zip(FIELDS, (float(v) for v in face), strict=True))


def by_time(rows: Sequence[dict[str, Any]]) -> list[tuple[int, Array]]:
    """clips.faces as face_blur.faces_near reads it."""
    times: dict[int, list[list[float]]] = {}
    for row in rows:
        times.setdefault(row["t_ns"], []).append([row[name] for name in FIELDS])
    return [(t, np.array(faces, np.float32)) for t, faces in sorted(times.items())]
