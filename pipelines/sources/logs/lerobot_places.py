"""Where a LeRobot data set's attempts lie: its items, and each attempt's rows and spans of recordings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from infra.storage import objects
from infra.storage.objects import ObjectInfo
from pipelines.sources.logs.base import LogItem, LogOptions, MediaFile
from pipelines.sources.logs.episode_log import CameraSpan
from pipelines.sources.logs.lerobot_columns import OFF_GRID, integers
from pipelines.sources.logs.lerobot_meta import DataSet, EpisodeMeta, open_data_set, revision_text
from schemas.errors import BadMedia
from schemas.keys import digest_of, log_revision
from schemas.spans import NS

INFO = "meta/info.json"


def list_logs(uri: str, options: LogOptions = LogOptions()) -> Iterator[LogItem]:
    """One item for each data file of each data set below the folder or prefix; one for a broken data set."""
    listed = list(objects.list_objects(uri.rstrip("/") + "/"))
    for info in [o for o in listed if o.uri.endswith("/" + INFO)]:
        root = info.uri[: -len(INFO) - 1]
        files = below(root, listed)
        try:
            data_set = open_data_set(root, files)
        except BadMedia:  # read() refuses it with its reason
            etags = [o.etag for path, o in files.items() if path.startswith("meta/")]
            yield _item(root, info, etags, ())
            continue
        yield from _items(data_set)


def below(root: str, listed: Iterable[ObjectInfo]) -> dict[str, ObjectInfo]:
    return {o.uri[len(root) + 1 :]: o for o in listed if o.uri.startswith(root + "/")}


def _items(data_set: DataSet) -> Iterator[LogItem]:
    by_file: dict[str, list[EpisodeMeta]] = defaultdict(list)
    for episode in data_set.episodes:
        table = data_set.first(episode.data)
        by_file[INFO if table is None else table.uri[len(data_set.root) + 1 :]].append(episode)
    for path, episodes in sorted(by_file.items()):
        info = data_set.files[path]
        media = {m.uri: m for e in episodes for m in _media(data_set, e)}
        parts = [data_set.robot_type, str(data_set.fps_hz), *(digest_of(revision_text(e)) for e in episodes)]
        # info.json stands for episodes without their data file; its own ETag changes with every append.
        yield _item(data_set.root, info, parts if path == INFO else [info.etag, *parts], tuple(media.values()))


def _media(data_set: DataSet, episode: EpisodeMeta) -> Iterator[MediaFile]:
    for video in episode.videos:
        if info := data_set.first(video.candidates):
            yield MediaFile(
                camera=video.camera,
                uri=info.uri,
                revision=info.etag,
                modified_ns=info.modified_ns,
                size_bytes=info.size_bytes,
            )


def _item(root: str, info: ObjectInfo, parts: list[str], media: tuple[MediaFile, ...]) -> LogItem:
    return LogItem(
        uri=info.uri,
        root=root,
        revision=log_revision(info.uri, [*parts, *(m.revision for m in media)]),
        modified_ns=max(info.modified_ns, *(m.modified_ns for m in media), 0),
        size_bytes=info.size_bytes + sum(m.size_bytes for m in media),
        media=media,
    )


def rows_of(table: pa.Table, meta: EpisodeMeta) -> npt.NDArray[np.bool_]:
    """Mask of the episode's rows: its index on them, and inside its range of global indices."""
    mine: npt.NDArray[np.bool_] = integers(table, "episode_index") == meta.index
    if meta.rows is not None and "index" in table.column_names:
        index = integers(table, "index")
        mine &= (index >= meta.rows[0]) & (index < meta.rows[1])
    return mine


def cameras_of(data_set: DataSet, meta: EpisodeMeta, count: int) -> Iterator[CameraSpan]:
    if not meta.videos:
        raise BadMedia("missing_video", "the data set declares no video")
    for video in meta.videos:
        info = data_set.first(video.candidates)
        if info is None:
            raise BadMedia("missing_video", f"{video.camera}: {' or '.join(video.candidates)[:200]}")
        start_ns = _on_grid(video.start_s, data_set.fps_hz)
        long_ns = round(count * NS / data_set.fps_hz)
        end_ns = start_ns + long_ns if video.end_s is None else _on_grid(video.end_s, data_set.fps_hz)
        if abs(end_ns - start_ns - long_ns) > 2 * NS / data_set.fps_hz + 0.02 * long_ns:
            raise BadMedia("video_mismatch", f"{video.camera}: {end_ns - start_ns} ns for {count} steps")
        yield CameraSpan(camera=video.camera, uri=info.uri, start_ns=start_ns, end_ns=end_ns, alone=video.end_s is None)


def _on_grid(time_s: float, fps_hz: float) -> int:
    """The frame's own time in ns where accumulated float seconds mean it, else the seconds themselves."""
    if not np.isfinite(time_s) or not 0 <= time_s < 1e9:
        raise BadMedia("bad_span", f"{time_s} s")
    frame = round(time_s * fps_hz)
    near = abs(time_s * fps_hz - frame) < OFF_GRID
    return round(frame * NS / fps_hz) if near else round(time_s * NS)
