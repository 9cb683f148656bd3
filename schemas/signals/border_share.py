"""How much of a clip's picture is a black border. No gate judges it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from schemas.signals.base import Luma, SampledFrame, Signal

BORDER = 24  # luma of a border's lightest pixel at most: coded black with noise at a quarter of the proxy's size


@dataclass(slots=True)
class LightestLuma:
    """The lightest luma of each row and column of all samples, uint8 (h,) and (w,)."""

    rows: Luma | None = None
    columns: Luma | None = None


def add_lightest(lightest: LightestLuma, frame: SampledFrame) -> LightestLuma:
    """With what the frame lights more."""
    rows, columns = frame.small.max(1), frame.small.max(0)
    lightest.rows = rows if lightest.rows is None else np.maximum(lightest.rows, rows)
    lightest.columns = columns if lightest.columns is None else np.maximum(lightest.columns, columns)
    return lightest


def unlit_share(lightest: LightestLuma) -> float | None:
    """Share of the picture outside the least rectangle that holds every row and column that was ever lit."""
    if lightest.rows is None or lightest.columns is None:
        return None
    lit = [np.flatnonzero(side > BORDER) for side in (lightest.rows, lightest.columns)]
    if not all(len(side) for side in lit):
        return None  # all black: no border, but no picture
    inside = [int(side[-1] - side[0] + 1) for side in lit]
    return round(1 - inside[0] * inside[1] / (len(lightest.rows) * len(lightest.columns)), 4)


BORDER_SHARE = Signal(
    name="border_share",
    doc="share of the picture that is a black border, 0..1",
    start=LightestLuma,
    update=add_lightest,
    finish=unlit_share,
)
