"""Reader of the 1X World Model Challenge's raw data, v2.0: shards of many attempts of the android EVE on end.

    train_v2.0/metadata.json                   {"num_shards", "num_images", "hz"}
    train_v2.0/states_0.bin                    float32 (N, 25): STATE_NAMES
    train_v2.0/segment_idx_0.bin               int32 (N,): which attempt a frame is of
    train_v2.0/video_0.mp4                     N frames of 512 x 512

Layout: the cards of huggingface.co/datasets/1x-technologies/worldmodel and worldmodel_raw_data. The three lie in one
folder, or in `states`, `segment_idx` and `videos` below it. An item is a shard; an attempt is a run of frames of one
segment, called `shard_000_segment_000012`: no window crosses a change of segment. What has tokens in place of a video
(`video_0.bin`, and all of v1.1) has no pictures and is refused. There is no action, task or outcome.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from infra.storage import objects
from infra.storage.objects import ObjectInfo
from pipelines.sources.logs.attempt import AttemptFacts, attempt_of, even_times
from pipelines.sources.logs.base import BadEpisode, LogItem, LogKind, LogOptions
from pipelines.sources.logs.episode_log import CameraSpan, EpisodeLog, Floats
from pipelines.sources.logs.fields import json_object, number
from pipelines.sources.logs.items import media_of
from schemas.errors import BadMedia
from schemas.keys import log_revision
from schemas.spans import NS

ARM = ("shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow_pitch", "elbow_yaw", "wrist_pitch", "wrist_roll")
STATE_NAMES = (
    "hip_yaw", "hip_roll", "hip_pitch", "knee_pitch", "ankle_roll", "ankle_pitch", *(f"left_{a}" for a in ARM),
    *(f"right_{a}" for a in ARM), "neck_pitch", "left_hand_closure", "right_hand_closure", "linear_velocity",
    "angular_velocity",
)  # fmt: skip
META = "metadata.json"
STATES = re.compile(r"states_([0-9]{1,6})\.bin")
CAMERA = "head"


def list_logs(uri: str, options: LogOptions = LogOptions()) -> Iterator[LogItem]:
    """One item for each shard of each set below the folder or prefix; one for a set of v1.1, which has no states."""
    listed = list(objects.list_objects(uri.rstrip("/") + "/"))
    by_uri = {o.uri: o for o in listed}
    for meta in (o for o in listed if o.uri.endswith("/" + META)):
        root = meta.uri.rpartition("/")[0]
        states = [o for o in listed if _is_below(o, root) and STATES.fullmatch(o.uri.rpartition("/")[2])]
        tokens = by_uri.get(f"{root}/video.bin")
        for one in states or ([tokens] if tokens else []):
            yield _item(root, meta, one, by_uri, options)


def _is_below(info: ObjectInfo, root: str) -> bool:
    """Whether it lies in the set's folder or in one right below it."""
    return info.uri.startswith(root + "/") and info.uri[len(root) + 1 :].count("/") <= 1


def _item(
    root: str, meta: ObjectInfo, states: ObjectInfo, by_uri: dict[str, ObjectInfo], options: LogOptions
) -> LogItem:
    segments, video = (by_uri.get(place) for place in _beside(root, states.uri, by_uri))
    parts = [o for o in (states, segments, video, meta) if o is not None]
    revision = log_revision(states.uri, [*(o.etag for o in parts)])
    media = () if video is None else (media_of(CAMERA, video),)
    return LogItem(
        uri=states.uri, root=root, revision=revision, modified_ns=max(o.modified_ns for o in parts),
        size_bytes=sum(o.size_bytes for o in parts), media=media,
    )  # fmt: skip


