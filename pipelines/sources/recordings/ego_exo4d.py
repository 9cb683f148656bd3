"""Ego-Exo4D: the wearer's own video of each take, with atomic descriptions at points of time.

    [[source]]
    kind = "ego_exo4d"
    uri = "media/egoexo"

    media/egoexo/
      takes.json                                   [{take_uid, take_name, root_dir, participant_uid, task_name, ...}]
      takes/<take_name>/frame_aligned_videos/aria01_214-1.mp4
      takes/<take_name>/frame_aligned_videos/downscaled/448/aria01_214-1.mp4     where the one above is not here
      annotations/atomic_descriptions_{train,val}.json        optional: {annotations: {take_uid: [{descriptions}]}}

Only what lies here is offered. A take that takes.json does not name or calls dropped is refused (not_in_dataset): the
consortium withdraws takes by leaving them out. Other cameras' videos are third-person views and are not offered.

Descriptions are points: each becomes the span about it by EgoVLP's rule (annotated.py), its middle the point. Of
several annotators the one with the most descriptions speaks, rejected jobs left aside. What the wearer's camera does
not show (ego_visible false) or the annotator was unsure of is no caption of this video and is passed over. `#C` or `#O`
is put before a text after its subject, as Ego4D writes it. A take without descriptions (the test split) has its
task_name from task_start_sec to task_end_sec. splits.json, keysteps, commentary and gaze are not read.

Aria's sensor is mounted turned, and the VRS files hold its pictures so; the frame-aligned videos are upright already
(the consortium's gaze tutorial turns projected points by 90 degrees clockwise to lie on their frames, its pose tutorial
turns the frames back before it undistorts them), so quarter_turns is 0. They are fisheye; intrinsics lie in the VRS
files, which are not read. Licence: the Ego-Exo4D licence agreement, which has no SPDX id.

Field names are those of the consortium's documentation; no real file or video was at hand.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from infra.storage import objects
from infra.storage.objects import ObjectInfo
from pipelines.sources.recordings.annotations import (
    MAX_NARRATIONS,
    REASON,
    LeftOut,
    Point,
    Said,
    about_points,
    identity,
    item_of,
    json_records,
    list_below,
    longest,
    time_ns,
)
from pipelines.sources.recordings.base import Item, Narration, Source, SourceKind, clean
from schemas.errors import BadMedia, UsageError

LICENCE = "LicenseRef-Ego-Exo4D"
DESCRIPTIONS = ("atomic_descriptions_train.json", "atomic_descriptions_val.json")
_VIDEO = re.compile(r"([^/]+)/frame_aligned_videos/(?:downscaled/448/)?(aria[^/_]*)_214-1\.mp4")
_YES, _NO = (True, 1, "1", "true"), (False, 0, "0", "false")
Videos = dict[str, dict[str, ObjectInfo]]  # by take's name, then by camera


@dataclass(frozen=True, slots=True)
class Take:
    """What takes.json says: of any camera's video, and of the wearer's own."""

    name: str
    camera: str
    any_camera: Said
    own: Said


def list_items(source: Source) -> Iterator[Item]:
    """The first-person videos of every take here. UsageError where there is no takes.json."""
    listing = objects.join(source.uri, "takes.json")
    if not objects.exists(listing):
        raise UsageError(f"source {source.uri!r} has no takes.json; correct [[source]] uri: it is Ego-Exo4D's folder")
    videos = _videos(source.uri)
    takes: dict[str, Take] = {}
    for _, plain in json_records(listing):
        if isinstance(plain, dict) and isinstance(uid := plain.get("take_uid"), str) and _name(plain) in videos:
            left_out = LeftOut()
            takes[uid] = _take(plain, left_out)
            yield from left_out.item(listing, uid)
    for name in DESCRIPTIONS:
        uri = objects.join(source.uri, "annotations", name)
        for key, record in json_records(uri, inside="annotations") if objects.exists(uri) else ():
            if isinstance(key, str) and key in takes:
                left_out = LeftOut()
                spoken = _narrations(record, left_out)
                yield from left_out.item(uri, key)
                yield from _items(videos, takes.pop(key), spoken, source)
    for take in takes.values():
        yield from _items(videos, take, (), source)
    stranger = Said(bad=("not_in_dataset", "takes.json does not name its take"))
    for info in (info for cameras in videos.values() for info in cameras.values()):
        yield item_of(info, stranger, source, LICENCE)


def _items(videos: Videos, take: Take, spoken: tuple[Narration, ...], source: Source) -> Iterator[Item]:
    """The take's videos; words are about the wearer's own, and replace the task's name."""
    own = dataclasses.replace(take.own, narrations=spoken) if spoken and not take.own.bad else take.own
    for camera, info in videos.pop(take.name, {}).items():
        yield item_of(info, own if camera == take.camera else take.any_camera, source, LICENCE)


