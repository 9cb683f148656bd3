"""States and actions of a LeRobot episode: one column, or several side by side, with a name for each axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from pipelines.sources.logs.episode_log import LOST_SHARE, Flags, Floats, lost_rows
from pipelines.sources.logs.fields import axis_names
from pipelines.sources.logs.lerobot.columns import floats
from pipelines.sources.logs.parts import Parts
from schemas.columns import Array
from schemas.errors import BadMedia

_HEADS = ("observation.states.", "observation.state.", "observation.", "observations.", "obs.", "states.", "state.",
          "actions.", "action.")  # fmt: skip
Vector = tuple[Floats | None, tuple[str, ...]]


def vector(columns: Mapping[str, Array], keys: Sequence[str], features: Mapping[str, object], parts: Parts) -> Vector:
    """(T, width) of the columns side by side, and a name for each axis where the log gives them or there are several.

    The first column must be readable; a further one that is not, or that lacks most of its rows, is told and left out.
    BadMedia: bad_table, ragged_rows.
    """
    arrays: list[tuple[str, Floats]] = []
    for key in keys:
        array = parts.take(f"column {key}", partial(_whole, columns, key)) if arrays else floats(columns, key)
        if array is not None:
            arrays.append((key, array))
    if not arrays:
        return None, ()
    if len(keys) == 1:
        return _without_lost(arrays[0][1], axis_names(_stated(features, keys[0]), arrays[0][1]), keys[0], parts)
    names = [_names(key, array, features) for key, array in arrays]
    flat = tuple(n for part in names for n in part)
    if len(set(flat)) < len(flat):
        flat = tuple(_below(_short(key), n) for (key, _), part in zip(arrays, names, strict=True) for n in part)
    return _without_lost(np.concatenate([array for _, array in arrays], axis=1), flat, keys[0], parts)


def _without_lost(array: Floats, names: tuple[str, ...], key: str, parts: Parts) -> Vector:
    """Without the axes that no step has, as of an arm that is not plugged in: they would cost every step."""
    lost: Flags = np.asarray(~np.isfinite(array).any(axis=0))
    if not lost.any() or lost.all():
        return array, names
    known = names or tuple(str(i) for i in range(array.shape[1]))
    parts.refuse(f"axes of {key}", "non_finite", ", ".join(n for n, gone in zip(known, lost, strict=True) if gone))
    return array[:, ~lost], tuple(n for n, gone in zip(known, lost, strict=True) if not gone)


def _below(head: str, name: str) -> str:
    return name if name.startswith(head) else f"{head}.{name}"


def _whole(columns: Mapping[str, Array], key: str) -> Floats | None:
    array = floats(columns, key)
    if array is not None and (lost := lost_rows(array)).mean() > LOST_SHARE:
        raise BadMedia("non_finite", f"{key} in {int(lost.sum())} of {len(lost)} steps")
    return array


def _stated(features: Mapping[str, object], key: str) -> object:
    about = features.get(key)
    return about.get("names") if isinstance(about, Mapping) else None


def _short(key: str) -> str:
    dotted = key.replace("/", ".")
    return next((dotted.removeprefix(head) for head in _HEADS if dotted.startswith(head)), dotted)


def _names(key: str, array: Floats, features: Mapping[str, object]) -> tuple[str, ...]:
    """The log's own names of the axes, else the key with a number for each."""
    if array.shape[1] == 1:
        return (_short(key),)
    return axis_names(_stated(features, key), array) or tuple(f"{_short(key)}.{i}" for i in range(array.shape[1]))
