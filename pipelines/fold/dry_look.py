"""What the fold would make of robot logs, told before it reads fifty thousand of them: nothing is decoded or stored.

Recordings on this disk are demuxed, so that counts of frames and rows are compared as the fold does.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np

from infra.sandbox import sandbox, tempdirs
from pipelines.fold.pairing import RecordedTimes, pair_cameras
from pipelines.media.frame_times_child import frame_times_of
from pipelines.media.local_copy import in_place
from pipelines.sources import logs
from pipelines.sources.logs import RobotSource
from pipelines.sources.logs.base import BadEpisode, LogItem, LogKind
from pipelines.sources.logs.episode_log import EpisodeLog
from schemas.errors import BadMedia, TransientError, UsageError
from schemas.spans import NS

PROBED_ITEMS = 2  # read of each format, to tell which one the logs are of
EXAMPLES = 3  # of a reason
MOST_DESCRIBED = 5  # data sets

# What mends a refusal, by its reason.
REMEDIES = {
    "video_mismatch": 'surplus = "tail" (or "head"), if the frames beyond the rows lie there',
    "no_states_or_actions": "columns.state and columns.action name the columns that hold them",
    "ambiguous_columns": "columns.state, columns.action and columns.cameras say which are meant",
    "no_such_column": "columns names what is there",
    "no_actions": "columns.action names the columns that hold them",
    "no_states": "columns.state names the columns that hold them",
    "unread_columns": "columns.state and columns.action name all that are to be taken, side by side",
    "no_rate": "fps_hz says the rate of the rows",
    "namespace_taken": "name tells one data set from another of the same name",
    "lfs_pointer": "run `git lfs pull` where the logs lie",
    "missing_video": "bring the recordings, or let columns.cameras name those that are there",
    "missing_camera": "columns.cameras names the cameras that are there, if the others are not to come",
    "no_pictures": "the world model and the IDM need pictures: record them, or leave these logs out",
    "depth_camera": "columns.cameras names it, if its pictures are wanted all the same",
    "orphan_files": "name them in the metadata, or take them away",
    "fewer_episodes": "bring the rest, or correct meta/info.json",
    "missing_file": "bring the file; the next fold reads it",
}


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
    claims: dict[str, dict[str, str]] = field(default_factory=dict)  # by root, what a data set says of itself
    facts: dict[str, Counter[str]] = field(default_factory=dict)
    refused: dict[str, list[str]] = field(default_factory=dict)
    refused_count: Counter[str] = field(default_factory=Counter)

    def count(self, fact: str, value: object) -> None:
        """One more attempt of which this holds."""
        self.facts.setdefault(fact, Counter())[str(value)] += 1

    def refuse(self, reason: str, example: str) -> None:
        """One more part that would be left out."""
        self.refused_count[reason] += 1
        if len(known := self.refused.setdefault(reason, [])) < EXAMPLES:
            known.append(example)


def look(source: RobotSource, most_items: int) -> Look:
    """Reads up to `most_items` of a source's logs, evenly over all of them, as the fold does, without the recordings.

    source.kind "" finds the format by itself. UsageError: no format takes anything that lies there; columns that the
    format does not take.
    """
    if source.kind:
        logs.check_columns(source)
    kind, items = _kind_and_items(source)
    logs.check_columns(replace(source, kind=kind.name))
    result = Look(kind.name, source.uri, items=len(items), roots={item.root for item in items})
    times = functools.cache(_frame_times)  # of this look: a recording may hold many attempts
    picked = sorted({int(i) for i in np.linspace(0, len(items) - 1, min(most_items, len(items)))})
    for i in picked:
        result.read_items += 1
        _describe(result, kind, items[i], source)
        for part in _parts(kind, items[i], replace(source, kind=kind.name)):
            for one in _paired(part, source.surplus, times):
                _add(result, items[i], one)
    return result


def _frame_times(uri: str) -> RecordedTimes | None:
    """When a recording's frames are shown; None for one that is not a file on this disk, which is not fetched here."""
    if not in_place(uri):
        return None
    try:
        return RecordedTimes(frame_times_of(Path(uri), sandbox.Limits()))
    except BadMedia as e:
        return RecordedTimes(refusal=(e.reason, e.detail))
    except OSError as e:
        return RecordedTimes(refusal=("unreached", str(e)))


