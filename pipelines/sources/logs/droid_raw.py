"""Reader of DROID's raw attempts: a folder with `trajectory.h5`, `metadata_<uuid>.json` and `recordings/MP4`.

After droid-dataset/droid (trajectory_writer.py, misc.py, postprocessing/schema.py) at 1548722; no real file seen. An
attempt is whole only with its metadata. Frame i of a recording is row i's: the recorder takes one a step. Words are
those of `aggregated-annotations-030724.json` right below the uri, by uuid, else `current_task`.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from infra.readers.hdf5_tree import Arrays
from infra.storage import objects
from infra.storage.objects import ObjectInfo
from pipelines.sources.logs import hdf5_log
from pipelines.sources.logs.attempt import AttemptFacts, attempt_of
from pipelines.sources.logs.base import VECTORS, BadEpisode, LogItem, LogKind, LogOptions, UnreadPart
from pipelines.sources.logs.episode_log import CameraSpan, EpisodeLog, Note, Times
from pipelines.sources.logs.fields import UNKNOWN, Outcome, json_object, text, text_of_json
from pipelines.sources.logs.items import item_of, media_of
from pipelines.sources.logs.parts import Parts
from schemas.errors import BadMedia
from schemas.spans import NS

RATE_HZ = 15.0  # control_hz of robot_env.py
LOG = "trajectory.h5"
ROBOT = "observation/robot_state"
STATES = (f"{ROBOT}/joint_positions", f"{ROBOT}/cartesian_position", f"{ROBOT}/gripper_position")
ACTIONS = ("action/joint_position", "action/cartesian_position", "action/gripper_position")
CLOCK = "observation/timestamp/control/step_start"  # ms
IDLE = "observation/timestamp/skip_action"
ANNOTATIONS = ("aggregated-annotations-030724.json", "aggregated-annotations.json")  # right below the uri
ROLES = ("wrist", "ext1", "ext2")
MS_NS = NS // 1000
STEREO = re.compile(r"(\d+)-stereo\.mp4")


def list_logs(uri: str, options: LogOptions = LogOptions()) -> Iterator[LogItem]:
    """One item a trajectory.h5; its metadata and the annotations of all are part of its revision."""
    del options
    root = uri.rstrip("/")
    listed = list(objects.list_objects(root + "/"))
    beside: dict[str, list[ObjectInfo]] = defaultdict(list)
    for o in listed:
        beside[o.uri.rpartition("/")[0]].append(o)
    words = [o for o in listed if o.uri in {f"{root}/{name}" for name in ANNOTATIONS}]
    for o in listed:
        folder, _, name = o.uri.rpartition("/")
        if name != LOG:
            continue
        videos = [v for v in beside[f"{folder}/recordings/MP4"] if re.search(r"/\d+\.mp4$", v.uri)]
        metadata = [m for m in beside[folder] if _is_metadata(m.uri)]
        media = [media_of(Path(v.uri).stem, v) for v in videos]
        yield item_of(o, root, media, (*metadata, *words), list(_unread(folder, beside)))


def _unread(folder: str, beside: Mapping[str, list[ObjectInfo]]) -> Iterator[UnreadPart]:
    """What of the cameras is no picture of one eye: films of both, the camera maker's own files, distances, others."""
    films = [o.uri.rpartition("/")[2] for o in beside.get(f"{folder}/recordings/MP4", ())]
    stereo = {f"{(match[1])}_stereo": f"MP4/{f}" for f in films if (match := STEREO.fullmatch(f))}
    for o in beside.get(f"{folder}/recordings/SVO", ()):
        name = o.uri.rpartition("/")[2]
        camera = f"{name.partition('.')[0]}_stereo"
        stereo[camera] = f"{stereo[camera]}, SVO/{name}" if camera in stereo else f"SVO/{name}"
    for camera, where in sorted(stereo.items()):
        yield UnreadPart(name=f"camera {camera}", reason="stereo_camera", detail=f"both eyes in {where}")
    depth = sorted(place for place in beside if place.startswith(f"{folder}/recordings/Depth/"))
    for place in depth:
        detail = f"{len(beside[place])} pictures of distances in recordings/Depth; it is no camera of a view"
        yield UnreadPart(name=f"camera {place.rpartition('/')[2]}_depth", reason="depth_camera", detail=detail)
    if others := [f for f in films if f.endswith(".mp4") and not re.fullmatch(r"\d+(-stereo)?\.mp4", f)]:
        yield UnreadPart(name="videos", reason="orphan_files", detail=f"no camera is called {', '.join(others)[:300]}")


def _is_metadata(uri: str) -> bool:
    return bool(re.search(r"/metadata_[^/]+\.json$", uri))


