"""How much each picture of a recording differs from the one before: what the witness of row and frame looks at."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

MOTION_FILE = "motion.npy"
Luma = npt.NDArray[np.uint8]
Saved = npt.NDArray[np.float64]  # (2, N): times in ns, and changes


@dataclass(slots=True)
class MotionTrack:
    """Filled frame by frame: the times, and the mean absolute difference of small luma, 0..255; the first has 0."""

    t_ns: array[int] = field(default_factory=lambda: array("q"))
    change: array[float] = field(default_factory=lambda: array("f"))
    before: Luma | None = None

    def add(self, t_ns: int, luma: Luma) -> None:
        """Takes the next frame's luma, uint8 (h, w), the same size throughout (`infra.video.pixels.luma_like`)."""
        change = 0.0 if self.before is None else float(np.abs(luma.astype(np.int16) - self.before).mean())
        self.t_ns.append(t_ns)
        self.change.append(change)
        self.before = luma

    def save(self, path: Path) -> None:
        """As .npy: float64 (2, N); a time below 2**53 ns (104 days) is exact."""
        np.save(path, np.stack([np.array(self.t_ns, np.float64), np.array(self.change, np.float64)]))


def load(path: Path) -> Saved:
    """A saved track."""
    saved: Saved = np.load(path, allow_pickle=False)
    return saved


def motion_at(saved: Saved, frame_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Each frame's change, float32 (N,); NaN for a frame that was not decoded."""
    changes = dict(zip(saved[0].astype(np.int64).tolist(), saved[1].tolist(), strict=True))
    return np.array([changes.get(t, np.nan) for t in frame_ns.tolist()], np.float32)
