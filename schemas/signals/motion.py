"""How much a clip's picture changes, whatever moves. No gate judges it."""

from __future__ import annotations

from schemas.signals.base import PairValues, Signal, add_difference, median_of

MOTION = Signal(
    name="motion",
    doc="median mean absolute luma difference between samples, 0..255",
    start=PairValues,
    update=add_difference,
    finish=lambda pairs: median_of(pairs.values),
)
