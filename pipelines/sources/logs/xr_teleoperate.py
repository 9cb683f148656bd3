"""Reader of Unitree xr_teleoperate recordings: `episode_0001/data.json` beside `colors/000000_color_0.jpg`.

Layout: unitreerobotics/xr_teleoperate, teleop/utils/episode_writer.py (lines 58-178 at d1510db). An item is an
episode's folder. Rows are {idx, colors {camera: file}, depths, states {part: {qpos, qvel, torque}}, actions {same},
tactiles, audios, sim_state}.
There is no time: rows and pictures lie on the grid of `info.image.fps`, or of the `[[robot]]`'s fps_hz. State and
action are the qpos of the parts that have one in every row, side by side in PARTS' order, then by name. `text.goal` as
the recorder ships it is a placeholder, no instruction, and noted. Depths, tactiles and audios are told, not read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from infra.storage import objects
from infra.storage.objects import ObjectInfo
from pipelines.media.log_pictures import Selector, picture_uri, rate_of
from pipelines.sources.logs.attempt import AttemptFacts, attempt_of, even_times
from pipelines.sources.logs.base import PICTURES_AND_VECTORS, BadEpisode, LogItem, LogKind, LogOptions
from pipelines.sources.logs.episode_log import CameraSpan, EpisodeLog, Floats
from pipelines.sources.logs.fields import json_object, number, text
from pipelines.sources.logs.parts import Parts
from schemas.errors import BadMedia
from schemas.keys import log_revision
from schemas.spans import NS

LOG = "data.json"
PARTS = ("left_arm", "right_arm", "left_ee", "right_ee", "body")
# What the recorder's versions write where nobody says what the task is; the third stands in its code, lines 83-88.
PLACEHOLDERS = ("e.g. ", "task description", "pick up the red cup on the table.")
UNREAD = ("tactiles", "audios")
MAX_BYTES = 1 << 30
FOLDER = "colors"
PICTURE = re.compile(r"(?P<number>[0-9]{1,12})(?P<suffix>_[^/]*\.(?:jpg|jpeg|png))", re.IGNORECASE)


def list_logs(uri: str, options: LogOptions = LogOptions()) -> Iterator[LogItem]:
    """One item for each folder with a data.json and pictures in `colors`."""
    by_folder: dict[str, list[ObjectInfo]] = {}
    logs = []
    for info in objects.list_objects(uri.rstrip("/") + "/"):
        folder, _, name = info.uri.rpartition("/")
        if name == LOG:
            logs.append(info)
        elif folder.endswith(f"/{FOLDER}"):
            by_folder.setdefault(folder.rpartition("/")[0], []).append(info)
    for log in logs:
        root = log.uri.rpartition("/")[0]
        pictures = by_folder.get(root, [])
        parts = [log.etag, *(part for p in pictures for part in (p.uri, p.etag))]
        yield LogItem(
            uri=log.uri, root=root.rpartition("/")[0],
            revision=log_revision(log.uri, parts),
            modified_ns=max(o.modified_ns for o in (log, *pictures)),
            size_bytes=log.size_bytes + sum(p.size_bytes for p in pictures),
            media=(),
        )  # fmt: skip


def read(item: LogItem, workdir: Path, options: LogOptions = LogOptions()) -> Iterator[EpisodeLog | BadEpisode]:
    """The folder's one attempt; a BadEpisode for each camera that lacks pictures, and for what is not read.

    BadMedia: bad_json, bad_header, too_large, empty_episode, no_rate, no_states_or_actions, no_pictures.
    """
    raw = objects.read_bytes(item.uri)
    if len(raw) > MAX_BYTES:
        raise BadMedia("too_large", f"{len(raw)} bytes, limit {MAX_BYTES}")
    log = json_object(raw, LOG)
    info = _object(log, "info")
    rows = log.get("data")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise BadMedia("empty_episode", f"{LOG} has no rows in `data`")
    rate_hz = options.fps_hz or number(_object(info, "image"), "fps")
    if not rate_hz or rate_hz <= 0:
        raise BadMedia("no_rate", "info.image.fps is not there: say the rate, `fps_hz = ...` in its [[robot]]")
    name = item.uri.rpartition("/")[0].rpartition("/")[2]
    parts = Parts(name)
    cameras, missing = _cameras(item, rows, options.columns.cameras, rate_hz)
    for camera, why in missing:
        parts.refuse(f"camera {camera}", "missing_frames", why)
    _tell_unread(rows, parts)
    names = _object(info, "joint_names")
    states, state_names = _vectors(rows, "states", options.columns.state, names, parts)
    actions, action_names = _vectors(rows, "actions", options.columns.action, names, parts)
    facts = AttemptFacts(
        name=name, t_ns=even_times(len(rows), rate_hz), fps_hz=rate_hz, states=states, actions=actions,
        cameras=cameras, embodiment="unitree", instruction=_instruction(log, parts), collect_mode="teleop",
        state_names=state_names, action_names=action_names, notes=tuple(parts.notes),
    )  # fmt: skip
    yield attempt_of(facts, item, options)
    yield from parts.refused


def describe(item: LogItem, options: LogOptions) -> dict[str, str]:
    """The parts of the robot and the cameras in the first row. BadMedia: bad_json."""
    del options
    rows = json_object(objects.read_bytes(item.uri), LOG).get("data")
    first = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    parts = {key: ", ".join(map(str, _object(first, key))) or "none" for key in ("states", "actions", "colors")}
    return {"holds": "; ".join(f"{key}: {names}" for key, names in parts.items())}


def _object(fields: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An object, empty where there is none."""
    value = fields.get(key)
    return value if isinstance(value, dict) else {}


