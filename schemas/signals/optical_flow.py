"""Where the corners of one picture lie in the next, by OpenCV's pyramid of Lucas and Kanade."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

Corners = NDArray[Any]


def follow_corners(
    before: NDArray[np.uint8], now: NDArray[np.uint8], corners: Corners, levels: int
) -> tuple[Corners, NDArray[np.bool_]]:
    """The corners (N, 1, 2) in the second picture, px, and which of them were found (N,)."""
    import cv2

    no_guess = cast("Corners", None)  # what OpenCV takes and its stub does not know
    moved, status, _ = cv2.calcOpticalFlowPyrLK(before, now, corners, no_guess, winSize=(15, 15), maxLevel=levels)
    return moved, status.ravel() == 1
