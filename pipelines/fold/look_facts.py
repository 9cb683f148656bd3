"""What a dry look finds: counts of attempts and of what they hold, examples of what would be left out."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from pipelines.sources.logs.base import BadEpisode, LogColumns, LogField, LogItem
from pipelines.sources.logs.episode_log import EpisodeLog
from schemas.spans import NS

MOST_DESCRIBED = 5  # data sets
EXAMPLES = 3  # of a reason
MS = 1_000_000  # ns
# What `columns` may mend, of an attempt that is not taken.
MAPPED = frozenset(
    {"no_states_or_actions", "ambiguous_columns", "no_such_column", "missing_column", "missing_array", "no_actions",
     "no_states", "no_pictures", "missing_video", "missing_camera", "other_format", "length_mismatch"}
)  # fmt: skip


@dataclass(slots=True)
class Look:
    """What is there, by counts; examples of what would be refused, by reason."""

    kind: str
    uri: str
    items: int = 0
    read_items: int = 0
    roots: set[str] = field(default_factory=set)
    attempts: int = 0
    steps: int = 0
    seconds: float = 0.0
    without_rate: int = 0  # attempts that would be taken if their rate was said
    alike: int = 0  # attempts whose numbers are those of one before them
    claims: dict[str, dict[str, str]] = field(default_factory=dict)  # by root, what a data set says of itself
    holds: dict[str, tuple[LogField, ...]] = field(default_factory=dict)  # by root, of its first log that was read
    advice: dict[str, LogColumns] = field(default_factory=dict)  # by root, columns that give more than none do
    advised_logs: int = 0  # that were read by that advice
    advised_attempts: int = 0  # that it gave
    needs_rate: bool = False  # nobody states the rate of some rows
    others: dict[str, list[str]] = field(default_factory=dict)  # by format, logs that lie there besides
    facts: dict[str, Counter[str]] = field(default_factory=dict)
    refused: dict[str, list[str]] = field(default_factory=dict)
    refused_count: Counter[str] = field(default_factory=Counter)

    described: Counter[str] = field(default_factory=Counter)  # by root, logs whose fields were looked at
    lacking: set[str] = field(default_factory=set)  # roots of attempts that columns may mend
    digests: set[str] = field(default_factory=set)  # digests of attempts' numbers

    def count(self, fact: str, value: object) -> None:
        """One more attempt of which this holds."""
        self.facts.setdefault(fact, Counter())[str(value)] += 1

    def refuse(self, reason: str, example: str) -> None:
        """One more part that would be left out."""
        self.refused_count[reason] += 1
        if len(known := self.refused.setdefault(reason, [])) < EXAMPLES:
            known.append(example)


def add(result: Look, item: LogItem, part: EpisodeLog | BadEpisode) -> None:
    """Counts one attempt, or one part that would be left out."""
    if isinstance(part, BadEpisode):
        if part.reason in MAPPED:
            result.lacking.add(item.root)
        result.refuse(part.reason, _example(result, item, part))
        return
    if part.states is None or part.actions is None or part.instruction is None or part.outcome == "unknown":
        result.lacking.add(item.root)
    result.attempts += 1
    result.steps += len(part.t_ns)
    result.seconds += float(part.t_ns[-1]) / NS
    numbers = hashlib.sha256(b"".join(a.tobytes() for a in (part.states, part.actions) if a is not None)).hexdigest()
    result.alike += numbers in result.digests
    result.digests.add(numbers)
    count_facts(result, part)


def _example(result: Look, item: LogItem, part: BadEpisode) -> str:
    """Where and why, the place below what is looked at where there are several."""
    place = item.uri.removeprefix(result.uri).lstrip("/") or item.uri.rpartition("/")[2]
    root = item.root.removeprefix(result.uri).lstrip("/") if len(result.roots) > 1 else ""
    where = "/".join(filter(None, (root, part.name))) if part.name else place
    return part.detail if part.detail.startswith(where) else f"{where}: {part.detail}"


def count_facts(result: Look, part: EpisodeLog) -> None:
    """Widths and names, clock, robot, cameras, labels and who gave them, task, split, notes."""
    for what, array, names in (("state", part.states, part.state_names), ("action", part.actions, part.action_names)):
        stated = ", ".join(names) or "no names"
        result.count(what, "none" if array is None else f"{array.shape[1]} axes: {stated}")
    result.count("clock", _clock(part))
    result.count("robot", part.embodiment)
    result.count("cameras", ", ".join(c.camera for c in part.cameras))
    result.count("outcome", part.outcome + (f", by {part.outcome_source}" if part.outcome_source else ""))
    result.count("control", _control(part))
    result.count("task", part.instruction or "none")
    if part.split:
        result.count("split", part.split)
    for note in part.notes:
        result.count(f"note {note.code}", note.detail)


def _clock(part: EpisodeLog) -> str:
    """The rate, and how the steps' own times lie beside it."""
    steps_ns = np.diff(part.t_ns)
    if not len(steps_ns):
        return f"{part.fps_hz:g} Hz, one step"
    apart = f"{steps_ns.min() / MS:.4g} to {steps_ns.max() / MS:.4g} ms apart, {NS / float(steps_ns.mean()):.3g} Hz"
    if any(camera.frame_stamps_ns is not None for camera in part.cameras):
        return f"the log's own stamps, {apart}"
    if steps_ns.max() < 1.05 * NS / part.fps_hz and steps_ns.min() > 0.95 * NS / part.fps_hz:
        return f"{part.fps_hz:g} Hz"
    return f"{part.fps_hz:g} Hz stated, the rows' own times are {apart}"


def _control(part: EpisodeLog) -> str:
    if part.intervention is not None and part.intervention.any():
        return f"{part.collect_mode}, with interventions"
    return part.collect_mode
