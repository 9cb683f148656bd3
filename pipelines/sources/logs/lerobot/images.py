"""Cameras of dtype image: PNG or JPEG bytes in the data file's rows, a recording of its own for each episode."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from infra.readers import parquet_pictures
from infra.storage import objects
from pipelines.media import log_pictures
from pipelines.media.log_pictures import Selector, picture_uri, rate_of
from pipelines.sources.logs.episode_log import CameraSpan
from pipelines.sources.logs.lerobot.meta import IMAGE, DataSet, EpisodeMeta, VideoSpan


def with_pictures(data_set: DataSet, meta: EpisodeMeta, path: str, run: tuple[int, int] | None) -> EpisodeMeta:
    """The episode with its image cameras' recordings, or why there is none.

    run: the half-open range of its rows in the data file, None where they are not one range of this file.
    BadMedia(bad_table): the data file is no table.
    """
    videos = tuple(_resolved(data_set, v, path, run) if v.kind == IMAGE else v for v in meta.videos)
    return replace(meta, videos=videos)


def _resolved(data_set: DataSet, video: VideoSpan, path: str, run: tuple[int, int] | None) -> VideoSpan:
    if run is None:
        return replace(video, lack="its pictures are not one range of a file's rows")
    info = data_set.files[path]
    if (path, video.key) not in data_set.picture_lacks:
        source = pa.BufferReader(objects.read_bytes(info.uri)) if objects.is_remote(info.uri) else Path(info.uri)
        data_set.picture_lacks[path, video.key] = parquet_pictures.lack_of(source, video.key)
    if (lack := data_set.picture_lacks[path, video.key]) is not None:
        return replace(video, lack=lack)
    options = {"rows": f"{run[0]}-{run[1]}"}
    selector = Selector("parquet", video.key, rate_of(data_set.fps_hz), options)
    return replace(video, uri=picture_uri(info.uri, selector))


def picture_span(video: VideoSpan, fps_hz: float, count: int) -> CameraSpan:
    """The whole of the recording, which is the episode's alone."""
    end_ns = log_pictures.end_ns(count, rate_of(fps_hz))
    return CameraSpan(camera=video.camera, uri=video.uri, start_ns=0, end_ns=end_ns, alone=True)
