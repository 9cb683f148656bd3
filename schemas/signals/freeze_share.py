"""How much of a clip is one still picture."""

from __future__ import annotations

import numpy as np

from schemas.signals.base import Gate, PairValues, Signal, add_difference

STILL = 0.5  # mean absolute difference of 8-bit luma below which two samples are the same picture: codec noise


def still_share(pairs: PairValues) -> float | None:
    """Share of the pairs that do not differ; None without a pair."""
    return round(sum(v < STILL for v in pairs.values) / len(pairs.values), 4) if pairs.values else None


FREEZE_SHARE = Signal(
    name="freeze_share",
    doc="share of sample pairs without change, 0..1",
    start=PairValues,
    update=add_difference,
    finish=still_share,
)
FROZEN = Gate("frozen", FREEZE_SHARE.values, np.greater, 0.9, "more: frozen. Ours: a still has .95 to 1, others to .25")
