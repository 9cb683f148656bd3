"""Which rows a page shows of many: some of every kind, the same ones each time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def spread(labels: Sequence[Sequence[str]], keys: Sequence[str], max_rows: int) -> list[int]:
    """Numbers of at most `max_rows` rows: one of every first label, then a second of each, and so on.

    A label's own rows alternate between the next label's values likewise; keys, which are hashes, settle the
    rest, so that the draw looks random and is the same whatever the order of the rows.
    """
    order = np.argsort(np.asarray(keys, object), kind="stable")
    for label in reversed(labels):
        repeats = _count_repeats(np.asarray(label, object)[order])
        order = order[np.argsort(repeats, kind="stable")]
    return [int(i) for i in order[:max_rows]]


def _count_repeats(values: NDArray[np.object_]) -> NDArray[np.int64]:
    """How many rows before each one hold the same value."""
    _, codes = np.unique(values, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    starts = np.searchsorted(ordered, ordered, side="left")
    repeats = np.empty(len(codes), np.int64)
    repeats[order] = np.arange(len(codes)) - starts
    return repeats
