"""Reader of plain logs: `<name>.jsonl` (a header line, then one line a step) beside its recordings.

`<name>.mp4` is the camera `main`, or as the header's `camera` says; `<name>.<camera>.mp4` are several. The
header's `cameras` may map camera to file name, of the files beside it that begin with <name>.

Header: task, fps, robot (the type), success or outcome {value, source, confidence}; optional: episode,
robot_id, scene, mode or failure_mode, failure_frame, last_phase, policy, world_model, idm, trained_on,
collect_mode, calibration, state_names, action_names, actuators.
Step: t (s), state, action; optional: action_executed, reward, done, intervention.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from infra.storage import objects
from pipelines.sources.logs import plain_header
from pipelines.sources.logs.base import (
    COLUMNS,
    NUMBERS,
    OTHER,
    WORDS,
    BadEpisode,
    LogField,
    LogItem,
    LogKind,
    LogOptions,
    MediaFile,
)
from pipelines.sources.logs.episode_log import (
    CONTROL_OF_MODE,
    LOST_SHARE,
    EpisodeLog,
    Flags,
    Floats,
    Times,
    lost_rows,
)
from pipelines.sources.logs.fields import (
    UNKNOWN,
    is_yes,
    json_object,
    text,
    text_of_json,
)
from pipelines.sources.logs.items import attempt_name, item_of, media_of
from pipelines.sources.logs.parts import Parts
from pipelines.sources.logs.signs import signs_of
from schemas.errors import BadMedia
from schemas.spans import NS

VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v")
_LOG_MAX_BYTES = 256 << 20
_LINES_MAX = 1_000_000


def list_logs(uri: str, options: LogOptions = LogOptions()) -> Iterator[LogItem]:
    """One item for each .jsonl below the folder or prefix, recordings beside it included."""
    listed = list(objects.list_objects(uri.rstrip("/") + "/"))
    logs = {_stem(o.uri): o for o in listed if o.uri.endswith(".jsonl")}
    media: dict[str, list[MediaFile]] = defaultdict(list)
    for video in listed:
        stem = _stem(video.uri)
        if not video.uri.lower().endswith(VIDEO_SUFFIXES):
            continue
        if stem in logs:
            media[stem].append(media_of("main", video))
        elif (owner := stem.rpartition(".")[0]) in logs:
            media[owner].append(media_of(stem[len(owner) + 1 :], video))
    for stem, log in logs.items():
        yield item_of(log, log.uri.rpartition("/")[0], media[stem])


def _stem(uri: str) -> str:
    """The URI without its suffix."""
    return uri.rpartition(".")[0]


def read(item: LogItem, workdir: Path, options: LogOptions = LogOptions()) -> Iterator[EpisodeLog | BadEpisode]:
    """The one attempt of the item, and a BadEpisode for each part that it is taken without.

    BadMedia: bad_json, bad_header, too_large, ragged_rows, missing_video, and EpisodeLog's.
    """
    header, steps = _lines(item.uri)
    stated, discarded = text(header, "episode") or _stem(item.uri).rpartition("/")[2], options.columns.discarded
    parts = Parts(attempt_name(stated))
    if parts.attempt != stated:
        parts.note("attempt_renamed", f"the episode {stated[:80]!r} is {parts.attempt!r} here")
    if discarded and is_yes(header.get(discarded)):
        raise BadMedia("discarded", f"{discarded} of the header leaves it out")
    yield _log(header, steps, item, options, parts)
    yield from parts.refused


def _log(
    header: Mapping[str, Any], steps: list[dict[str, Any]], item: LogItem, options: LogOptions, parts: Parts
) -> EpisodeLog:
    columns = options.columns
    fps_hz = options.fps_hz or parts.take("fps", partial(plain_header.rate, header))
    t_ns = _times(steps, fps_hz)
    period_ns = int(np.median(np.diff(t_ns))) if len(t_ns) > 1 else round(NS / (fps_hz or 1))
    states, actions = _vector(steps, columns.state or ("state",)), _vector(steps, columns.action or ("action",))
    stated = header if columns.outcome is None else {**header, "outcome": header.get(columns.outcome)}
    outcome, source, confidence = parts.take("outcome", partial(plain_header.outcome_stated, stated)) or UNKNOWN
    mode = options.collect_mode or parts.take("collect_mode", partial(plain_header.collect_mode, header)) or "unknown"
    words = {key: parts.text(header, key) for key in plain_header.TEXTS}
    actuators = header.get("action_names", header.get("actuators"))
    names = (
        parts.take("state_names", partial(plain_header.names_stated, header.get("state_names"), states)) or (),
        parts.take("action_names", partial(plain_header.names_stated, actuators, actions)) or (),
    )
    return EpisodeLog(
        name=parts.attempt, uri=item.uri, revision=item.revision, modified_ns=item.modified_ns,
        embodiment=options.embodiment or parts.name("robot", words["robot"] or "unknown"), robot=words["robot_id"],
        scene=words["scene"], instruction=parts.text(header, columns.task or "task") or words["instruction"],
        outcome=outcome, outcome_source=source, outcome_confidence=confidence,
        failure_mode=plain_header.failure_mode(words) if outcome == "failure" else None,
        failure_frame=parts.take("failure_frame", partial(plain_header.failure_frame, header, len(steps))),
        policy_id=words["policy"], world_model_id=words["world_model"], idm_id=words["idm"],
        trained_on=words["trained_on"], collect_mode=mode,
        calibration_json=parts.take("calibration", lambda: text_of_json(header.get("calibration"))),
        fps_hz=fps_hz or NS / max(period_ns, 1), state_names=names[0], action_names=names[1], t_ns=t_ns,
        states=states, actions=actions,
        actions_executed=parts.take("action_executed", lambda: _vector(steps, ("action_executed",))),
        control_source=CONTROL_OF_MODE.get(mode),
        intervention=parts.take("intervention", lambda: _flags(steps, ("intervention", "is_intervention"))),
        reward=parts.take("reward", lambda: _reward(steps)),
        done=parts.take("done", lambda: _flags(steps, ("done",))),
        cameras=plain_header.cameras_of(header, item, int(t_ns[-1]) + period_ns, parts),
        notes=(*parts.notes, *signs_of(states, actions, *names)),
    )  # fmt: skip


def _lines(uri: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    raw = objects.read_bytes(uri)
    if len(raw) > _LOG_MAX_BYTES:
        raise BadMedia("too_large", f"{len(raw)} bytes, limit {_LOG_MAX_BYTES}")
    lines = [line for line in raw.split(b"\n", _LINES_MAX) if line.strip()]
    if not lines:
        raise BadMedia("empty_episode", "the log has no line")
    rows = [json_object(line, f"line {i + 1}") for i, line in enumerate(lines)]
    if len(rows) == 1:
        raise BadMedia("empty_episode", "a header without steps")
    return rows[0], rows[1:]


def holds(item: LogItem, options: LogOptions) -> list[LogField]:
    """The keys of the first step, which hold vectors, and those of the header. BadMedia: as read."""
    del options
    header, steps = _lines(item.uri)
    fields = []
    for key, value in steps[0].items():
        numbers = value if isinstance(value, list) else [value]
        is_numbers = bool(numbers) and all(isinstance(v, int | float) for v in numbers)
        kind = NUMBERS if is_numbers else WORDS if isinstance(value, str) else OTHER
        about = f"{len(numbers)} a step" if is_numbers else type(value).__name__
        fields.append(LogField(name=key, kind=kind, about=about, width=len(numbers) if is_numbers else None))
    return fields + [LogField(name=key, kind=WORDS, about="header") for key in header]


def _matrix(steps: list[dict[str, Any]], key: str) -> Floats | None:
    """A key's values, NaN in the steps that lack it; None where none has it. BadMedia(ragged_rows)."""
    there = [i for i, step in enumerate(steps) if step.get(key) is not None]
    array = _floats([steps[i][key] for i in there], key) if there else None
    if array is None or not array.size:
        return None
    if len(there) < LOST_SHARE * len(steps):
        raise BadMedia("ragged_rows", f"{key} in {len(there)} of {len(steps)} steps")
    out = np.full((len(steps), *array.shape[1:]), np.nan, np.float32)
    out[there] = array
    return out


