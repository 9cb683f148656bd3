"""Reader of AgiBot World: `proprio_stats/<task>/<episode>/proprio_stats.h5` with its videos and `task_info`.

After the maker's description of AgiBot World Alpha and Beta and a public converter of both (Tavish9/any4lerobot at
6937315, agibot2lerobot/agibot_utils); no real file seen. Rows are at 30 Hz with a clock of ns, frame i of a recording
is row i's. A state's gripper is mm of opening, an action's 0 (open) to 1 (closed). An action that was not sent in every
row has as many rows as were sent; `action/<part>/index` says which: the others have none.
"""

from __future__ import annotations

import functools
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from infra.readers.hdf5_tree import Arrays, Numbers
from infra.storage import objects
from infra.storage.objects import ObjectInfo
from pipelines.sources.logs import hdf5_log
from pipelines.sources.logs.attempt import AttemptFacts, attempt_of, even_times
from pipelines.sources.logs.base import VECTORS, BadEpisode, LogItem, LogKind, LogOptions, MediaFile, UnreadPart
from pipelines.sources.logs.episode_log import CameraSpan, EpisodeLog, TaskSpan, Times
from pipelines.sources.logs.items import item_of, media_of
from pipelines.sources.logs.parts import Parts
from schemas.errors import BadMedia
from schemas.spans import NS

RATE_HZ = 30.0
LOG = re.compile(r"(.*)/proprio_stats/([^/]+)/([^/]+)/proprio_stats\.h5")
VIDEO = re.compile(r"(.*)/observations/([^/]+)/([^/]+)/videos/([^/]+)\.mp4")
TACTILE = re.compile(r"(.*)/observations/([^/]+)/([^/]+)/tactile/([^/]+)")
DEPTH = re.compile(r"(.*)/observations/([^/]+)/([^/]+)/depth/([^/]*?)_?\d*\.[^./]+")
TOUCH = "tactile/"
SPARSE_SHARE = 0.5  # of the rows: what was commanded in fewer would take the others' action along
PARTS = ("joint/position", "effector/position", "head/position", "waist/position")
ALL = (*PARTS, "end/position", "end/orientation", "robot/position", "robot/orientation", "robot/velocity",
       "joint/current_value")  # fmt: skip
JOINT_INDEX = "action/joint/index"
Place = tuple[str, str, str]  # root, task, episode


def list_logs(uri: str, options: LogOptions = LogOptions()) -> Iterator[LogItem]:
    """One item an episode, with its recordings; what task_info says of its task is part of its revision."""
    del options
    listed = list(objects.list_objects(uri.rstrip("/") + "/"))
    by_uri = {o.uri: o for o in listed}
    videos: dict[Place, list[MediaFile]] = defaultdict(list)
    depths: dict[Place, Counter[str]] = defaultdict(Counter)
    for o in listed:
        if v := VIDEO.fullmatch(o.uri):
            videos[v[1], v[2], v[3]].append(media_of(v[4], o))
        elif d := DEPTH.fullmatch(o.uri):
            depths[d[1], d[2], d[3]][d[4] or "depth"] += 1
        elif t := TACTILE.fullmatch(o.uri):
            depths[t[1], t[2], t[3]][TOUCH] += 1
    for o in listed:
        if log := LOG.fullmatch(o.uri):
            about = by_uri.get(_info_uri(log[1], log[2]))
            place = (log[1], log[2], log[3])
            beside = () if about is None else (about,)
            yield item_of(o, log[1], videos[place], beside, [_unread(c, n) for c, n in sorted(depths[place].items())])


def _unread(camera: str, count: int) -> UnreadPart:
    if camera == TOUCH:
        return UnreadPart(name="tactile", reason="unread_columns", detail=f"{count} recordings of touch are not read")
    detail = f"{count} pictures of distances in depth/; it is no camera of a view"
    return UnreadPart(name=f"camera {camera}", reason="depth_camera", detail=detail)


def _info_uri(root: str, task: str) -> str:
    return f"{root}/task_info/task_{task}.json"


def read(item: LogItem, workdir: Path, options: LogOptions = LogOptions()) -> Iterator[EpisodeLog | BadEpisode]:
    """The episode's attempt, and the depth that it is taken without.

    BadMedia: other_format, missing_file (no task_info), bad_json, missing_video, no_states_or_actions, length_mismatch
    (an action with more rows than the state, which ten of the makers' tasks have), bad_hdf5, decoder_*.
    """
    del workdir
    place = LOG.fullmatch(item.uri)
    if place is None:
        raise BadMedia("other_format", "not at proprio_stats/<task>/<episode>/proprio_stats.h5")
    if not item.media:
        raise BadMedia("missing_video", f"no mp4 in observations/{place[2]}/{place[3]}/videos")
    with hdf5_log.open_log(item.uri) as log:
        states = options.columns.state or hdf5_log.filled(log, "state", PARTS)
        actions = options.columns.action or hdf5_log.filled(log, "action", PARTS)
        known = [n for n in ("timestamp", *map(_index_of, actions), JOINT_INDEX) if n in log.tree]
        arrays = log.arrays(list(dict.fromkeys([*states, *actions, *known])))
        there = [path for group in ("state", "action") for path in hdf5_log.filled(log, group, ALL)]
    count = _count(arrays, [*states, *actions])
    rate_hz = options.fps_hz or RATE_HZ
    about = _episode_of(_info_uri(place[1], place[2]), place[3])
    times = _times(arrays, count, rate_hz)
    end_ns = int(times[-1]) + round(NS / rate_hz)
    parts = Parts(f"{place[2]}_{place[3]}")
    parts.refuse_unread(item)
    numbers = {name: _in_rows(arrays, name, count) if name in actions else a for name, a in arrays.numbers.items()}
    if not options.columns.action:
        actions = tuple(name for name in actions if not _is_sparse(numbers.get(name), name, parts))
    if others := [path for path in there if path not in (*states, *actions)]:
        parts.note("unread_columns", ", ".join(others))
    facts = AttemptFacts(
        name=parts.attempt, t_ns=times, fps_hz=rate_hz, embodiment="agibot_g1", collect_mode="teleop",
        states=hdf5_log.columns_of(numbers, "", states, count),
        actions=hdf5_log.columns_of(numbers, "", actions, count),
        state_names=hdf5_log.axes_of(numbers, "", states), action_names=hdf5_log.axes_of(numbers, "", actions),
        instruction=_text(about, "task_name"), tasks=_tasks(about, count), notes=tuple(parts.notes),
        cameras=tuple(
            CameraSpan(camera=m.camera, uri=m.uri, start_ns=0, end_ns=end_ns, alone=True) for m in item.media
        ),
    )  # fmt: skip
    yield attempt_of(facts, item, options)
    yield from parts.refused


