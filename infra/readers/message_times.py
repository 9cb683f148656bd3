"""When messages happened: by the sensor's stamp, where it has one that belongs to its topic's clock."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

STRAY_NS = 10_000_000_000  # a stamp so far from where its topic's others lie is a driver's start or a mistake

Times = npt.NDArray[np.int64]


def offset_ns(stamps_ns: Times, log_ns: Times) -> int | None:
    """How much later the recorder had the messages than their stamps say, the median; None without stamps."""
    stamped = stamps_ns > 0
    return int(np.median(log_ns[stamped] - stamps_ns[stamped])) if stamped.any() else None


def times_of(stamps_ns: Times, log_ns: Times, unstamped_ns: int = 0) -> tuple[Times, int]:
    """int64 (N,), and how many of the stamps are not used though others of the topic are.

    A message without a stamp, or with a stray one, happened its topic's median offset before it was recorded: so it
    lies on the clock of the others. Of a topic without stamps the offset is unstamped_ns.
    """
    offset = offset_ns(stamps_ns, log_ns)
    if offset is None:
        return log_ns - unstamped_ns, 0
    bad = (stamps_ns <= 0) | (np.abs((log_ns - stamps_ns) - offset) > STRAY_NS)
    return np.where(bad, log_ns - offset, stamps_ns), int(bad.sum())
