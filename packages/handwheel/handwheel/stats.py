"""Statistics to normalise by, as release.json keeps them: over the frames of the train split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

COLUMNS = {"states": "state_dim", "actions": "action_dim"}


def axis_stats(parts: Iterable[ArrayLike]) -> dict[str, Any] | None:
    """mean, std (population), min, max of each axis and the count of rows, over parts of (n, D).

    One pass in float64, parts combined as Chan, Golub and LeVeque (1979) do. Plain values for JSON;
    None where there are no rows, or parts of other widths: then nothing holds of an axis.
    """
    count, mean, spread = 0, np.zeros(0), np.zeros(0)
    low, high = np.zeros(0), np.zeros(0)
    for part in parts:
        values = np.asarray(part, np.float64)
        n = len(values)
        if n == 0:
            continue
        if count and values.shape[1:] != mean.shape:
            return None
        part_mean = values.mean(0)
        part_spread = ((values - part_mean) ** 2).sum(0)
        if count == 0:
            count, mean, spread, low, high = n, part_mean, part_spread, values.min(0), values.max(0)
            continue
        gap = part_mean - mean
        mean = mean + gap * n / (count + n)
        spread = spread + part_spread + gap**2 * count * n / (count + n)
        count, low, high = count + n, np.minimum(low, values.min(0)), np.maximum(high, values.max(0))
    if count == 0:
        return None
    std = np.sqrt(spread / count)
    by_name = {"mean": mean, "std": std, "min": low, "max": high}
    return {name: [float(v) for v in values] for name, values in by_name.items()} | {"count": count}


def view_stats(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """release.json's `stats` of one view: {"states": ..., "actions": ...}, of rows whose split is train.

    rows: by VIEW_SCHEMA's names; a column that no train row has is left out.
    """
    parts: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for row in rows:
        for name, dim in COLUMNS.items():
            if row["split"] == "train" and row.get(name) is not None:
                parts[name].append(np.asarray(row[name], np.float32).reshape(-1, row[dim]))
    stats_of = {name: axis_stats(values) for name, values in parts.items()}
    return {name: stats for name, stats in stats_of.items() if stats is not None}
