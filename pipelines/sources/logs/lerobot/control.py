"""Who held the controls of a LeRobot episode: interventions by frame, and how the attempt was collected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pyarrow as pa

from pipelines.sources.logs.base import LogOptions
from pipelines.sources.logs.episode_log import COLLECT_MODES, Flags
from pipelines.sources.logs.fields import text
from pipelines.sources.logs.lerobot.columns import flags
from pipelines.sources.logs.lerobot.keys import Keys
from pipelines.sources.logs.lerobot.meta import EpisodeMeta
from pipelines.sources.logs.parts import Parts
from schemas.columns import Array, values_of
from schemas.errors import BadMedia

# Columns that say by a word who acted in each frame.
_ACTORS = frozenset({"control_source", "control_mode", "controlled_by", "action_source", "controller", "operator_type"})
_PERSON = frozenset({"human", "teleop", "teleoperation", "teleoperator", "operator", "leader", "manual", "person"})
_POLICY = frozenset({"policy", "autonomous", "auto", "model", "robot", "agent"})


def interventions(columns: Mapping[str, Array], keys: Keys, parts: Parts) -> Flags | None:
    """(T,) Frames in which a person held the controls; None where no column says it."""
    stated = first_flags(columns, keys.words["intervention"], parts)
    if stated is not None:
        return stated
    by_word = (_by_word(columns[n]) for n in columns if n.lower().rpartition(".")[2] in _ACTORS)
    return next((values for values in by_word if values is not None), None)


def first_flags(columns: Mapping[str, Array], names: Sequence[str], parts: Parts) -> Flags | None:
    """Of the first of the columns that says anything; one that cannot be read is told."""
    taken = (parts.take(f"column {name}", partial(flags, columns, name)) for name in names)
    return next((values for values in taken if values is not None), None)


def _by_word(column: Array) -> Flags | None:
    """None where the words, or one of them, are none that are known."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return None
    words = [str(word or "").strip().lower() for word in values_of(column, str)]
    known = set(words) <= _PERSON | _POLICY | {""} and set(words) != {""}
    return np.array([word in _PERSON for word in words], np.bool_) if known else None


def mode_of(meta: EpisodeMeta, intervention: Flags | None, options: LogOptions, parts: Parts) -> str:
    """As the config says, else the metadata; where a person could step in, a policy held the controls before."""
    stated = options.collect_mode or parts.take("collect_mode", lambda: _stated_mode(meta))
    if stated is not None or intervention is None:
        return stated or "unknown"
    return "teleop" if intervention.all() else "autonomous"


def _stated_mode(meta: EpisodeMeta) -> str | None:
    mode = text(meta.extra, "collect_mode")
    if mode is not None and mode not in COLLECT_MODES:
        raise BadMedia("bad_header", f"collect_mode is {mode[:40]!r}, not one of {', '.join(sorted(COLLECT_MODES))}")
    return mode
