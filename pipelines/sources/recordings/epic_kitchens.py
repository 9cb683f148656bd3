"""EPIC-KITCHENS-100: videos with narrated actions.

    [[source]]
    kind = "epic_kitchens"
    uri = "media/EPIC-KITCHENS"

    media/EPIC-KITCHENS/
      EPIC_100_train.csv              here or in any folder below, as the annotations' repository has them
      EPIC_100_validation.csv
      P01/videos/P01_01.MP4           also P01/P01_01.MP4 and P01_01.MP4

Both lists are read where they are there; one must be. Times come from start_timestamp and stop_timestamp (HH:MM:SS with
any number of decimals), never from frames, since videos run at 29.97, 47.95, 50, 59.94 or 90 fps. Lists of nouns are
not read. A video that neither list names (the test split) has no narration. The wearer is the participant in the
video's name; kitchens have no ids. Licence: CC-BY-NC-4.0, after the annotations' README.

Checked against the real EPIC_100_validation.csv; the train list and the videos were not at hand.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import PurePosixPath

from infra.storage.objects import ObjectInfo
from pipelines.sources.recordings.annotations import (
    MAX_NARRATIONS,
    REASON,
    LeftOut,
    Said,
    identity,
    item_of,
    list_below,
    open_table,
)
from pipelines.sources.recordings.base import MEDIA_SUFFIXES, Item, Narration, Source, SourceKind, clean
from schemas.errors import BadMedia, UsageError
from schemas.spans import NS

LICENCE = "CC-BY-NC-4.0"
LISTS = ("EPIC_100_train.csv", "EPIC_100_validation.csv")
COLUMNS = ("video_id", "start_timestamp", "stop_timestamp", "narration")
LINES = "lines"  # stands for a video's name where a line has none
_VIDEO = re.compile(r"(P\d{2})_\d{2,3}", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2}):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?", re.ASCII)


def list_items(source: Source) -> Iterator[Item]:
    """Every video below the URI, with its actions. UsageError: no list of annotations, or one that is none."""
    below = list_below(source.uri)
    lists = [uri for file in LISTS if (uri := _nearest(below, file))]
    if not lists:
        raise UsageError(
            f"source {source.uri!r}: neither {' nor '.join(LISTS)} is there or below; correct [[source]] uri"
        )
    here = {PurePosixPath(p).stem for p in below}
    narrations: dict[str, list[Narration]] = defaultdict(list)
    for uri in lists:
        left_out: dict[str, LeftOut] = defaultdict(LeftOut)
        _read_list(uri, narrations, left_out)
        for name in (n for n in left_out if n == LINES or n in here):
            yield from left_out[name].item(uri, name)
    offered: set[str] = set()
    for path in sorted((p for p in below if PurePosixPath(p).suffix.lower() in MEDIA_SUFFIXES), key=_rank):
        video = PurePosixPath(path).stem
        named = _VIDEO.fullmatch(video)
        if named is None:
            stated = Said(bad=("not_in_dataset", "its name is no video id of EPIC-KITCHENS-100"))
        elif video in offered:
            stated = Said(bad=("second_copy", f"{video} lies here more than once; the first copy is taken"))
        else:
            offered.add(video)
            actions = sorted(narrations[video], key=lambda n: (n.start_ns or 0, n.end_ns or 0, n.text))
            stated = Said(narrations=tuple(actions), wearer=identity("epic_kitchens", named[1]))
        yield item_of(below[path], stated, source, LICENCE)


def _nearest(below: dict[str, ObjectInfo], name: str) -> str | None:
    """The list of that name which lies least deep."""
    lists = [p for p in below if PurePosixPath(p).name == name]
    return below[min(lists, key=lambda p: (p.count("/"), p))].uri if lists else None


def _rank(path: str) -> tuple[str, int, str]:
    """A video's copies one after the other: that in a folder `videos` first."""
    pure = PurePosixPath(path)
    return pure.stem, 0 if pure.parent.name == "videos" else 1, path


def _read_list(uri: str, narrations: dict[str, list[Narration]], left_out: dict[str, LeftOut]) -> None:
    """Adds a list's actions to `narrations`, and what cannot be used to `left_out`, by video or line."""
    with open_table(uri) as rows:
        if missing := [c for c in COLUMNS if c not in (_header(rows) or ())]:
            raise UsageError(f"annotation file {uri} has no column {', '.join(missing)}: is it EPIC-KITCHENS-100's?")
        while True:
            try:
                row = next(rows, None)
            except csv.Error:  # a field without an end
                left_out[LINES].add(f"line {rows.line_num} is no row")
                continue
            if row is None:
                return
            video = row["video_id"] or ""
            if not _VIDEO.fullmatch(video):
                left_out[LINES].add(f"line {rows.line_num} names no video: {video[:40]!r}")
                continue
            try:
                narrations[video].append(_action(row, len(narrations[video])))
            except BadMedia as e:
                left_out[video].add(f"line {rows.line_num}: {e.detail}")


def _header(rows: csv.DictReader[str]) -> list[str] | None:
    try:
        return list(rows.fieldnames or ())
    except csv.Error:
        return None


def _action(row: dict[str, str | None], count: int) -> Narration:
    text = clean(row["narration"] or "")
    start_ns, end_ns = clock_ns(row["start_timestamp"] or ""), clock_ns(row["stop_timestamp"] or "")
    if not text or end_ns <= start_ns:
        raise BadMedia(REASON, "no narration" if not text else "it stops before it starts")
    if count >= MAX_NARRATIONS:
        raise BadMedia(REASON, f"more than {MAX_NARRATIONS} narrations of one video")
    return Narration(text, start_ns, end_ns)


def clock_ns(text: str) -> int:
    """HH:MM:SS with 0 to 9 decimals as ns, exactly. BadMedia `bad_annotation`."""
    clock = _CLOCK.fullmatch(text)
    if clock is None:
        raise BadMedia(REASON, f"no time of the form HH:MM:SS.ss: {text[:40]!r}")
    hours, minutes, seconds = (int(part) for part in clock.groups()[:3])
    return (hours * 3600 + minutes * 60 + seconds) * NS + int((clock[4] or "").ljust(9, "0"))


KIND = SourceKind("epic_kitchens", list_items)