def _vector(steps: list[dict[str, Any]], keys: tuple[str, ...]) -> Floats | None:
    """(T, width) of the keys side by side; one that no step has is missing where there are several."""
    arrays = [_matrix(steps, key) for key in keys]
    if len(arrays) == 1:
        return arrays[0] if arrays[0] is None or arrays[0].ndim != 1 else arrays[0][:, None]
    if lacking := [key for key, array in zip(keys, arrays, strict=True) if array is None]:
        raise BadMedia("no_such_column", f"no step has {', '.join(lacking)}; there are {', '.join(steps[0])[:300]}")
    return np.concatenate([a.reshape(len(steps), -1) for a in arrays if a is not None], axis=1)


def _reward(steps: list[dict[str, Any]]) -> Floats | None:
    """BadMedia(non_finite): most are lost, and the attempt goes without."""
    reward = _matrix(steps, "reward")
    if reward is not None and (lost := lost_rows(reward)).mean() > LOST_SHARE:
        raise BadMedia("non_finite", f"reward in {int(lost.sum())} of {len(lost)} steps")
    return reward


def _floats(values: Iterable[Any], key: str) -> Any:
    """float64 array of the values; what float32 cannot hold becomes inf, which EpisodeLog refuses."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            wide = np.array(values, dtype=np.float64)
            return np.where(np.abs(wide) > np.finfo(np.float32).max, np.inf, wide)
    except (ValueError, TypeError, OverflowError) as error:
        raise BadMedia("ragged_rows", f"{key}: {error}") from error


def _flags(steps: list[dict[str, Any]], keys: tuple[str, ...]) -> Flags | None:
    """Of the first key that any step has; absent means no. BadMedia(bad_header): a value that is neither yes nor no."""
    key = next((k for k in keys if any(k in step for step in steps)), None)
    return None if key is None else np.array([is_yes(step.get(key)) for step in steps], np.bool_)


def _times(steps: list[dict[str, Any]], fps_hz: float | None) -> Times:
    """Nanoseconds from the first step; steps without `t` lie on the grid of fps."""
    values = [step["t"] for step in steps if step.get("t") is not None]
    if values and len(values) != len(steps):
        raise BadMedia("ragged_rows", f"t in {len(values)} of {len(steps)} steps")
    if not values:
        if not fps_hz:
            raise BadMedia("bad_header", "neither t in the steps nor fps in the header")
        return np.round(np.arange(len(steps)) * (NS / fps_hz)).astype(np.int64)
    seconds = _floats(values, "t")
    if seconds.ndim != 1 or not np.isfinite(seconds).all() or (np.abs(seconds - seconds[0]) > 1e9).any():
        raise BadMedia("non_finite", "t")
    return np.asarray(np.round((seconds - seconds[0]) * NS), np.int64)


KIND = LogKind("plain_log", list_logs, read, version=2, holds=holds, columns=COLUMNS - {"cameras"})
