"""What the fold would make of robot logs, told before it reads fifty thousand of them: nothing is decoded or stored.

Recordings on this disk are demuxed, so that counts of frames and rows are compared as the fold does.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np

from infra.sandbox import sandbox, tempdirs
from infra.storage import objects
from pipelines.fold.log_advice import advise
from pipelines.fold.look_facts import MOST_DESCRIBED, Look, add, count_facts
from pipelines.fold.pairing import RecordedTimes, pair_cameras
from pipelines.media.frame_times_child import frame_times_of
from pipelines.media.local_copy import in_place
from pipelines.sources import logs
from pipelines.sources.logs import RobotSource
from pipelines.sources.logs.base import BadEpisode, LogColumns, LogField, LogItem, LogKind, LogOptions
from pipelines.sources.logs.episode_log import EpisodeLog
from schemas.errors import BadMedia, TransientError, UsageError

Answer = TypeVar("Answer")
DESCRIBED_ITEMS = 3  # of a data set
PROBED_ITEMS = 2  # read of each format, to tell which one the logs are of
TRIAL_HZ = 10.0  # the rate at which logs are looked at that state none


def look(source: RobotSource, most_items: int) -> Look:
    """Reads up to `most_items` of a source's logs, evenly over all of them, as the fold does, without the recordings.

    source.kind "" finds the format by itself. UsageError: no format takes anything that lies there; columns that the
    format does not take.
    """
    if source.kind:
        logs.check_columns(source)
    kind, items, others = _kind_and_items(source)
    source = replace(source, kind=kind.name)
    logs.check_columns(source)
    result = Look(kind.name, source.uri, items=len(items), roots={item.root for item in items}, others=others)
    times = functools.cache(_frame_times)  # of this look: a recording may hold many attempts
    picked = [items[i] for i in sorted({int(i) for i in np.linspace(0, len(items) - 1, min(most_items, len(items)))})]
    for item in picked:
        result.read_items += 1
        _describe(result, kind, item, source)
        for part in _parts(kind, item, source):
            for one in _paired(part, source, times):
                add(result, item, one)
            if _lacks_rate(part, source):
                result.needs_rate = True
                _add_at_a_rate(result, kind, item, source)
    _advise(result, kind, picked, source)
    return result


def _lacks_rate(part: EpisodeLog | BadEpisode, source: RobotSource) -> bool:
    return isinstance(part, BadEpisode) and part.reason == "no_rate" and source.fps_hz is None


def _add_at_a_rate(result: Look, kind: LogKind, item: LogItem, source: RobotSource) -> None:
    """What a log holds that states no rate: the look goes on at any, and takes none of its attempts."""
    for part in _parts(kind, item, replace(source, fps_hz=TRIAL_HZ)):
        if isinstance(part, EpisodeLog):
            result.without_rate += 1
            count_facts(result, part)
            result.facts["clock"] = Counter({"not stated": result.without_rate})
        else:
            add(result, item, part)


def _advise(result: Look, kind: LogKind, picked: Sequence[LogItem], source: RobotSource) -> None:
    """Columns for each data set that lacks something which they may mend."""
    for root in sorted(result.lacking & set(result.holds)):
        items = [item for item in picked if item.root == root][:PROBED_ITEMS]
        columns = _advice(kind, items, source, result.holds[root])
        if columns is not None:
            mapped = replace(source, columns=columns)
            result.advice[root] = columns
            result.needs_rate |= any(_lacks_rate(p, mapped) for item in items for p in _parts(kind, item, mapped))
            parts = [p for item in items for p in _parts_at_any_rate(kind, item, mapped)]
            result.advised_logs += len(items)
            result.advised_attempts += sum(isinstance(part, EpisodeLog) for part in parts)


def _advice(
    kind: LogKind, items: Sequence[LogItem], source: RobotSource, fields: Sequence[LogField]
) -> LogColumns | None:
    def attempt(columns: LogColumns) -> list[EpisodeLog | BadEpisode]:
        mapped = replace(source, kind=kind.name, columns=columns)
        return [part for item in items for part in _parts_at_any_rate(kind, item, mapped)]

    return advise(fields, kind.columns, source.columns, attempt)


def _parts_at_any_rate(kind: LogKind, item: LogItem, source: RobotSource) -> list[EpisodeLog | BadEpisode]:
    parts = list(_parts(kind, item, source))
    if any(_lacks_rate(part, source) for part in parts):
        return list(_parts(kind, item, replace(source, fps_hz=TRIAL_HZ)))
    return parts


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
    part: EpisodeLog | BadEpisode, source: RobotSource, times: Callable[[str], RecordedTimes | None]
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
        fitted = pair_cameras(part, recorded, source.surplus, source.shift)
    except BadMedia as e:
        yield BadEpisode(name=part.name, reason=e.reason, detail=e.detail)
        return
    yield fitted.log
    yield from fitted.left


def _describe(result: Look, kind: LogKind, item: LogItem, source: RobotSource) -> None:
    """Once a data set what it says of itself; what its first few logs hold."""
    if item.root not in result.claims:
        if len(result.claims) >= MOST_DESCRIBED:
            return
        result.claims[item.root] = {} if kind.describe is None else dict(_answer(kind.describe, item, source) or {})
    if kind.holds is not None and result.described[item.root] < DESCRIBED_ITEMS:
        result.described[item.root] += 1
        fields = {f.name: f for f in (*(_answer(kind.holds, item, source) or ()), *result.holds.get(item.root, ()))}
        result.holds[item.root] = tuple(fields.values())


def _answer(ask: Callable[[LogItem, LogOptions], Answer], item: LogItem, source: RobotSource) -> Answer | None:
    """None where it cannot be read; its parts say why."""
    try:
        return ask(item, source)
    except (BadMedia, TransientError, OSError):
        return None


def _kind_and_items(source: RobotSource) -> tuple[LogKind, list[LogItem], dict[str, list[str]]]:
    """The format, its logs, and by format the places of logs that it does not take and that another may."""
    kinds = [logs.kind_of(source.kind)] if source.kind else [k for k in logs.KINDS if k.prepare is None]
    with objects.list_once():
        offered = {kind.name: list(kind.list(source.uri, source)) for kind in kinds}
    fitness = {kind.name: _fitness(kind, offered, source) for kind in kinds}
    best = max(kinds, key=lambda kind: fitness[kind.name])
    if not fitness[best.name][0] and len(kinds) > 1:
        best = _by_advice(kinds, offered, source) or best
    if not offered[best.name]:
        raise UsageError(f"no robot log that is known lies below {source.uri}; docs/sources.md lists the formats")
    others = {
        name: _beyond(items, offered[best.name])
        for name, items in offered.items()
        if name != best.name and fitness[name][1]
    }
    return best, offered[best.name], {name: uris for name, uris in others.items() if uris}


def _beyond(items: Sequence[LogItem], others: Sequence[LogItem]) -> list[str]:
    """Places of logs that are none of the others and lie in none of them, nor in a data set with folders of its own."""
    taken = {item.uri for item in others}
    owned = {item.root for item in others if "/" in item.uri[len(item.root) + 1 :]}
    within = tuple(f"{place}/" for place in taken | owned)
    return [item.uri for item in items if item.uri not in taken and not item.uri.startswith(within)]


def _by_advice(kinds: Sequence[LogKind], offered: dict[str, list[LogItem]], source: RobotSource) -> LogKind | None:
    """The format that takes most of the first logs once columns say where things are; None where none takes any."""
    best, most = None, 0
    for kind in kinds:
        items = offered[kind.name][:PROBED_ITEMS]
        fields = _answer(kind.holds, items[0], source) if items and kind.holds is not None else None
        columns = _advice(kind, items, source, fields) if fields else None
        if columns is None:
            continue
        mapped = replace(source, kind=kind.name, columns=columns)
        taken = sum(isinstance(p, EpisodeLog) for item in items for p in _parts_at_any_rate(kind, item, mapped))
        if taken > most:
            best, most = kind, taken
    return best


def _fitness(kind: LogKind, offered: dict[str, list[LogItem]], source: RobotSource) -> tuple[int, int, int]:
    """Attempts that a format reads of its first items; then how much of what lies there it takes: root before file."""
    items = offered[kind.name]
    parts = [part for item in islice(items, PROBED_ITEMS) for part in _parts_at_any_rate(kind, item, source)]
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
