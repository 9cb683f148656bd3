"""Where a LeRobot data set's attempts lie: its items, and each attempt's spans of recordings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace

import numpy as np

from infra.storage.objects import ObjectInfo
from pipelines.sources.logs.base import BadEpisode, LogItem, LogOptions, MediaFile
from pipelines.sources.logs.episode_log import CameraSpan
from pipelines.sources.logs.fields import is_yes
from pipelines.sources.logs.lerobot.columns import OFF_GRID
from pipelines.sources.logs.lerobot.files import lfs_pointer
from pipelines.sources.logs.lerobot.images import picture_span
from pipelines.sources.logs.lerobot.left import left_words
from pipelines.sources.logs.lerobot.meta import (
    DEPTH,
    IMAGE,
    INFO,
    VIDEO,
    DataSet,
    EpisodeMeta,
    VideoSpan,
    revision_text,
)
from pipelines.sources.logs.lerobot.opened import listing_of, open_data_set, roots_below
from schemas.errors import BadMedia
from schemas.keys import as_stored, digest_of, log_revision
from schemas.spans import NS

DISCARDED = "discarded"  # where the config names no other
# Of an attempt that is left without any camera, in the order in which they are the reason.
_WITHOUT = {"lfs_pointer": "lfs_pointer", "missing_camera": "missing_video"}


def list_logs(uri: str, options: LogOptions = LogOptions()) -> Iterator[LogItem]:
    """One item for each data file of each data set below the folder or prefix, and one for what is left out of it.

    A data set whose metadata cannot be read is one item.
    """
    for root, files in roots_below(uri).items():
        info, listing = files.get(INFO) or files[min(files)], listing_of(files)
        try:
            data_set = under(open_data_set(root, files, listing), options)
        except BadMedia:  # read() refuses it with its reason
            etags = [o.etag for path, o in files.items() if path.startswith("meta/")]
            yield _item(root, info, etags, (), listing)
            continue
        yield from _items(data_set, options, listing)


def under(data_set: DataSet, options: LogOptions) -> DataSet:
    """The data set with what the config says over what it says itself. BadMedia(no_rate): neither says the rate."""
    fps_hz, robot_type = options.fps_hz or data_set.fps_hz, options.embodiment or data_set.robot_type
    if not fps_hz:
        raise BadMedia("no_rate", f"{INFO} states no fps")
    same = (fps_hz, robot_type) == (data_set.fps_hz, data_set.robot_type)
    return data_set if same else replace(data_set, fps_hz=fps_hz, robot_type=robot_type)


def _items(data_set: DataSet, options: LogOptions, listing: str) -> Iterator[LogItem]:
    stated = _stated(options)
    for path, episodes in sorted(data_set.placed.items()):
        if not path:
            continue
        media: dict[str, MediaFile] = {}
        parts = [data_set.files[path].etag, data_set.robot_type, str(data_set.fps_hz)]
        parts += [digest_of(revision_text(e)) for e in episodes]
        for episode in (chosen(data_set, e, options) for e in episodes):
            parts += _facts(data_set, episode, options)
            if not _is_refused(data_set, episode, options):
                media |= {info.uri: _media(v, info) for v, info in cameras_there(data_set, episode)[0] if info}
        yield _item(data_set.root, data_set.files[path], parts + stated, tuple(media.values()), listing)
    if words := left_words(data_set):
        yield _item(data_set.root, data_set.files[INFO], words, (), listing)


def _stated(options: LogOptions) -> list[str]:
    """What the config says of the logs, where it says anything: then they are read again when it says another thing."""
    own = LogOptions(**{f.name: getattr(options, f.name) for f in fields(LogOptions)})
    return [] if own == LogOptions() else [digest_of(as_stored(own))]


def _facts(data_set: DataSet, episode: EpisodeMeta, options: LogOptions) -> list[str]:
    """What a revision holds besides: nothing for an episode of the train split with all of its cameras."""
    facts = [f"{b.name}: {b.reason}" for b in cameras_there(data_set, episode)[1]]
    split = data_set.split_of(episode.index)
    facts += [f"{episode.name}: {split}"] if split in ("val", "test") else []
    return facts + ([f"{episode.name}: discarded"] if _is_refused(data_set, episode, options) else [])


def _media(video: VideoSpan, info: ObjectInfo) -> MediaFile:
    return MediaFile(
        camera=video.camera,
        uri=info.uri,
        revision=info.etag,
        modified_ns=info.modified_ns,
        size_bytes=info.size_bytes,
    )


def _item(root: str, info: ObjectInfo, parts: list[str], media: tuple[MediaFile, ...], listing: str) -> LogItem:
    return LogItem(
        uri=info.uri,
        root=root,
        revision=log_revision(info.uri, [*map(_storable, parts), *(m.revision for m in media)]),
        modified_ns=max(info.modified_ns, *(m.modified_ns for m in media), 0),
        size_bytes=info.size_bytes + sum(m.size_bytes for m in media),
        media=media,
        listing=listing,
    )


def _storable(text: str) -> str:
    """The text with lone surrogates as their numbers; metadata that hold them are refused by those who store them."""
    return text.encode(errors="backslashreplace").decode()


def chosen(data_set: DataSet, episode: EpisodeMeta, options: LogOptions) -> EpisodeMeta:
    """The episode with the cameras that the config names, under its names; with all of its own where it names none."""
    wanted = options.columns.cameras
    if not wanted:
        return episode
    by_key = {key: v for v in episode.videos for key in (v.key, v.camera)}
    videos = (
        replace(by_key[key], camera=name, kind=IMAGE if data_set.is_image(by_key[key].key) else VIDEO)
        if key in by_key
        else VideoSpan(camera=name, candidates=(), start_s=0.0, end_s=None, key=key)
        for name, key in wanted.items()
    )
    return replace(episode, videos=tuple(videos))


def discarded_by(data_set: DataSet, episode: EpisodeMeta, options: LogOptions) -> str | None:
    """What of the metadata says that nobody is to train on the episode. BadMedia(bad_header): it is no flag."""
    if episode.index in data_set.discarded:
        return f"discarded_episode_indices of {INFO}"
    column = options.columns.discarded or DISCARDED
    return f"{column} of its metadata" if is_yes(episode.extra.get(column)) else None


def _is_refused(data_set: DataSet, episode: EpisodeMeta, options: LogOptions) -> bool:
    """Whether the metadata's flag leaves the episode out, or cannot be read, which refuses it too."""
    try:
        return discarded_by(data_set, episode, options) is not None
    except BadMedia:
        return True