def read(item: LogItem, workdir: Path, options: LogOptions = LogOptions()) -> Iterator[EpisodeLog | BadEpisode]:
    """The folder's attempt, and the cameras, depth and stereo that it is taken without.

    BadMedia: missing_file (no metadata), bad_json, missing_video, missing_array, length_mismatch, bad_hdf5, decoder_*.
    """
    del workdir
    folder = item.uri.rpartition("/")[0]
    metadata = next((o for o in objects.list_objects(f"{folder}/") if _is_metadata(o.uri)), None)
    if metadata is None:
        raise BadMedia("missing_file", "no metadata_<uuid>.json beside it: the attempt was never taken as whole")
    about = json_object(objects.read_bytes(metadata.uri), metadata.uri)
    uuid = text(about, "uuid") or Path(metadata.uri).stem.removeprefix("metadata_")
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", uuid)
    states, actions = options.columns.state or STATES, options.columns.action or ACTIONS
    with hdf5_log.open_log(item.uri) as log:
        arrays = log.arrays([*states, *actions, *(n for n in (CLOCK, IDLE) if n in log.tree)])
        attributes = log.tree[""].attributes
    if (first := arrays.numbers.get(actions[0])) is None or not first.ndim:
        raise arrays.bad.get(actions[0]) or BadMedia("no_states_or_actions", f"{actions[0]} is no array of numbers")
    times = _times(arrays, len(first), options.fps_hz or RATE_HZ)
    cameras, left = _cameras(item, about, name, int(times[-1]) + round(NS / RATE_HZ))
    if not cameras:
        raise BadMedia("missing_video", "no <serial>.mp4 in recordings/MP4")
    facts = AttemptFacts(
        name=name, t_ns=times, fps_hz=options.fps_hz or RATE_HZ, cameras=cameras, embodiment="franka",
        states=hdf5_log.columns_of(arrays.numbers, "", states, len(first)),
        actions=hdf5_log.columns_of(arrays.numbers, "", actions, len(first)),
        state_names=hdf5_log.short_axes_of(arrays.numbers, states),
        action_names=hdf5_log.short_axes_of(arrays.numbers, actions),
        robot=text(about, "robot_serial"), scene=text(about, "scene_id"),
        instruction=_words(item.root, uuid) or text(about, "current_task"),
        outcome=_outcome(about, dict(attributes), item.uri), collect_mode="teleop", notes=_notes(arrays),
        calibration_json=text_of_json({k: v for k, v in about.items() if k.endswith("_cam_extrinsics")} or None),
    )  # fmt: skip
    yield attempt_of(facts, item, options)
    parts = Parts(name)
    parts.refuse_unread(item)
    yield from (*left, *parts.refused)


def _times(arrays: Arrays, count: int, rate_hz: float) -> Times:
    """By the recorder's clock where every step has a time, else on the grid of the rate."""
    clock = arrays.numbers.get(CLOCK)
    if clock is None or clock.shape != (count,) or not np.isfinite(clock).all():
        return np.asarray(np.round(np.arange(count) * (NS / rate_hz)), np.int64)
    ticks = clock.astype(np.int64)
    return np.asarray((ticks - ticks[0]) * MS_NS, np.int64)


def _cameras(
    item: LogItem, about: Mapping[str, Any], name: str, end_ns: int
) -> tuple[tuple[CameraSpan, ...], list[BadEpisode]]:
    """Cameras by what they look at, where the metadata say it, and those that are named and not there."""
    roles = {str(about[f"{role}_cam_serial"]): role for role in ROLES if about.get(f"{role}_cam_serial")}
    there = {m.camera for m in item.media}
    left = [
        BadEpisode(name=f"{name}/camera {role}", reason="missing_camera", detail=f"recordings/MP4/{serial}.mp4")
        for serial, role in roles.items()
        if serial not in there
    ]
    return tuple(
        CameraSpan(camera=roles.get(m.camera, m.camera), uri=m.uri, start_ns=0, end_ns=end_ns, alone=True)
        for m in item.media
    ), left


def _words(root: str, uuid: str) -> str | None:
    """The first instruction that a person wrote for the attempt."""
    for name in ANNOTATIONS:
        if objects.exists(uri := f"{root}/{name}"):
            return _annotations(uri, objects.info(uri).etag).get(uuid)
    return None


@functools.lru_cache(maxsize=2)
def _annotations(uri: str, etag: str) -> dict[str, str]:
    """uuid -> instruction; the file of them all has megabytes, and is read once a process."""
    del etag
    words = dict[str, str]()
    for uuid, texts in json_object(objects.read_bytes(uri), uri).items():
        if isinstance(texts, dict):
            written = [t for key in sorted(texts) if isinstance(t := texts[key], str) and t.strip()]
            words |= {uuid: written[0]} if written else {}
    return words


def _outcome(about: Mapping[str, Any], attributes: Mapping[str, object], uri: str) -> Outcome:
    """A person's label: the metadata's, the file's, or the folder `success` or `failure` that it lies in."""
    for stated in (about.get("success"), attributes.get("success")):
        if isinstance(stated, bool) or stated in (0, 1):
            return "success" if stated else "failure", "human", None
    folder = re.search(r"/(success|failure)/", uri)
    return (folder[1], "human", None) if folder else UNKNOWN


def _notes(arrays: Arrays) -> tuple[Note, ...]:
    idle = arrays.numbers.get(IDLE)
    if idle is None or not idle.any():
        return ()
    detail = f"{int((idle != 0).sum())} of {len(idle)} steps, in which the person moved nothing (skip_action)"
    return (Note(code="idle_steps", detail=detail),)


KIND = LogKind("droid_raw", list_logs, read, version=2, holds=hdf5_log.holds, columns=VECTORS)
