"""Ego4D: videos with narrations at points of time and redacted intervals.

    [[source]]
    kind = "ego4d"
    uri = "media/ego4d_data/v2"       # or ego4d_data: v2 is taken before v1

    media/ego4d_data/v2/
      ego4d.json                      videos[]: video_uid, fb_participant_id, physical_setting_name, redacted_intervals
      full_scale/<video_uid>.mp4      where there is none: video_540ss/<video_uid>.mp4
      full_scale/manifest.csv         optional: names files that lie under their S3 key's last part
      annotations/narration.json      optional: {uid: {narration_pass_1|2: {narrations: [...]}}}, or that in "videos"

Only what lies here is offered: videos that ego4d.json names and nobody fetched are neither items nor rejects. A video
that ego4d.json does not name is refused (not_in_dataset), since its redactions are unknown, and so is one whose
redactions cannot be read. Redacted are `redacted_intervals` (the last frame included, as the consortium's own notebook
counts) and components marked `redacted`; `has_redacted_regions` without either is refused. So is a stereoscopic video
(`is_stereo`: both eyes side by side).

Narrations are points: each becomes the span about it by EgoVLP's rule (annotated.py), its middle the point. Of two
annotators' passes the one with more narrations speaks, since both tell the same actions. `#C`, `#O` and `#unsure` stay
in the text: captioning/imperative.py reads them. Summaries, benchmarks' splits, clips and all_narrations_redacted.json
are not read. Licence: the Ego4D licence agreement, which has no SPDX id.

Field names are those of the consortium's documentation and downloader; no real file was at hand. Times are taken to
count from the first frame; where video_start_sec is not 0 this was not verified.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import PurePosixPath
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
    open_table,
    time_ns,
)
from pipelines.sources.recordings.base import Item, Narration, Source, SourceKind, clean
from schemas.errors import BadMedia, UsageError
from schemas.spans import NS, Span, merge

LICENCE = "LicenseRef-Ego4D"
FOLDERS = ("full_scale", "video_540ss")
PASSES = ("narration_pass_1", "narration_pass_2")
FRAME_NS = NS // 30  # canonical videos run at 30 fps


def list_items(source: Source) -> Iterator[Item]:
    """Every video here, in order of file, those without a word last. UsageError where there is no ego4d.json."""
    root = next((r for r in _roots(source.uri) if objects.exists(objects.join(r, "ego4d.json"))), None)
    if root is None:
        raise UsageError(f"source {source.uri!r} has no ego4d.json; correct [[source]] uri: it is Ego4D's folder v2")
    videos = _videos(root)
    known: dict[str, Said] = {}
    for uid, stated in _metadata(root):
        if uid in videos:
            known[uid] = stated if uid not in known else Said(bad=(REASON, "ego4d.json names it twice"))
    narrations = objects.join(root, "annotations", "narration.json")
    if objects.exists(narrations):
        for key, record in json_records(narrations, inside="videos"):
            if not isinstance(key, str) or key not in known or known[key].bad:
                continue
            left_out = LeftOut()
            spoken = _narrations(record, left_out)
            yield from left_out.item(narrations, key)
            yield item_of(videos.pop(key), _with(known.pop(key), spoken), source, LICENCE)
    stranger = Said(bad=("not_in_dataset", "ego4d.json does not name it, so what is redacted in it is unknown"))
    for uid, info in videos.items():
        yield item_of(info, known.get(uid, stranger), source, LICENCE)


def _roots(uri: str) -> tuple[str, str, str]:
    return uri, objects.join(uri, "v2"), objects.join(uri, "v1")


def _videos(root: str) -> dict[str, ObjectInfo]:
    """Files by uid, of the best quality that is here."""
    videos: dict[str, ObjectInfo] = {}
    for folder in FOLDERS:
        place = objects.join(root, folder)
        here = {p: i for p, i in list_below(place).items() if p.endswith(".mp4") and "/" not in p}
        names = _names(objects.join(place, "manifest.csv")) if here else {}
        for path, info in here.items():
            videos.setdefault(names.get(path, PurePosixPath(path).stem), info)
    return videos


def _names(manifest: str) -> dict[str, str]:
    """uid by the last part of its S3 key; columns drifted between releases of the manifest."""
    if not objects.exists(manifest):
        return {}
    names: dict[str, str] = {}
    with open_table(manifest) as rows:
        try:
            for row in rows:
                uid = row.get("video_uid") or row.get("file_uid")
                place = row.get("canonical_s3_location") or row.get("s3_path")
                if uid and place and place.startswith("s3://"):
                    names[PurePosixPath(place).name] = uid
        except csv.Error as e:
            raise UsageError(f"annotation file {manifest} cannot be read as CSV: {e}") from e
    return names


def _metadata(root: str) -> Iterator[tuple[str, Said]]:
    """What ego4d.json says of each video, without its narrations; one of both eyes side by side is refused."""
    for key, video in json_records(objects.join(root, "ego4d.json"), inside="videos"):
        if not isinstance(key, int) or not isinstance(video, dict) or not isinstance(video.get("video_uid"), str):
            continue
        try:
            stated = Said(
                redacted=_redacted(video),
                wearer=identity("ego4d", video.get("fb_participant_id")),
                site=identity("ego4d", video.get("physical_setting_name")),
            )
        except BadMedia as e:
            stated = Said(bad=(e.reason, e.detail))
        if str(video.get("is_stereo")).lower() in ("true", "1"):
            stated = Said(bad=("stereo", "is_stereo: both eyes' pictures side by side in one"))
        yield video["video_uid"], stated


def _redacted(video: dict[str, Any]) -> tuple[Span, ...]:
    """Spans to cut out. BadMedia where they cannot be told: such a video must not come in."""
    spans = [_span(r, "start_sec", "end_sec", FRAME_NS) for r in _list(video, "redacted_intervals")]
    for part in _list(video, "video_components"):
        if isinstance(part, dict) and part.get("redacted"):
            spans.append(_span(part, "canonical_video_start_sec", "canonical_video_end_sec", 0))
    if video.get("has_redacted_regions") and not spans:
        raise BadMedia(REASON, "has_redacted_regions, and no interval says where")
    return tuple(merge(spans))


def _list(video: dict[str, Any], key: str) -> list[Any]:
    value = video.get(key)
    if value is not None and not isinstance(value, list):
        raise BadMedia(REASON, f"{key} is no list")
    return value or []


def _span(plain: Any, start: str, end: str, more_ns: int) -> Span:
    if not isinstance(plain, dict):
        raise BadMedia(REASON, f"a redacted interval is {type(plain).__name__}")
    start_ns, end_ns = time_ns(plain.get(start), start), time_ns(plain.get(end), end)
    if end_ns < start_ns:
        raise BadMedia(REASON, f"a redacted interval ends at {end_ns} ns, before its start at {start_ns}")
    return start_ns, end_ns + more_ns


def _with(stated: Said, narrations: tuple[Narration, ...]) -> Said:
    return Said(narrations=narrations, redacted=stated.redacted, wearer=stated.wearer, site=stated.site)


def _narrations(record: Any, left_out: LeftOut) -> tuple[Narration, ...]:
    """The longer pass; `left_out` takes what of both cannot be used."""
    if not isinstance(record, dict):
        left_out.add(f"its record is {type(record).__name__}")
        return ()
    passes = [_points(record[name], name, left_out) for name in PASSES if record.get(name) is not None]
    return about_points(longest(passes))


def _points(record: Any, name: str, left_out: LeftOut) -> list[Point]:
    given = record.get("narrations") if isinstance(record, dict) else None
    if not isinstance(given, list):
        left_out.add(f"{name} has no list of narrations")
        return []
    points: list[Point] = []
    for at, plain in enumerate(given):
        try:
            points.append(_point(plain, len(points)))
        except BadMedia as e:
            left_out.add(f"{name}, narration {at}: {e.detail}")
    return points


def _point(plain: Any, count: int) -> Point:
    text = plain.get("narration_text") if isinstance(plain, dict) else None
    if not isinstance(text, str) or not clean(text):
        raise BadMedia(REASON, "no narration_text")
    if count >= MAX_NARRATIONS:
        raise BadMedia(REASON, f"more than {MAX_NARRATIONS} narrations of one video")
    return time_ns(plain.get("timestamp_sec"), "timestamp_sec"), clean(text)


KIND = SourceKind("ego4d", list_items)