def cameras_there(
    data_set: DataSet, episode: EpisodeMeta
) -> tuple[list[tuple[VideoSpan, ObjectInfo | None]], list[BadEpisode]]:
    """The episode's recordings, without a file those in its rows, and a BadEpisode for each camera that has none."""
    there: list[tuple[VideoSpan, ObjectInfo | None]] = []
    left: list[BadEpisode] = []
    for video in episode.videos:
        path = data_set.find(video.candidates)
        if video.kind == IMAGE:
            if video.lack is None:
                there.append((video, None))
                continue
            why = ("missing_camera", f"{video.key}: {video.lack}")
        elif video.kind == DEPTH:
            length = f", {episode.length / data_set.fps_hz:.1f} s" if episode.length > 0 else ""
            why = ("depth_camera", f"{video.key} holds distances; it is no camera of a view{length}")
        elif path is None:
            places = " or ".join(video.candidates)[:200] or f"the metadata name no file of {video.key}"
            why = ("missing_camera", f"{places}; not there")
        elif not data_set.files[path].size_bytes:
            why = ("missing_camera", f"{path} is empty")
        elif path in data_set.pointers:
            why = ("lfs_pointer", lfs_pointer(path).detail)
        else:
            there.append((video, data_set.files[path]))
            continue
        left.append(BadEpisode(name=f"{episode.name}/camera {video.camera}", reason=why[0], detail=why[1]))
    return there, left


def cameras_of(data_set: DataSet, meta: EpisodeMeta, count: int) -> Iterator[CameraSpan]:
    """The episode's spans of recordings. BadMedia: why there is none (missing_video, lfs_pointer, ...)."""
    there, left = cameras_there(data_set, meta)
    if not there:
        raise _no_cameras(left)
    for video, info in there:
        if info is None:
            yield picture_span(video, data_set.fps_hz, count)
            continue
        start_ns = _on_grid(video.start_s, data_set.fps_hz)
        long_ns = round(count * NS / data_set.fps_hz)
        end_ns = start_ns + long_ns if video.end_s is None else _on_grid(video.end_s, data_set.fps_hz)
        yield CameraSpan(camera=video.camera, uri=info.uri, start_ns=start_ns, end_ns=end_ns, alone=video.end_s is None)


def _no_cameras(left: list[BadEpisode]) -> BadMedia:
    if not left:
        return BadMedia("missing_video", "the data set declares no video")
    reasons: Mapping[str, BadEpisode] = {b.reason: b for b in reversed(left)}
    first = next((reasons[r] for r in _WITHOUT if r in reasons), left[0])
    details = "; ".join(f"{b.name.rpartition('camera ')[2]}: {b.detail}" for b in left)
    return BadMedia(_WITHOUT.get(first.reason, first.reason), details[:500])


def _on_grid(time_s: float, fps_hz: float) -> int:
    """The frame's own time in ns where accumulated float seconds mean it, else the seconds themselves."""
    if not np.isfinite(time_s) or not 0 <= time_s < 1e9:
        raise BadMedia("bad_span", f"{time_s} s")
    frame = round(time_s * fps_hz)
    near = abs(time_s * fps_hz - frame) < OFF_GRID
    return round(frame * NS / fps_hz) if near else round(time_s * NS)