def _paired(
    part: EpisodeLog | BadEpisode, surplus: str | None, times: Callable[[str], RecordedTimes | None]
) -> Iterator[EpisodeLog | BadEpisode]:
    """The attempt with the cameras whose frames are as many as its rows, and those that would be left out."""
    if isinstance(part, BadEpisode):
        yield part
        return
    recorded = {span.uri: shows for span in part.cameras if (shows := times(span.uri)) is not None}
    if len(recorded) < len({span.uri for span in part.cameras}):
        yield part
        return
    try:
        fitted = pair_cameras(part, recorded, surplus)
    except BadMedia as e:
        yield BadEpisode(name=part.name, reason=e.reason, detail=e.detail)
        return
    yield fitted.log
    yield from fitted.left


def _describe(result: Look, kind: LogKind, item: LogItem, source: RobotSource) -> None:
    if kind.describe is None or item.root in result.claims or len(result.claims) >= MOST_DESCRIBED:
        return
    try:
        result.claims[item.root] = dict(kind.describe(item, source))
    except (BadMedia, OSError):  # its parts say why
        result.claims[item.root] = {}


def _kind_and_items(source: RobotSource) -> tuple[LogKind, list[LogItem]]:
    kinds = [logs.kind_of(source.kind)] if source.kind else [k for k in logs.KINDS if k.prepare is None]
    offered = {kind.name: list(kind.list(source.uri, source)) for kind in kinds}
    best = max(kinds, key=lambda kind: _fitness(kind, offered, source))
    if not offered[best.name]:
        raise UsageError(f"no robot log that is known lies below {source.uri}; docs/sources.md lists the formats")
    return best, offered[best.name]


def _fitness(kind: LogKind, offered: dict[str, list[LogItem]], source: RobotSource) -> tuple[int, int, int]:
    """Attempts that a format reads of its first items; then how much of what lies there it takes: root before file."""
    items = offered[kind.name]
    parts = [part for item in islice(items, PROBED_ITEMS) for part in _parts(kind, item, source)]
    above = sum(any(item.root.startswith(other.root) for other in items[:1]) for item in items)
    taken = sum(isinstance(part, EpisodeLog) for part in parts)
    foreign = any(isinstance(p, BadEpisode) and p.reason in ("bad_json", "bad_header", "other_format") for p in parts)
    return taken, 0 if foreign else bool(items), above


def _parts(kind: LogKind, item: LogItem, source: RobotSource) -> Iterator[EpisodeLog | BadEpisode]:
    with tempdirs.folder("look") as folder:
        try:
            yield from kind.read(item, folder, source)
        except BadMedia as e:
            yield BadEpisode(name="", reason=e.reason, detail=e.detail)
        except (TransientError, OSError) as e:
            yield BadEpisode(name="", reason="unreached", detail=str(e))


def _add(result: Look, item: LogItem, part: EpisodeLog | BadEpisode) -> None:
    if isinstance(part, BadEpisode):
        where = part.name or item.uri.removeprefix(result.uri).lstrip("/")
        result.refuse(part.reason, f"{where}: {part.detail}")
        return
    result.attempts += 1
    result.steps += len(part.t_ns)
    result.seconds += float(part.t_ns[-1]) / NS
    for what, array, names in (("state", part.states, part.state_names), ("action", part.actions, part.action_names)):
        result.count(what, "none" if array is None else f"{array.shape[1]} axes: {_shortened(names)}")
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


def _shortened(names: Sequence[str]) -> str:
    return ", ".join([*names[:4], *(["..."] if len(names) > 4 else [])]) or "no names"


def _clock(part: EpisodeLog) -> str:
    """The rate that is stated, and how the steps' own times lie beside it."""
    steps_ns = np.diff(part.t_ns)
    if not len(steps_ns):
        return f"{part.fps_hz:g} Hz, one step"
    real = NS / float(np.median(steps_ns))
    if abs(real / part.fps_hz - 1) < 0.01 and steps_ns.max() < 1.5 * NS / part.fps_hz:
        return f"{part.fps_hz:g} Hz"
    return f"{part.fps_hz:g} Hz stated, steps of their own times ({_round(real)} Hz)"


def _round(rate_hz: float) -> str:
    return f"{rate_hz:.2g}"


def _control(part: EpisodeLog) -> str:
    if part.intervention is not None and part.intervention.any():
        return f"{part.collect_mode}, with interventions"
    return part.collect_mode