def _beside(root: str, states_uri: str, by_uri: dict[str, ObjectInfo]) -> tuple[str, str]:
    """Where the shard's segments and video lie: the first of the known places that is there."""
    match = STATES.fullmatch(states_uri.rpartition("/")[2])
    shard, flat = match[1] if match else "", states_uri.rpartition("/")[0]
    segments = [f"{flat}/segment_idx_{shard}.bin"]
    segments += [f"{root}/{folder}/segment_idx_{shard}.bin" for folder in ("segment_idx", "segment_indices")]
    videos = [f"{flat}/video_{shard}.mp4", f"{root}/videos/video_{shard}.mp4"]
    first = (next((p for p in places if p in by_uri), places[0]) for places in (segments, videos))
    return next(first), next(first)


def read(item: LogItem, workdir: Path, options: LogOptions = LogOptions()) -> Iterator[EpisodeLog | BadEpisode]:
    """The shard's attempts. BadMedia: bad_json, no_rate, no_pictures, missing_file, length_mismatch."""
    match = STATES.fullmatch(item.uri.rpartition("/")[2])
    if match is None or not item.media:
        raise BadMedia("no_pictures", "there are tokens in place of a video (video_<shard>.mp4 of worldmodel_raw_data)")
    info = json_object(objects.read_bytes(f"{item.root}/{META}"), META)
    rate_hz = options.fps_hz or number(info, "hz")
    if not rate_hz or rate_hz <= 0:
        raise BadMedia("no_rate", f"{META} has no hz: say the rate, `fps_hz = ...` in its [[robot]]")
    states = _numbers(objects.read_bytes(item.uri), np.dtype("<f4"), len(STATE_NAMES), "states")
    segments = _numbers(_segments_of(item), np.dtype("<i4"), 1, "segment_idx").reshape(-1)
    if len(segments) != len(states):
        raise BadMedia("length_mismatch", f"{len(states)} rows of states, {len(segments)} of segments")
    runs_of: dict[int, int] = {}
    for start, end in _runs(segments):
        segment = int(segments[start])
        runs_of[segment] = runs_of.get(segment, 0) + 1
        again = f"_{runs_of[segment]}" if runs_of[segment] > 1 else ""
        name = f"shard_{int(match[1]):03d}_segment_{segment:06d}{again}"
        try:
            yield _episode(item, options, name, (start, end), states[start:end].astype(np.float32), rate_hz)
        except BadMedia as e:
            yield BadEpisode(name=name, reason=e.reason, detail=e.detail)


def _segments_of(item: LogItem) -> bytes:
    there = {o.uri: o for o in objects.list_objects(item.root + "/")}
    place = _beside(item.root, item.uri, there)[0]
    try:
        return objects.read_bytes(place)
    except FileNotFoundError as e:
        raise BadMedia("missing_file", f"{place.rpartition('/')[2]}: without it no attempt is told from another") from e


def _numbers(raw: bytes, dtype: np.dtype[np.generic], width: int, what: str) -> npt.NDArray[np.generic]:
    if not raw or len(raw) % (dtype.itemsize * width):
        raise BadMedia("length_mismatch", f"{what}: {len(raw)} bytes are no rows of {width} {dtype}")
    return np.frombuffer(raw, dtype).reshape(-1, width)


def _runs(segments: npt.NDArray[np.generic]) -> Iterator[tuple[int, int]]:
    edges = [0, *(np.flatnonzero(segments[1:] != segments[:-1]) + 1).tolist(), len(segments)]
    yield from itertools.pairwise(edges)


def _episode(
    item: LogItem, options: LogOptions, name: str, rows: tuple[int, int], states: Floats, rate_hz: float
) -> EpisodeLog:
    start, end = rows
    span = CameraSpan(
        camera=CAMERA, uri=item.media[0].uri, start_ns=round(start * NS / rate_hz), end_ns=round(end * NS / rate_hz),
        alone=False,
    )  # fmt: skip
    facts = AttemptFacts(
        name=name, t_ns=even_times(end - start, rate_hz), fps_hz=rate_hz, states=states, actions=None, cameras=(span,),
        embodiment="1x_eve", collect_mode="teleop", state_names=STATE_NAMES,
    )  # fmt: skip
    return attempt_of(facts, item, options)


KIND = LogKind("1x", list_logs, read, columns=frozenset())
