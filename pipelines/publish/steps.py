"""The steps of a robot's attempt that a view's row takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.publish.selection import ViewRow
from schemas.columns import values_of, with_nulls_as

V = TypeVar("V")
Times = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
VECTORS = ("state", "action_commanded")


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
    are_paired: bool = False  # times_ns are their frames' own, not what the clock says


def steps_of(row: ViewRow, steps: pa.Table | None) -> tuple[RowSteps, Counter[str]]:
    """The IDM's rows take the steps of their span, at their frames' own times; all others the view's times, no steps.

    With how many steps of the span are left out, by reason: they have no frame in the row's camera, or lack the state
    or action that others of their attempt have. steps: the attempt's, schema_of(Step), in order of frame; None: the
    row is of no attempt.
    """
    if row.times_ns is not None:
        return RowSteps(times_ns=row.times_ns), Counter()
    if steps is None or row.origin_ns is None:
        raise LookupError(f"{row.view} has one frame a step, and span {row.clip_id} is of no attempt")
    frame_ns, has_frame = _frames(row, steps)
    inside = (frame_ns >= row.start_ns) & (frame_ns < row.end_ns)
    lost: Counter[str] = Counter()
    for reason, lacks in ({"step_without_frame": ~has_frame} | _lacking(steps)).items():
        lost[reason] += int((inside & lacks).sum())
        inside &= ~lacks
    here = steps.filter(pa.array(inside))
    (states, state_dim), (actions, action_dim) = (_flat(here, name) for name in VECTORS)
    own = RowSteps(
        times_ns=[int(t) for t in frame_ns[inside]], states=states, state_dim=state_dim, actions=actions,
        action_dim=action_dim, control_source=_whole(here, "control_source", str),
        intervention=_whole(here, "intervention", bool), are_paired=not steps["camera_ns"].null_count,
    )  # fmt: skip
    return own, +lost


def shown_steps(own: RowSteps, frame_ns: Sequence[int]) -> RowSteps:
    """The steps whose frame was shown. frame_ns: as the encoder says, some of own.times_ns."""
    if len(frame_ns) == len(own.times_ns):
        return own
    encoded_ns = set(frame_ns)
    at = [i for i, t in enumerate(own.times_ns) if t in encoded_ns]

    def picked(values: list[V] | None, width: int | None = 1) -> list[V] | None:
        return None if values is None or width is None else [v for i in at for v in values[i * width : (i + 1) * width]]

    return replace(
        own, times_ns=list(frame_ns), states=picked(own.states, own.state_dim),
        actions=picked(own.actions, own.action_dim), control_source=picked(own.control_source),
        intervention=picked(own.intervention),
    )  # fmt: skip


def _frames(row: ViewRow, steps: pa.Table) -> tuple[Times, Flags]:
    """When each step's frame is shown in the row's recording, int64 (T,), and whether it has one.

    A step without one stands where its neighbours say. Steps that came in before rows were paired with frames have
    theirs where the clock says.
    """
    t_ns, stored = np.asarray(steps["t_ns"]), steps["camera_ns"].combine_chunks()
    if row.camera_index is None or stored.null_count:
        return t_ns + np.int64(row.origin_ns or 0), np.ones(len(t_ns), np.bool_)
    own = pc.list_element(stored, row.camera_index)
    has_frame = np.asarray(own.is_valid())
    frame_ns = np.array(with_nulls_as(own, 0), np.int64)
    if not has_frame.any():
        return np.full(len(t_ns), row.start_ns), has_frame
    at = np.arange(len(t_ns))
    frame_ns[~has_frame] = np.interp(at[~has_frame], at[has_frame], frame_ns[has_frame].astype(np.float64))
    return frame_ns, has_frame


def _lacking(steps: pa.Table) -> dict[str, Flags]:
    """Of each vector that the attempt has, which steps lack it."""
    missing = {f"step_without_{name.partition('_')[0]}": np.asarray(steps[name].is_null()) for name in VECTORS}
    return {reason: lacks for reason, lacks in missing.items() if not lacks.all()}


def _flat(steps: pa.Table, column: str) -> tuple[list[float] | None, int | None]:
    """A column of vectors as one list, and the length of each."""
    has_none = not len(steps) or steps[column].null_count
    vectors: list[list[float]] = [] if has_none else values_of(steps[column], list)
    return ([x for vector in vectors for x in vector], len(vectors[0])) if vectors else (None, None)


def _whole(steps: pa.Table, column: str, kind: type[V]) -> list[V] | None:
    """A column's values, where there are some and none is null."""
    return values_of(steps[column], kind) if len(steps) and not steps[column].null_count else None
