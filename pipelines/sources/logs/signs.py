"""Signs in an attempt's numbers that its reader should know: axes that never move, actions that repeat the state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.sources.logs.episode_log import Floats, Note

FEWEST_STEPS = 10  # fewer tell nothing
_NAMED = 8  # axes that a note names


def signs_of(
    states: Floats | None, actions: Floats | None, state_names: Sequence[str], action_names: Sequence[str]
) -> list[Note]:
    """Notes `constant_axes` (an arm that is absent reads the same throughout) and `action_is_state`, if any."""
    notes = []
    for what, array, names in (("state", states, state_names), ("action", actions, action_names)):
        if array is not None and (detail := _constant(array, names)):
            notes.append(Note(code="constant_axes", detail=f"{what}: {detail}"))
    if states is not None and actions is not None and _alike(states, actions):
        notes.append(Note(code="action_is_state", detail=f"in all {len(states)} steps"))
    return notes


def _alike(states: Floats, actions: Floats) -> bool:
    """Whether they are equal in every step, and not for being 0 throughout."""
    return len(states) >= FEWEST_STEPS and np.array_equal(states, actions, equal_nan=True) and bool(states.any())


def _constant(array: Floats, names: Sequence[str]) -> str:
    """The axes that hold one value in every step, as `name = value`; empty where there are none, or too few steps."""
    rows = array[np.isfinite(array).all(axis=1)]
    if len(rows) < FEWEST_STEPS:
        return ""
    still = np.flatnonzero((rows == rows[0]).all(axis=0)).tolist()
    stated = [f"{names[i] if i < len(names) else i} = {rows[0, i]:g}" for i in still[:_NAMED]]
    return ", ".join(stated) + (f" and {len(still) - _NAMED} more" if len(still) > _NAMED else "")
