"""The embedded hand detector: palm detection, then landmarks and a presence gate, on LiteRT.

schemas.hands.HandDetector is what a detector is, so that a model on a GPU fits the same rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from infra.models import weights
from schemas.arrow import Json

Array = NDArray[Any]

PALM_PX = 192
HAND_PX = 224
MIN_PRESENCE = 0.5  # MediaPipe's own gate; the palm model alone fires on every robot hand
MIN_PALM_SCORE = 0.5  # MediaPipe's palm threshold
MAX_OVERLAP = 0.3  # MediaPipe's suppression threshold (IoU)
MAX_PALMS = 4  # looked at by the landmark model, best first
CROP_SCALE = 2.6  # MediaPipe's hand_landmark rectangle: 2.6 palms, moved half a palm towards the fingers
CROP_SHIFT = 0.5


def version(min_presence: float = MIN_PRESENCE) -> str:
    """Name of the embedded detector: models, weights and threshold."""
    return f"litert-hands-full-1-{weights.weights_digest()}-p{min_presence:.2f}"


class LiteHandDetector:
    """HandDetector on two .tflite files and one core, 3 to 9 ms a frame; equal pictures give equal hands."""

    def __init__(self, folder: Path | None = None, min_presence: float = MIN_PRESENCE) -> None:
        folder = folder or weights.hand_weights()
        self.version = version(min_presence)
        self._min_presence = min_presence
        self._palm = _interpreter(folder / weights.PALM)
        self._hand = _interpreter(folder / weights.LANDMARK)
        self._anchors = palm_anchors()

    def find_hands(self, frames: Sequence[NDArray[np.uint8]]) -> list[list[Json]]:
        """See schemas.hands.HandDetector."""
        return [self.detect(rgb) for rgb in frames]

    def detect(self, rgb: Array) -> list[Json]:
        """The hands of one picture, uint8 (H, W, 3): find_hands has what a hand is."""
        hands = [self._hand_at(rgb, *palm) for palm in self._palms(rgb)[:MAX_PALMS]]
        return distinct([h for h in hands if h is not None])

    def _palms(self, rgb: Array) -> list[tuple[float, Array, Array]]:
        picture, scale, offset = _letterbox(rgb)
        boxes, logits = _by_size(_run(self._palm, picture), 18, 1)
        palms = suppress(boxes[0], logits[0, :, 0], self._anchors)
        return [
            (score, (box * PALM_PX - offset) / scale, (points * PALM_PX - offset) / scale)
            for score, box, points in palms
        ]

    def _hand_at(self, rgb: Array, score: float, box: Array, points: Array) -> Json | None:
        to_crop = crop_transform(box, points)
        crop = cv2.warpAffine(rgb, to_crop, (HAND_PX, HAND_PX))
        # In the model's order: 63 picture landmarks, presence, handedness, 63 metric landmarks.
        landmarks, presence, handedness, _ = _run(self._hand, crop[None].astype(np.float32) / np.float32(255))
        if float(presence[0, 0]) < self._min_presence:
            return None
        at = landmarks[0].reshape(21, 3)[:, :2] @ np.linalg.inv(to_crop[:, :2]).T
        at -= np.linalg.inv(to_crop[:, :2]) @ to_crop[:, 2]
        return _hand(at / (rgb.shape[1], rgb.shape[0]), score, float(presence[0, 0]), float(handedness[0, 0]))


def palm_anchors() -> Array:
    """(2016, 2) float32 anchor centres, x and y, relative: 2 a cell of 24 x 24, 6 a cell of 12 x 12."""
    grids = []
    for cells, per_cell in ((24, 2), (12, 6)):
        y, x = np.mgrid[0:cells, 0:cells]
        centres = (np.stack([x.ravel(), y.ravel()], axis=1) + 0.5) / cells
        grids.append(np.repeat(centres, per_cell, axis=0))
    return np.concatenate(grids).astype(np.float32)


def suppress(raw: Array, logits: Array, anchors: Array) -> list[tuple[float, Array, Array]]:
    """Weighted non-maximum suppression: score, box (2, 2) and palm points (7, 2), relative, best first.

    raw: (N, 18) offsets of box centre, size and 7 points in px of PALM_PX; logits: (N,).
    """
    scores = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -100, 100)))
    at = np.flatnonzero(scores >= MIN_PALM_SCORE)
    scores, raw, anchors = scores[at], raw[at].astype(np.float64), anchors[at].astype(np.float64)
    centre, half = raw[:, :2] / PALM_PX + anchors, raw[:, 2:4] / PALM_PX / 2
    boxes = np.stack([centre - half, centre + half], axis=1)
    points = raw[:, 4:].reshape(-1, 7, 2) / PALM_PX + anchors[:, None]
    left, palms = np.argsort(-scores, kind="stable"), []
    while len(left):
        best = left[0]
        same = overlap(boxes[best], boxes[left]) > MAX_OVERLAP
        same[0] = True
        group = left[same]
        share = scores[group] / scores[group].sum()
        palms.append((float(scores[best]), np.tensordot(share, boxes[group], 1), np.tensordot(share, points[group], 1)))
        left = left[~same]
    return palms


def overlap(box: Array, boxes: Array) -> Array:
    """IoU of a (2, 2) box of corners with (N, 2, 2) boxes."""
    sides = np.minimum(box[1], boxes[:, 1]) - np.maximum(box[0], boxes[:, 0])
    both = np.prod(np.maximum(sides, 0), axis=1)
    either = np.prod(box[1] - box[0]) + np.prod(boxes[:, 1] - boxes[:, 0], axis=1) - both
    return np.asarray(both / (either + 1e-12))


def crop_transform(box: Array, points: Array) -> Array:
    """(2, 3) float64 affine from picture px to the landmark model's upright crop (MediaPipe's rectangle)."""
    to_middle_finger = points[2] - points[0]
    turn = math.atan2(to_middle_finger[1], to_middle_finger[0]) + math.pi / 2  # 0: fingers up
    across = np.array([math.cos(turn), math.sin(turn)])
    down = np.array([-math.sin(turn), math.cos(turn)])
    size = float((box[1] - box[0]).max())
    centre = (box[0] + box[1]) / 2 - down * size * CROP_SHIFT
    linear = np.stack([across, down]) * HAND_PX / (size * CROP_SCALE)
    return np.concatenate([linear, (HAND_PX / 2 - linear @ centre)[:, None]], axis=1)


def distinct(hands: list[Json]) -> list[Json]:
    """The hands without those that two palms found twice (boxes overlap by half), surest first."""
    surest: list[Json] = []
    for hand in sorted(hands, key=lambda h: -cast("float", h["presence"])):
        others = np.array([_corners(k) for k in surest]).reshape(-1, 2, 2)
        if not (overlap(_corners(hand), others) > 0.5).any():
            surest.append(hand)
    return surest


def _corners(hand: Json) -> Array:
    return np.array([[hand["x0"], hand["y0"]], [hand["x1"], hand["y1"]]], dtype=np.float64)


def _hand(points: Array, score: float, presence: float, right: float) -> Json:
    (x0, y0), (x1, y1) = np.clip(points, 0, 1).min(axis=0), np.clip(points, 0, 1).max(axis=0)
    return {
        "side": "right" if right >= 0.5 else "left",
        "side_score": max(right, 1 - right),
        "score": score,
        "presence": presence,
        "x0": float(x0),
        "y0": float(y0),
        "x1": float(x1),
        "y1": float(y1),
        "keypoints": [float(v) for v in points.ravel()],
    }


def _letterbox(rgb: Array) -> tuple[Array, float, Array]:
    """float32 (1, 192, 192, 3) in 0..1, px scale, and the picture's corner in it (x, y)."""
    height, width = rgb.shape[:2]
    scale = PALM_PX / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    x, y = (PALM_PX - size[0]) // 2, (PALM_PX - size[1]) // 2
    out = np.zeros((1, PALM_PX, PALM_PX, 3), dtype=np.float32)
    out[0, y : y + size[1], x : x + size[0]] = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    return out / np.float32(255), scale, np.array([x, y], dtype=np.float64)


class _Interpreter(Protocol):
    """What is used of LiteRT's, which ships no types."""

    def get_input_details(self) -> list[dict[str, int]]: ...
    def get_output_details(self) -> list[dict[str, int]]: ...
    def set_tensor(self, index: int, value: Array) -> None: ...
    def get_tensor(self, index: int) -> Array: ...
    def invoke(self) -> None: ...


def _interpreter(path: Path) -> _Interpreter:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    return cast("_Interpreter", interpreter)


def _run(model: _Interpreter, picture: Array) -> list[Array]:
    model.set_tensor(model.get_input_details()[0]["index"], picture)
    model.invoke()
    return [model.get_tensor(o["index"]) for o in model.get_output_details()]


def _by_size(outputs: list[Array], *last: int) -> list[Array]:
    return [next(o for o in outputs if o.shape[-1] == size) for size in last]
