"""Gates on what a clip is, whatever its pictures show: its length and its damage. Signals bring their own."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from schemas.signals.base import Gate, Values
from schemas.spans import NS


def length_s(clips: pa.Table) -> Values:
    """Seconds of each clip, (N,)."""
    return np.asarray((clips["end_ns"].to_numpy() - clips["start_ns"].to_numpy()) / NS, np.float64)


def damaged_share(clips: pa.Table) -> Values:
    """Share of each clip's frames that the decoder marked corrupt, (N,)."""
    frames = np.maximum(1, clips["frame_count"].to_numpy())
    return np.asarray(clips["damaged_frames"].to_numpy() / frames, np.float64)


TOO_SHORT = Gate("too_short", length_s, np.less, 1.0, "shorter: too_short. Ours: no model takes less")
DAMAGED = Gate(
    "damaged", damaged_share, np.greater, 0.0, "damaged frames, more: quarantine as damaged. Ours: none", doubtful=True
)
