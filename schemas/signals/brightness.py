"""How bright a clip is."""

from __future__ import annotations

import numpy as np

from schemas.signals.base import Gate, SampledFrame, Signal, median_of


def add_brightness(values: list[float], frame: SampledFrame) -> list[float]:
    """With the frame's mean luma."""
    return [*values, float(frame.small.mean())]


BRIGHTNESS = Signal(
    name="brightness",
    doc="median of mean luma, 0..255",
    start=list[float],
    update=add_brightness,
    finish=median_of,
)
TOO_DARK = Gate("too_dark", BRIGHTNESS.values, np.less, 12.0, "darker: too_dark. Ours: black 0, the darkest take 26")
