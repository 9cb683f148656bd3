"""The steps of a robot's attempt that a view's row takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pyarrow as pa

from pipelines.publish.selection import ViewRow
from schemas.columns import values_of

V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSteps:
    """Columns of a row that come of its steps. Vectors lie one after the other; null where any step has none."""

    times_ns: list[int]  # of its frames
    states: list[float] | None = None  # (T * S,)
    state_dim: int | None = None
    actions: list[float] | None = None  # (T * A,)
    action_dim: int | None = None
    control_source: list[str] | None = None
    intervention: list[bool] | None = None


def steps_of(row: ViewRow, steps: pa.Table | None) -> RowSteps:
    """The IDM's rows take all steps of their span, at their own times; all others the view's times and no steps.

    steps: the attempt's, schema_of(Step), in order of frame; None: the row is of no attempt.
    """
    if row.times_ns is not None:
        return RowSteps(times_ns=row.times_ns)
    if steps is None or row.origin_ns is None:
        raise LookupError(f"{row.view} has one frame a step, and span {row.clip_id} is of no attempt")
    t_ns = np.asarray(steps["t_ns"]) + row.origin_ns
    inside = (t_ns >= row.start_ns) & (t_ns < row.end_ns)
    here = steps.filter(pa.array(inside))
    (states, state_dim), (actions, action_dim) = (_flat(here, name) for name in ("state", "action_commanded"))
    return RowSteps(
        times_ns=[int(t) for t in t_ns[inside]], states=states, state_dim=state_dim, actions=actions,
        action_dim=action_dim, control_source=_whole(here, "control_source", str),
        intervention=_whole(here, "intervention", bool),
    )  # fmt: skip


def _flat(steps: pa.Table, column: str) -> tuple[list[float] | None, int | None]:
    """A column of vectors as one list, and the length of each."""
    vectors: list[list[float]] = values_of(steps[column], list) if not steps[column].null_count else []
    return ([x for vector in vectors for x in vector], len(vectors[0])) if vectors else (None, None)


def _whole(steps: pa.Table, column: str, kind: type[V]) -> list[V] | None:
    """A column's values, where there are some and none is null."""
    return values_of(steps[column], kind) if len(steps) and not steps[column].null_count else None