def _index_of(action: str) -> str:
    """Where the rows lie in which it was sent."""
    return f"{action.rpartition('/')[0]}/index"


def _in_rows(arrays: Arrays, name: str, count: int) -> Numbers:
    """The action in its rows, NaN in the others; as it is where nothing says which rows those are."""
    array = arrays.numbers[name]
    for where in (_index_of(name), JOINT_INDEX):  # the end's is often empty, and then the joints'
        index = arrays.numbers.get(where)
        if index is None or index.dtype.kind not in "iu" or index.shape != array.shape[:1] or len(array) == count:
            continue
        places = index.astype(np.int64)
        if len(places) and places[0] >= 0 and places[-1] < count and (np.diff(places) > 0).all():
            spread = np.full((count, *array.shape[1:]), np.nan)
            spread[places] = array
            return spread
    return array


def _is_sparse(array: Numbers | None, name: str, parts: Parts) -> bool:
    """Whether the action was sent in so few rows that it is left out, which is told."""
    if array is None or not array.ndim or array.dtype.kind != "f":
        return False
    sent = int(np.isfinite(array.reshape(len(array), -1)).all(axis=1).sum())
    if sparse := sent < SPARSE_SHARE * len(array):
        parts.refuse(name, "sparse_action", f"sent in {sent} of {len(array)} rows; `columns.action` takes it")
    return sparse


def _count(arrays: Arrays, names: Sequence[str]) -> int:
    """Rows of the state, which all others must have. BadMedia: no_states_or_actions, bad_hdf5."""
    for name in names:
        if (array := arrays.numbers.get(name)) is not None and array.ndim:
            return len(array)
        if name in arrays.bad:
            raise arrays.bad[name]
    raise BadMedia("no_states_or_actions", "neither state nor action holds anything")


def _times(arrays: Arrays, count: int, rate_hz: float) -> Times:
    """By the log's clock, ns, where there is one a row; else on the grid of the rate."""
    clock = arrays.numbers.get("timestamp")
    if clock is None or clock.shape != (count,) or clock.dtype.kind not in "iu":
        return even_times(count, rate_hz)
    return np.asarray(clock.astype(np.int64) - int(clock[0]), np.int64)


def _episode_of(uri: str, episode: str) -> Mapping[str, Any]:
    """What task_info says of the episode. BadMedia(missing_file): there is none, or it does not name the episode."""
    try:
        info = objects.info(uri)
    except FileNotFoundError as e:
        raise BadMedia("missing_file", f"{uri.rpartition('/')[2]}, which names the task") from e
    episodes = _task_info(info)
    if episode not in episodes:
        raise BadMedia("missing_file", f"{uri.rpartition('/')[2]} does not name episode {episode}")
    return episodes[episode]


def _task_info(info: ObjectInfo) -> Mapping[str, Mapping[str, Any]]:
    return _parsed(info.uri, info.etag)


@functools.lru_cache(maxsize=8)
def _parsed(uri: str, etag: str) -> dict[str, Mapping[str, Any]]:
    """Its episodes by their number, read once a process. BadMedia(bad_json)."""
    import json

    del etag
    try:
        rows = json.loads(objects.read_bytes(uri))
    except (ValueError, RecursionError) as e:
        raise BadMedia("bad_json", f"{uri.rpartition('/')[2]}: {str(e)[:120]}") from e
    rows = rows if isinstance(rows, list) else []
    return {str(r["episode_id"]): r for r in rows if isinstance(r, dict) and "episode_id" in r}


def _text(about: Mapping[str, Any], key: str) -> str | None:
    value = about.get(key)
    return value if isinstance(value, str) and value.strip() else None


def _tasks(about: Mapping[str, Any], count: int) -> tuple[TaskSpan, ...]:
    """The steps of the task in the makers' words, as far as their frames are rows."""
    label = about.get("label_info")
    steps = label.get("action_config") if isinstance(label, dict) else None
    spans = list[TaskSpan]()
    for step in steps if isinstance(steps, list) else []:
        start, end = (step.get(k) for k in ("start_frame", "end_frame")) if isinstance(step, dict) else (None, None)
        text = _text(step, "action_text") if isinstance(step, dict) else None
        if text and isinstance(start, int) and isinstance(end, int) and 0 <= start < min(end, count):
            spans.append(TaskSpan(text=text, start_frame=start, end_frame=min(end, count), kind="subtask"))
    return tuple(spans)


KIND = LogKind("agibot", list_logs, read, version=3, holds=hdf5_log.holds, columns=VECTORS)
