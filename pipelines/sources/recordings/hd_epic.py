"""HD-EPIC: kitchens seen through Aria glasses, with dense narrations in a pickled pandas DataFrame.

    [[source]]
    kind = "hd_epic"
    uri = "media/HD-EPIC"
    stage = "ego"
    licence = "CC-BY-NC-4.0"

    HD-EPIC/
        Videos/P01/P01-20240202-110250.mp4           1408 x 1408, 30 Hz, stored upright
        narrations-and-action-segments/HD_EPIC_Narrations.pkl
            unique_narration_id   P01-20240202-110250-1
            participant_id        P01
            video_id              P01-20240202-110250
            narration             Open the upper cupboard by holding the handle of the cupboard with the left hand.
            start_timestamp, end_timestamp    7.44, 8.75 (seconds)
            and nouns, verbs, pairs, main_actions, their classes, hands, narration_timestamp: 16 columns

A recording is a media file below the URI whose name is a video_id; its narrations are the rows of that id, in order
of time. Wearer and site are the participant, who is filmed in one kitchen, their own. The pickle is read through
pipelines/sources/recordings/pickled_frames.py, which runs nothing of it; while it cannot be read every recording is
refused with its reason, since without it they would come in without a word. A recording is a new revision when its own
narrations change, and not when others' do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from infra.sandbox import tempdirs
from infra.storage import objects
from infra.storage.objects import ObjectInfo
from pipelines.sources.recordings import folder, pickled_frames
from pipelines.sources.recordings.annotations import identity
from pipelines.sources.recordings.base import (
    MEDIA_SUFFIXES,
    Item,
    Narration,
    Source,
    SourceKind,
    clean,
    plain_uri,
    span_ns,
)
from schemas.errors import BadMedia, TransientError, UsageError
from schemas.keys import digest_of

NARRATIONS = "HD_EPIC_Narrations.pkl"
COLUMNS = ("video_id", "participant_id", "narration", "start_timestamp", "end_timestamp")
Row = dict[str, Any]


def list_items(source: Source) -> Iterator[Item]:
    """Every recording below the URI, in order of name. UsageError where there is nothing, or no narrations."""
    listed = folder.listing(source.uri)
    found = next((info for uri, info in listed.items() if uri.rpartition("/")[2] == NARRATIONS), None)
    if found is None:
        raise UsageError(f"source {source.uri!r} holds no {NARRATIONS}: put HD-EPIC's annotations below it")
    rows: dict[str, list[Row]] = {}
    bad: tuple[str, str] | None = None
    try:
        rows = _rows(found)
    except BadMedia as e:
        bad = (e.reason, f"{NARRATIONS}: {e.detail}")
    for uri, info in listed.items():
        if PurePosixPath(uri).suffix.lower() in MEDIA_SUFFIXES:
            yield _item(source, info, rows.get(PurePosixPath(uri).stem, []), (bad, found.etag))


def _rows(info: ObjectInfo) -> dict[str, list[Row]]:
    """Rows of each video. BadMedia: unsafe_pickle, bad_pickle, too_large, decoder_*."""
    with tempdirs.folder("pickle") as place:
        path = place / NARRATIONS
        try:
            objects.download(info.uri, path)
        except FileNotFoundError as e:
            raise TransientError(f"{info.uri} was removed while it was read; run the same command again") from e
        columns = pickled_frames.columns(path, COLUMNS)
    by_video: dict[str, list[Row]] = defaultdict(list)
    for values in zip(*(columns[name] for name in COLUMNS), strict=True):
        row = dict(zip(COLUMNS, values, strict=True))
        by_video[str(row["video_id"])].append(row)
    return by_video


def _item(source: Source, info: ObjectInfo, rows: list[Row], narrations: tuple[tuple[str, str] | None, str]) -> Item:
    """narrations: why the pickle cannot be read, and its ETag."""
    bad, etag = narrations
    uri, bad_name = plain_uri(info.uri)
    bad = bad_name or bad
    told: tuple[Narration, ...] = ()
    try:
        told = tuple(sorted(map(_narration, rows), key=lambda n: (n.start_ns or 0, n.end_ns or 0, n.text)))
    except BadMedia as e:
        bad = bad or (e.reason, e.detail)
    revision = etag if bad else digest_of([[n.text, n.start_ns, n.end_ns] for n in told])[:16]
    who = identity("hd_epic", str(rows[0]["participant_id"]) if rows else _participant(info.uri))
    return Item(
        uri=uri, revision=f"{info.etag}+{revision}", modified_ns=info.modified_ns, size_bytes=info.size_bytes, bad=bad,
        stage=source.stage, licence=source.licence, consent=source.consent, wearer=who or source.wearer,
        site=who or source.site, narrations=told,
    )  # fmt: skip


def _participant(uri: str) -> str | None:
    """`P01` of a recording without narrations, by its name `P01-<date>-<time>`."""
    first, dash, _ = Path(uri).name.partition("-")
    return first if dash and first[:1] == "P" and first[1:].isdigit() else None


def _narration(row: Row) -> Narration:
    if not isinstance(row["narration"], str):
        raise BadMedia("bad_sidecar", f"a narration is no text: {str(row['narration'])[:80]!r}")
    start, end = ("start_timestamp", "end_timestamp")
    return Narration(clean(row["narration"]), *span_ns(row[start], row[end], (start, end)))


KIND = SourceKind("hd_epic", list_items)