def _videos(root: str) -> Videos:
    """Aria's colour videos, full size before downscaled ones."""
    videos: Videos = {}
    for path, info in sorted(
        list_below(objects.join(root, "takes")).items(), key=lambda p: ("/downscaled/" in p[0], p[0])
    ):
        if match := _VIDEO.fullmatch(path):
            videos.setdefault(match[1], {}).setdefault(match[2], info)
    return videos


def _name(plain: dict[str, Any]) -> str:
    name = plain.get("take_name")
    return name if isinstance(name, str) else ""


def _take(plain: dict[str, Any], left_out: LeftOut) -> Take:
    """A take; of another camera's video in it neither the wearer nor the words are known."""
    shared = Said(site=identity("ego_exo4d", plain.get("physical_setting_uid")))
    if plain.get("is_dropped"):
        shared = Said(bad=("not_in_dataset", "takes.json says that its take is dropped"))
        return Take(_name(plain), "", shared, shared)
    wearer = identity("ego_exo4d", plain.get("participant_uid"))
    own = dataclasses.replace(shared, wearer=wearer, narrations=_task(plain, left_out))
    return Take(_name(plain), _wearers_camera(plain), shared, own)


def _wearers_camera(plain: dict[str, Any]) -> str:
    """The first of the capture's Aria cameras marked is_ego; aria01 where nothing is said."""
    capture = plain.get("capture")
    cameras = capture.get("cameras") if isinstance(capture, dict) else None
    if not isinstance(cameras, list):
        return "aria01"
    ids = [c.get("cam_id") for c in cameras if isinstance(c, dict) and c.get("is_ego")]
    return next((c for c in ids if isinstance(c, str) and c.startswith("aria")), "aria01")


def _task(plain: dict[str, Any], left_out: LeftOut) -> tuple[Narration, ...]:
    """The task's name over the time that takes.json gives it; over all of the take where it gives none."""
    name = plain.get("task_name")
    text = clean(name) if isinstance(name, str) else ""
    start, end = plain.get("task_start_sec"), plain.get("task_end_sec")
    if not text:
        return ()
    if start is None or end is None:
        return (Narration(text),)
    try:
        start_ns, end_ns = time_ns(start, "task_start_sec"), time_ns(end, "task_end_sec")
    except BadMedia as e:
        left_out.add(e.detail)
        return ()
    if end_ns <= start_ns:
        left_out.add("the task ends before it starts")
        return ()
    return (Narration(text, start_ns, end_ns),)


def _narrations(record: Any, left_out: LeftOut) -> tuple[Narration, ...]:
    """The words of the annotator who told most."""
    if not isinstance(record, list):
        left_out.add(f"its annotations are {type(record).__name__}")
        return ()
    passes = [_points(a, left_out) for a in record if not (isinstance(a, dict) and a.get("rejected"))]
    return about_points(longest(passes))


def _points(annotation: Any, left_out: LeftOut) -> list[Point]:
    given = annotation.get("descriptions") if isinstance(annotation, dict) else None
    if not isinstance(given, list):
        left_out.add("an annotation has no list of descriptions")
        return []
    points: list[Point] = []
    for at, plain in enumerate(given):
        try:
            point = _point(plain, len(points))
        except BadMedia as e:
            left_out.add(f"description {at}: {e.detail}")
            continue
        points += [point] if point else []
    return points


def _point(plain: Any, count: int) -> Point | None:
    """Time and text; None for what this video does not show or nobody is sure of. BadMedia `bad_annotation`."""
    text = clean(plain["text"]) if isinstance(plain, dict) and isinstance(plain.get("text"), str) else ""
    if not text:
        raise BadMedia(REASON, "no text")
    if count >= MAX_NARRATIONS:
        raise BadMedia(REASON, f"more than {MAX_NARRATIONS} descriptions of one take")
    at_ns = time_ns(plain.get("timestamp"), "timestamp")
    if plain.get("ego_visible") in _NO or plain.get("unsure") in _YES:
        return None
    subject = plain.get("narration_subject", plain.get("subject"))
    return at_ns, f"#{subject} {text}" if subject in ("C", "O") else text


KIND = SourceKind("ego_exo4d", list_items)
