"""How sharp a clip is."""

from __future__ import annotations

import numpy as np

from schemas.signals.base import Gate, SampledFrame, Signal, median_of


def add_sharpness(values: list[float], frame: SampledFrame) -> list[float]:
    """With the frame's: edges make the Laplacian vary, blur does not."""
    import cv2

    return [*values, float(cv2.Laplacian(frame.luma, cv2.CV_32F).var())]


SHARPNESS = Signal(
    name="sharpness",
    doc="median variance of the Laplacian of 8-bit luma at proxy size",
    start=list[float],
    update=add_sharpness,
    finish=median_of,
)
BLURRED = Gate("blurred", SHARPNESS.values, np.less, 4.0, "softer: blurred. Ours: a dithered 270-line preview is 6")
