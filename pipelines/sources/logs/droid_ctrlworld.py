"""Reader of DROID as Ctrl-World labels it: `annotation/<split>/<id>.json` with its `videos/<split>/<id>/<n>.mp4`.

Checked against real attempts of Robert-gyj/Ctrl-World. Rows are at 15 Hz; of every third one, whose pose `states` says
again, there is a picture, and these are the attempt's steps. Success is a person's label.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from infra.storage import objects
from pipelines.sources.logs.attempt import AttemptFacts, attempt_of, even_times
from pipelines.sources.logs.base import VECTORS, BadEpisode, LogItem, LogKind, LogOptions, MediaFile
from pipelines.sources.logs.episode_log import CameraSpan, EpisodeLog, Floats, Note
from pipelines.sources.logs.fields import UNKNOWN, Outcome, json_object
from pipelines.sources.logs.items import item_of, media_of
from schemas.errors import BadMedia
from schemas.spans import NS

RATE_HZ = 15.0  # DROID's control_hz
STATES = ("observation.state.joint_position", "observation.state.cartesian_position",
          "observation.state.gripper_position")  # fmt: skip
ACTIONS = ("action.joint_position", "action.cartesian_position", "action.gripper_position")
POSE = "observation.state.cartesian_position"  # of the rows that have a picture, `states` says it again
CAMERAS = {"0": "left", "1": "right", "2": "wrist"}
SPLITS = {"train": "train", "val": "val", "test": "test"}
ANNOTATION = re.compile(r"(.*)/annotation/([^/]+)/([^/]+)\.json")
VIDEO = re.compile(r"(.*)/videos/([^/]+)/([^/]+)/([^/]+)\.mp4")
MAX_STRIDE = 30
MAX_BYTES = 256 << 20


def list_logs(uri: str, options: LogOptions = LogOptions()) -> Iterator[LogItem]:
    """One item an annotation, with the recordings at its places."""
    del options
    listed = list(objects.list_objects(uri.rstrip("/") + "/"))
    videos: dict[tuple[str, str, str], list[MediaFile]] = defaultdict(list)
    for o in listed:
        if video := VIDEO.fullmatch(o.uri):
            videos[video[1], video[2], video[3]].append(media_of(CAMERAS.get(video[4], video[4]), o))
    for o in listed:
        if log := ANNOTATION.fullmatch(o.uri):
            yield item_of(o, log[1], videos[log[1], log[2], log[3]])


def read(item: LogItem, workdir: Path, options: LogOptions = LogOptions()) -> Iterator[EpisodeLog | BadEpisode]:
    """The annotation's attempt.

    BadMedia: other_format, bad_json, too_large, missing_video, ragged_rows, video_mismatch, and EpisodeLog's.
    """
    del workdir
    place = ANNOTATION.fullmatch(item.uri)
    raw = objects.read_bytes(item.uri)
    if place is None or len(raw) > MAX_BYTES:
        raise BadMedia("too_large", f"{len(raw)} bytes, the limit is {MAX_BYTES}")
    fields = json_object(raw, item.uri)
    if "raw_length" not in fields or STATES[0] not in fields:
        raise BadMedia("other_format", f"no raw_length and no {STATES[0]}")
    states, state_names = _columns(fields, options.columns.state or STATES)
    actions, action_names = _columns(fields, options.columns.action or ACTIONS)
    if len(states) != fields["raw_length"]:
        raise BadMedia("length_mismatch", f"raw_length is {fields['raw_length']}, there are {len(states)} rows")
    if not item.media:
        raise BadMedia("missing_video", "no recording in the folder of its split and number")
    stride = _stride(fields, len(states))
    pictured, rate_hz = slice(None, None, stride), (options.fps_hz or RATE_HZ) / stride
    times = even_times(len(states[pictured]), rate_hz)
    cameras = tuple(
        CameraSpan(camera=m.camera, uri=m.uri, start_ns=0, end_ns=int(times[-1]) + round(NS / rate_hz), alone=True)
        for m in item.media
    )
    facts = AttemptFacts(
        name=f"{place[2]}_{place[3]}", t_ns=times, fps_hz=rate_hz, states=states[pictured], actions=actions[pictured],
        state_names=state_names, action_names=action_names, cameras=cameras, embodiment="franka",
        instruction=_instruction(fields), outcome=_outcome(fields), split=SPLITS.get(place[2]), collect_mode="teleop",
        notes=_notes(len(states), len(times)),
    )  # fmt: skip
    yield attempt_of(facts, item, options)


def _columns(fields: Mapping[str, Any], names: tuple[str, ...]) -> tuple[Floats, tuple[str, ...]]:
    """(T, S) and the axes' names. BadMedia: ragged_rows, length_mismatch."""
    parts, axes = list[Floats](), list[str]()
    for name in names:
        part = _matrix(fields.get(name), name)
        if parts and len(part) != len(parts[0]):
            raise BadMedia("length_mismatch", f"{name} has {len(part)} rows, {names[0]} {len(parts[0])}")
        parts.append(part)
        axes += [f"{name.rpartition('.')[2]}.{i}" for i in range(part.shape[1])]
    return np.concatenate(parts, axis=1), tuple(axes)


def _matrix(value: Any, name: str) -> Floats:
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            array = np.array(value, np.float64).astype(np.float32)
    except (ValueError, TypeError, OverflowError) as e:
        raise BadMedia("ragged_rows", f"{name}: {e}"[:200]) from e
    if array.ndim == 1 and len(array):
        array = array[:, None]
    if array.ndim != 2:
        raise BadMedia("ragged_rows", f"{name} is no list of rows")
    return array


def _stride(fields: Mapping[str, Any], count: int) -> int:
    """Steps a picture: as many as make the poses of `states` those of the rows. BadMedia(video_mismatch): none does."""
    pictured, poses = _matrix(fields.get("states"), "states"), _matrix(fields.get(POSE), POSE)
    width = min(pictured.shape[1], poses.shape[1])
    for stride in range(1, MAX_STRIDE + 1):
        picked = poses[::stride]
        if len(picked) == len(pictured) and np.allclose(picked[:, :width], pictured[:, :width], atol=1e-5):
            return stride
    raise BadMedia("video_mismatch", f"{len(pictured)} poses of pictures are no even part of those of {count} rows")


def _notes(rows: int, pictures: int) -> tuple[Note, ...]:
    detail = f"{rows - pictures} of {rows} rows have no picture, and are left out"
    return (Note(code="rows_without_pictures", detail=detail),) if rows > pictures else ()


def _instruction(fields: Mapping[str, Any]) -> str | None:
    texts = fields.get("texts")
    written = [t for t in texts if isinstance(t, str) and t.strip()] if isinstance(texts, list) else []
    return written[0] if written else None


def _outcome(fields: Mapping[str, Any]) -> Outcome:
    success = fields.get("success")
    return ("success" if success else "failure", "human", None) if success in (0, 1, True, False) else UNKNOWN


KIND = LogKind("droid_ctrlworld", list_logs, read, columns=VECTORS)