def _instruction(log: Mapping[str, Any], parts: Parts) -> str | None:
    goal = text(_object(log, "text"), "goal")
    if goal is None or not goal.lower().startswith(PLACEHOLDERS):
        return goal
    parts.note("placeholder_goal", f"text.goal is what the recorder ships with, no instruction: {goal}")
    return None


def _tell_unread(rows: Sequence[Mapping[str, Any]], parts: Parts) -> None:
    """Depth, touch and sound, with the rows that have them."""
    depths = Counter(str(camera) for row in rows for camera in _object(row, "depths"))
    for camera, count in sorted(depths.items()):
        detail = f"distances in {count} of {len(rows)} rows; it is no camera of a view"
        parts.refuse(f"camera {camera}", "depth_camera", detail)
    for key in UNREAD:
        if count := sum(bool(row.get(key)) for row in rows):
            parts.refuse(key, "unread_columns", f"{key} in {count} of {len(rows)} rows are not read")


def _cameras(
    item: LogItem, rows: Sequence[Mapping[str, Any]], wanted: Mapping[str, str], rate_hz: float
) -> tuple[tuple[CameraSpan, ...], list[tuple[str, str]]]:
    """Cameras with a numbered picture of every row, in order; the others, with why. BadMedia: no_pictures."""
    spans, left = [], []
    end_ns = round(len(rows) * NS / rate_hz)
    every = {str(key): str(key) for row in rows for key in _object(row, "colors")}
    for camera, key in sorted((wanted or every).items()):
        files = [str(_object(row, "colors").get(key) or "") for row in rows]
        named = [match for file in files if (match := PICTURE.fullmatch(file.rpartition("/")[2]))]
        numbers = [int(match["number"]) for match in named]
        suffixes = {match["suffix"] for match in named}
        if len(named) < len(rows):
            left.append((camera, f"pictures named in {len(named)} of {len(rows)} rows"))
        elif len(suffixes) > 1 or numbers != list(range(numbers[0], numbers[0] + len(rows))):
            left.append((camera, "the numbers of its pictures do not go up by one a row"))
        else:
            which = {"suffix": suffixes.pop(), "first": str(numbers[0]), "last": str(numbers[-1])}
            where = Selector("folder", FOLDER, rate_of(rate_hz), which)
            uri = picture_uri(item.uri.rpartition("/")[0], where)
            spans.append(CameraSpan(camera=camera, uri=uri, start_ns=0, end_ns=end_ns, alone=True))
    if not spans:
        raise BadMedia("no_pictures", f"no camera has a picture of every row: {left or 'none is there'}"[:300])
    return tuple(spans), left


def _vectors(
    rows: Sequence[Mapping[str, Any]], key: str, wanted: tuple[str, ...], names: Mapping[str, Any], parts: Parts
) -> tuple[Floats | None, tuple[str, ...]]:
    """(T, width) of the robot's parts' qpos side by side, and a name for each axis.

    One that the config does not name costs itself alone. BadMedia(ragged_rows): one that it names.
    """
    there = {str(part) for row in rows for part in _object(row, key)}
    blocks: list[Floats] = []
    axes: list[str] = []
    for part in wanted or (*(p for p in PARTS if p in there), *sorted(there - set(PARTS))):
        values = [_object(_object(row, key), part).get("qpos") or [] for row in rows]
        if not any(values) and not wanted:
            continue
        try:
            block = _block(values, f"{key}.{part}.qpos")
        except BadMedia as e:
            if wanted:
                raise BadMedia(e.reason, f"{e.detail}; there are {sorted(there)}") from e
            parts.refuse(f"{key} {part}", e.reason, e.detail)
            continue
        width, own = block.shape[1], names.get(part)
        named = isinstance(own, list) and len(own) == width and all(isinstance(n, str) for n in own)
        blocks.append(block)
        axes += list(own) if named and isinstance(own, list) else [f"{part}_{k}" for k in range(width)]
    return (np.concatenate(blocks, axis=1), tuple(axes)) if blocks else (None, ())


def _block(values: Sequence[Any], where: str) -> Floats:
    """(T, width), NaN in the rows that have none. BadMedia(ragged_rows)."""
    there = [k for k, value in enumerate(values) if value]
    widths = {len(values[k]) if isinstance(values[k], list) else -1 for k in there}
    if len(widths) != 1 or -1 in widths:
        raise BadMedia("ragged_rows", f"{where} has {sorted(widths)[:4]} numbers")
    block = np.full((len(values), widths.pop()), np.nan, np.float32)
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            block[there] = np.array([values[k] for k in there], np.float64)
    except (TypeError, ValueError) as e:
        raise BadMedia("ragged_rows", f"{where}: {e}"[:200]) from e
    return block


KIND = LogKind("xr_teleoperate", list_logs, read, version=4, describe=describe, columns=PICTURES_AND_VECTORS)
