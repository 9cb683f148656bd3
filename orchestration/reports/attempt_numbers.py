"""Numbers of the robot's attempts: seconds by task, outcome and embodiment, and how they failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

import pyarrow as pa
import pyarrow.compute as pc

from infra.storage.tables import Store
from orchestration.reports.bars import Bar, count_of
from pipelines.corpus.episodes import STANDING, standing_rows
from schemas import Episode
from schemas.columns import exceeds
from schemas.episodes import StoredCameraSpan
from schemas.tables import TypedTable, columns_of

OUTCOMES = ("success", "failure", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """What the report shows of an attempt: columns of Episode, and its length in seconds where the rate is known."""

    episode_id: str
    name: str
    uri: str
    revision: str
    modified_ns: int
    embodiment: str
    instruction: str | None
    outcome: str
    outcome_source: str | None
    failure_mode: str | None
    failure_frame: int | None
    policy_id: str | None
    trained_on: str | None
    collect_mode: str
    fps_hz: float
    frame_count: int
    cameras: list[StoredCameraSpan]
    seconds: float | None


ATTEMPT = columns_of(AttemptRow)


@dataclass(slots=True)
class OutcomeSum:
    """Attempts that ended one way."""

    seconds: float = 0.0
    attempts: int = 0


def attempts_of(store: Store) -> TypedTable[AttemptRow]:
    """The latest row of each attempt, in order of episode_id."""
    columns = {f.name for f in fields(AttemptRow)} - {"seconds"}
    table = store.read("episodes", sorted(columns | set(STANDING)))
    table = table.take(pa.array(standing_rows(TypedTable(Episode, table)), pa.int64()))
    fps_hz = pc.if_else(exceeds(table["fps_hz"], 0), table["fps_hz"], pa.scalar(None, pa.float64()))
    seconds = pc.divide(pc.cast(table["frame_count"], pa.float64()), fps_hz)
    return TypedTable(AttemptRow, table.append_column("seconds", seconds))


def attempt_bars(attempts: TypedTable[AttemptRow], by: str | None, max_bars: int) -> list[Bar]:
    """Seconds of attempts by outcome, a bar a value of a column, longest first; what is left is one bar."""
    groups = _sums(attempts, by)
    ordered = sorted(groups.items(), key=lambda group: (-_total_s(group[1]), group[0]))
    if len(ordered) > max_bars:
        rest = ordered[max_bars - 1 :]
        ordered = [*ordered[: max_bars - 1], (f"{len(rest)} others", _together(sums for _, sums in rest))]
    scale_s = max((_total_s(sums) for _, sums in ordered), default=0.0)
    by_outcome = by == ATTEMPT.outcome
    return [
        Bar(
            name,
            tuple((o, sums[o].seconds if o in sums else 0.0) for o in OUTCOMES),
            scale_s,
            count_of(sum(s.attempts for s in sums.values()), "attempt")
            if by_outcome
            else ", ".join(f"{sums[o].attempts:,} {o}" for o in OUTCOMES if o in sums),
        )
        for name, sums in ordered
    ]


def _sums(attempts: TypedTable[AttemptRow], by: str | None) -> dict[str, dict[str, OutcomeSum]]:
    """Sums by the column's value, then by outcome."""
    groups: dict[str, dict[str, OutcomeSum]] = {}
    columns = (attempts.values(by), attempts.values(ATTEMPT.outcome), attempts.values(ATTEMPT.seconds))
    for value, outcome, seconds in zip(*columns, strict=True):
        total = groups.setdefault("not stated" if value is None else value, {}).setdefault(outcome, OutcomeSum())
        total.seconds += seconds or 0.0
        total.attempts += 1
    return groups


def _total_s(sums: Mapping[str, OutcomeSum]) -> float:
    return sum(s.seconds for s in sums.values())


def _together(groups: Iterable[Mapping[str, OutcomeSum]]) -> dict[str, OutcomeSum]:
    """Sums of several groups, by outcome."""
    out: dict[str, OutcomeSum] = {}
    for sums in groups:
        for outcome, part in sums.items():
            total = out.setdefault(outcome, OutcomeSum())
            total.seconds += part.seconds
            total.attempts += part.attempts
    return out


def failure_modes(attempts: TypedTable[AttemptRow]) -> list[tuple[str, int]]:
    """How often each failure mode was named, most first."""
    ends = zip(attempts.values(ATTEMPT.outcome), attempts.values(ATTEMPT.failure_mode), strict=True)
    counts = Counter(mode or "not named" for outcome, mode in ends if outcome == "failure")
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
