"""Attempts of logs whose topics each have a rate of their own: rows are the pictures of one camera, at their stamps.

Times are the sensors' (`infra.readers.message_times`); state and action at a row are the nearest message within 1.5
periods of its topic, NaN beyond; pictures of further cameras are paired by the fold, within 3/4 of their period. A log
is one attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from infra.readers import message_times
from infra.readers.message_pictures import VIDEO_FORMS, short_type
from infra.readers.topics import Lost, Recorded, Series, Topic, picture_order
from pipelines.media import log_pictures
from pipelines.media.log_pictures import Selector
from pipelines.sources.logs import topic_words
from pipelines.sources.logs.base import BadEpisode, LogItem, LogOptions
from pipelines.sources.logs.episode_log import CONTROL_OF_MODE, CameraSpan, EpisodeLog, Floats, Note
from pipelines.sources.logs.nearest import PICTURE_PERIODS, Times, median_period_ns, readings_at
from pipelines.sources.logs.topic_choice import JOINTS, Choice, Part, choose, list_topics
from schemas.errors import BadMedia
from schemas.spans import NS

CLOCKS_APART_NS = 5 * NS  # topics whose stamps are so differently far from the recorder's are not of one clock
GAP_PERIODS = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicLog:
    """A log of messages. read: the named topics' messages; log_uri, selector: where and how its pictures lie.

    lost: what could not be read when its topics were listed.
    """

    name: str
    item: LogItem
    topics: Sequence[Topic]
    read: Callable[[Sequence[str]], Recorded]
    log_uri: str
    selector: Selector
    lost: Sequence[Lost] = ()


@dataclass(frozen=True, slots=True)
class _Film:
    """A camera's pictures: its topic, and when each was taken, in the film's order."""

    camera: str
    topic: str
    times: Times


def attempts(log: TopicLog, options: LogOptions) -> Iterator[EpisodeLog | BadEpisode]:
    """The log's one attempt, and what is left out of it.

    BadMedia: no_pictures, two_clocks, topic_choice's and EpisodeLog's.
    """
    try:
        choice = choose(log.topics, options.columns)
    except BadMedia as e:
        raise _blamed(e, log.lost) from e
    recorded = log.read(choice.topics())
    if topic_words.is_discarded(recorded, choice):
        yield BadEpisode(name=log.name, reason="discarded", detail=f"{options.columns.discarded} says so")
        return
    clock_ns = _clock_ns(recorded)
    films, without = _films(recorded, choice, clock_ns)
    parts = [*_lost(recorded), *without]
    try:
        topic_words.outcome(recorded, choice)
    except BadMedia as e:  # the attempt is taken, how it ended is unknown
        parts.append(BadEpisode(name="outcome", reason=e.reason, detail=f"{options.columns.outcome}: {e.detail}"))
        choice = replace(choice, outcome=None)
    if not films:
        why = "; ".join(part.detail for part in without)
        detail = f"no camera has pictures that can be used: {why}; there are {list_topics(log.topics)}"
        raise _blamed(BadMedia("no_pictures", detail), recorded.lost)
    yield _episode(log, recorded, choice, films, clock_ns, options)
    for part in parts:
        yield replace(part, name=f"{log.name}/{part.name}")


def _blamed(error: BadMedia, lost: Sequence[Lost]) -> BadMedia:
    """The refusal; of a log that is damaged the damage is the reason."""
    if not lost:
        return error
    return BadMedia(lost[0].reason, f"{'; '.join(part.detail for part in lost[:3])}; of the rest: {error.detail}")


def _episode(
    log: TopicLog, recorded: Recorded, choice: Choice, films: Sequence[_Film], clock_ns: int, options: LogOptions
) -> EpisodeLog:
    rows = np.unique(films[0].times)
    period_ns = median_period_ns(rows) or NS
    state_names, states, state_notes = _axes("state", recorded, choice.state, rows, clock_ns)
    action_names, actions, action_notes = _axes("action", recorded, choice.action, rows, clock_ns)
    if states is None and actions is None:
        raise BadMedia("no_states_or_actions", f"no message with readings; there are {list_topics(log.topics)}")
    outcome, source, confidence = topic_words.outcome(recorded, choice)
    mode = options.collect_mode or "unknown"
    instruction, tasks = topic_words.tasks(recorded, choice, rows, clock_ns)
    notes = [*_row_notes(films[0], rows, period_ns), *state_notes, *action_notes, *_stamp_notes(recorded)]
    return EpisodeLog(
        name=log.name,
        uri=log.item.uri,
        revision=log.item.revision,
        modified_ns=log.item.modified_ns,
        embodiment=options.embodiment or "unknown",
        robot=None,
        scene=None,
        instruction=instruction,
        outcome=outcome,
        outcome_source=source,
        outcome_confidence=confidence,
        failure_mode=None,
        failure_frame=None,
        policy_id=None,
        world_model_id=None,
        idm_id=None,
        trained_on=None,
        collect_mode=mode,
        calibration_json=None,
        fps_hz=NS / period_ns,
        state_names=state_names,
        action_names=action_names,
        t_ns=rows - rows[0],
        states=states,
        actions=actions,
        actions_executed=None,
        control_source=CONTROL_OF_MODE.get(mode),
        intervention=None,
        reward=None,
        done=None,
        cameras=tuple(_span(log, film, int(rows[0]), i == 0) for i, film in enumerate(films)),
        tasks=tasks,
        notes=tuple(notes),
    )


def _clock_ns(recorded: Recorded) -> int:
    """How far the recorder's clock is from that of the stamps: what lies there for messages without one.

    BadMedia(two_clocks): the stamps of two topics are not of one clock.
    """
    known = {s.topic: offset for s in recorded.series.values()
             if (offset := message_times.offset_ns(s.stamps_ns, s.log_ns)) is not None}  # fmt: skip
    if not known:
        return 0
    first, last = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
    if known[last] - known[first] > CLOCKS_APART_NS:
        late = f"{last} {known[last] / NS:.3f} s after its stamps and {first} {known[first] / NS:.3f} s"
        detail = f"the recorder had {late}: these are stamps of two clocks, and nothing tells how they lie"
        raise BadMedia("two_clocks", detail)
    return known[first] if abs(known[first]) > CLOCKS_APART_NS else 0


def _films(recorded: Recorded, choice: Choice, clock_ns: int) -> tuple[list[_Film], list[BadEpisode]]:
    """Cameras with pictures in the order of the choice, and those without."""
    films, without = [], []
    for camera, topic in choice.cameras.items():
        series = recorded.series.get(topic)
        if series is None:
            without.append(_part(f"camera {camera}", "missing_camera", f"{topic} is announced and has no message"))
            continue
        counts = f"{topic}: {_counts(series)}"
        if not series.form or not len(series.stamps_ns):
            without.append(_part(f"camera {camera}", "unsupported_pictures", counts))
            continue
        times, _ = message_times.times_of(series.stamps_ns, series.log_ns, clock_ns)
        times = times[picture_order(series.form, series.stamps_ns, series.log_ns)]
        if series.form in VIDEO_FORMS and (np.diff(times) < 0).any():
            detail = f"{topic}: the stamps of its video go back at picture {int(np.argmax(np.diff(times) < 0)) + 1}"
            without.append(_part(f"camera {camera}", "time_not_increasing", detail))
            continue
        films.append(_Film(camera, topic, times))
        if series.left_out:
            without.append(_part(f"pictures of {camera}", "pictures_left_out", counts))
    return films, without


def _part(name: str, reason: str, detail: str) -> BadEpisode:
    return BadEpisode(name=name, reason=reason, detail=detail)


def _counts(series: Series) -> str:
    left_out = ", ".join(f"{n} messages: {why}" for why, n in sorted(series.left_out.items())) or "nothing left out"
    return f"{len(series.stamps_ns)} messages taken, {left_out}"


def _lost(recorded: Recorded) -> Iterator[BadEpisode]:
    """What could not be read: the end of a file that was not closed, a damaged chunk, messages."""
    for i, part in enumerate(recorded.lost):
        yield _part(f"part {i}", part.reason, part.detail)
    for series in recorded.series.values():
        if series.left_out and not series.form:
            yield _part(f"messages of {series.topic}", "bad_message", f"{series.topic}: {_counts(series)}")


def _axes(
    what: str, recorded: Recorded, parts: Sequence[Part], rows: Times, clock_ns: int
) -> tuple[tuple[str, ...], Floats | None, list[Note]]:
    """Names, float32 (T, A) and notes of the parts side by side; None where no message has any."""
    names: list[tuple[str, str]] = []
    columns, notes = [], []
    for part in parts:
        series = recorded.series.get(part.topic)
        if series is None or not series.axes:
            counts = "has no message" if series is None else _counts(series)
            notes.append(Note(code="no_readings", detail=f"{what}: {part.topic}: {counts}"))
            continue
        axes, short = _picked(series, part, what)
        names += [(part.topic, name) for name in short]
        times, _ = message_times.times_of(series.stamps_ns, series.log_ns, clock_ns)
        readings = readings_at(series, times, axes, rows)
        columns.append(readings.values)
        if readings.missing.any():
            count, first = int(readings.missing.sum()), int(np.argmax(readings.missing))
            near = f"no {part.topic} within {readings.tolerance_ns} ns of {count} of {len(rows)} steps, first {first}"
            notes.append(Note(code="no_reading_near", detail=f"{what}: {near}"))
    if not columns:
        return (), None, notes
    unique = len({name for _, name in names}) == len(names)
    named = tuple(name if unique else f"{topic}:{name}" for topic, name in names)
    with np.errstate(over="ignore"):
        return named, np.concatenate(columns, axis=1).astype(np.float32), notes


def _picked(series: Series, part: Part, what: str) -> tuple[list[int], list[str]]:
    """Indices and short names of the axes that a part means. BadMedia(missing_column): none is below its path."""
    paths = list(series.axes)
    if not part.path and short_type(series.type) in JOINTS:
        for kind in ("position", "velocity", "effort"):
            if here := [i for i, p in enumerate(paths) if p.startswith(kind + ".")]:  # ROS: position.elbow
                return here, [paths[i].removeprefix(kind + ".") for i in here]
            if here := [i for i, p in enumerate(paths) if p.endswith("." + kind)]:  # Foxglove: joints.elbow.position
                return here, [paths[i].removeprefix("joints.").removesuffix("." + kind) for i in here]
    if not part.path:
        return list(range(len(paths))), paths
    here = [i for i, p in enumerate(paths) if p == part.path or p.startswith(part.path + ".")]
    if not here:
        detail = f"columns.{what}: {part.topic} has no {part.path[:80]!r}; it has {', '.join(paths[:40])}"
        raise BadMedia("missing_column", detail)
    return here, [paths[i].removeprefix(part.path + ".") for i in here]


def _span(log: TopicLog, film: _Film, first_ns: int, is_clock: bool) -> CameraSpan:
    """All of the camera's film. The row clock's own pictures are paired exactly."""
    period_ns = median_period_ns(film.times)
    rate_hz = log_pictures.rate_of(max(1, round(NS / period_ns)) if period_ns else 1)
    selector = replace(log.selector, where=film.topic, rate_hz=rate_hz)
    return CameraSpan(
        camera=film.camera,
        uri=log_pictures.picture_uri(log.log_uri, selector),
        start_ns=0,
        end_ns=log_pictures.end_ns(len(film.times), rate_hz),
        alone=True,
        frame_stamps_ns=film.times - first_ns,
        tolerance_ns=0 if is_clock else round(PICTURE_PERIODS * period_ns),
    )


def _row_notes(film: _Film, rows: Times, period_ns: int) -> Iterator[Note]:
    yield Note(code="row_clock", detail=f"rows are the pictures of {film.topic}, at their times")
    if len(rows) < len(film.times):
        yield Note(code="repeated_stamps", detail=f"{len(film.times) - len(rows)} pictures of {film.topic}")
    wide = np.diff(rows) > GAP_PERIODS * period_ns
    if wide.any():
        longest = int(np.diff(rows).max())
        detail = f"{int(wide.sum())} times no picture for more than {GAP_PERIODS} periods, for {longest} ns at most"
        yield Note(code="picture_gaps", detail=detail)


def _stamp_notes(recorded: Recorded) -> Iterator[Note]:
    """How the recorder's times lie behind the sensors', and what of the log is lost."""
    yield from (Note(code=part.reason, detail=part.detail) for part in recorded.lost)
    for series in recorded.series.values():
        offset = message_times.offset_ns(series.stamps_ns, series.log_ns)
        if offset is None:
            if len(series.log_ns):
                yield Note(code="recorder_times", detail=f"{series.topic} has no stamps: when it was recorded counts")
            continue
        _, unused = message_times.times_of(series.stamps_ns, series.log_ns)
        detail = f"{series.topic} was recorded {offset} ns after its stamps (median)"
        extra = f"; {unused} of {len(series.log_ns)} messages have no stamp that fits the others" if unused else ""
        yield Note(code="stamps", detail=detail + extra)
