"""The episodes that a LeRobot data set's metadata name, v3.0, v2.1 and v2.0; what cannot be read costs itself alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from infra.storage import objects
from infra.storage.objects import ObjectInfo
from pipelines.sources.logs.base import BadEpisode
from pipelines.sources.logs.fields import number
from pipelines.sources.logs.lerobot.files import read_lines, read_parquet
from pipelines.sources.logs.lerobot.meta import DEPTH, IMAGE, VIDEO, EpisodeMeta, VideoSpan, camera_name
from schemas.errors import BadMedia

_DATA_V30 = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
_VIDEO_V30 = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
_DATA_V21 = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
_VIDEO_V21 = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
_DEEP_GRAY = re.compile(r"gray(9|1\d)")  # pixel formats of more than 8 bits of gray


def episodes_of(
    version: str, info: Mapping[str, Any], files: Mapping[str, ObjectInfo]
) -> Iterator[EpisodeMeta | BadEpisode]:
    """Every episode that is named, and a BadEpisode for each file, row or line that cannot be read.

    BadMedia: missing_file, lfs_pointer (v2.1's only file).
    """
    return _episodes_v30(info, files) if version == "v3.0" else _episodes_v21(info, files)


def cameras_in(features: Mapping[str, Any]) -> dict[str, str]:
    """Kind by key of each feature that is a camera."""
    return {k: kind for k, f in features.items() if isinstance(f, Mapping) and (kind := _kind(k, f))}


def _kind(key: str, feature: Mapping[str, Any]) -> str | None:
    """Depth is told by a flag, a dtype, deep gray pixels or the key; the flag `false` is every recorder's default."""
    dtype = str(feature.get("dtype")).lower()
    depth = "depth" in re.split(r"[._/\-\s]", key.lower())
    if not (dtype in (VIDEO, IMAGE) or "depth" in dtype):
        return None
    about: dict[str, object] = {}
    for stated in (feature, feature.get("info"), feature.get("video_info")):
        about |= stated if isinstance(stated, Mapping) else {}
    depth |= "depth" in dtype or any(about.get(flag) is True for flag in ("is_depth_map", "video.is_depth_map"))
    return DEPTH if depth or _DEEP_GRAY.match(str(about.get("video.pix_fmt"))) else dtype


def _episodes_v30(info: Mapping[str, Any], files: Mapping[str, ObjectInfo]) -> Iterator[EpisodeMeta | BadEpisode]:
    paths = sorted(p for p in files if p.startswith("meta/episodes/") and p.endswith(".parquet"))
    if not paths:
        raise BadMedia("missing_file", "meta/episodes has no parquet file")
    cameras = cameras_in(info["features"])
    for path in paths:
        try:
            table = read_parquet(objects.read_bytes(files[path].uri), path)
            rows = table.select([n for n in table.column_names if not n.startswith("stats/")]).to_pylist()
        except BadMedia as error:
            yield BadEpisode(name=path, reason=error.reason, detail=error.detail)
            continue
        for i, row in enumerate(rows):
            try:
                yield _episode_v30(info, row, cameras)
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                where = f"{path} row {i + 1}"
                yield BadEpisode(name=where, reason="bad_table", detail=f"{where}: {type(error).__name__} {error}")


def _episode_v30(info: Mapping[str, Any], row: Mapping[str, Any], cameras: Mapping[str, str]) -> EpisodeMeta:
    chunk, file = (row.get(f"data/{k}", row.get(f"data_{k}")) for k in ("chunk_index", "file_index"))
    place = None if file is None else {"chunk_index": int(chunk or 0), "file_index": int(file)}
    start, stop = row.get("dataset_from_index"), row.get("dataset_to_index")
    rows = None if start is None or stop is None else (int(start), int(stop))
    length = row.get("length")
    if length is None:
        length = -1 if rows is None else rows[1] - rows[0]
    return EpisodeMeta(
        index=int(row["episode_index"]),
        length=int(length),
        tasks=_texts(row.get("tasks")),
        data=() if place is None else candidates(info.get("data_path"), _DATA_V30, place),
        rows=rows,
        videos=tuple(_video_v30(info, row, key, kind) for key, kind in cameras.items()),
        extra=_extra(row),
    )


def _video_v30(info: Mapping[str, Any], row: Mapping[str, Any], key: str, kind: str) -> VideoSpan:
    about = f"videos/{key}/"
    if any(row.get(about + part) is None for part in ("file_index", "from_timestamp", "to_timestamp")):
        return VideoSpan(camera=camera_name(key), candidates=(), start_s=0.0, end_s=None, key=key, kind=kind)
    values: dict[str, str | int] = {
        "video_key": key,
        "chunk_index": int(row.get(about + "chunk_index") or 0),
        "file_index": int(row[about + "file_index"]),
    }
    return VideoSpan(
        camera=camera_name(key),
        candidates=candidates(info.get("video_path"), _VIDEO_V30, values),
        start_s=float(row[about + "from_timestamp"]),
        end_s=float(row[about + "to_timestamp"]),
        key=key,
        kind=kind,
    )


def _episodes_v21(info: Mapping[str, Any], files: Mapping[str, ObjectInfo]) -> Iterator[EpisodeMeta | BadEpisode]:
    per_chunk = int(number(info, "chunks_size") or 1000) or 1000
    cameras = cameras_in(info["features"])
    for row in read_lines(files, "meta/episodes.jsonl", ("episode_index",)):
        try:
            yield row if isinstance(row, BadEpisode) else _episode_v21(info, row, cameras, per_chunk)
        except BadMedia as error:
            yield BadEpisode(name="meta/episodes.jsonl", reason=error.reason, detail=error.detail)


def _episode_v21(
    info: Mapping[str, Any], row: Mapping[str, Any], cameras: Mapping[str, str], per_chunk: int
) -> EpisodeMeta:
    index, length = int(number(row, "episode_index") or 0), number(row, "length")
    values: dict[str, str | int] = {"episode_index": index, "episode_chunk": index // per_chunk}
    return EpisodeMeta(
        index=index,
        length=-1 if length is None else int(length),
        tasks=_texts(row.get("tasks")),
        data=candidates(info.get("data_path"), _DATA_V21, values),
        rows=None,
        videos=tuple(
            VideoSpan(
                camera=camera_name(key),
                candidates=()
                if kind == IMAGE
                else candidates(info.get("video_path"), _VIDEO_V21, values | {"video_key": key}),
                start_s=0.0,
                end_s=None,
                key=key,
                kind=kind,
            )
            for key, kind in cameras.items()
        ),
        extra=_extra(row),
    )


def _texts(stated: Any) -> tuple[str, ...]:
    return tuple(str(t) for t in stated) if isinstance(stated, list) else ()


def _extra(row: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    return {k: v for k, v in row.items() if "/" not in k and isinstance(v, str | int | float | bool)}


def candidates(template: Any, layout: str, values: Mapping[str, str | int]) -> tuple[str, ...]:
    """Paths by the data set's own template, which can be wrong, and by the documented layout."""
    made = [fill(t, values) for t in (template, layout) if isinstance(t, str)]
    return tuple(dict.fromkeys(path for path in made if path is not None))


_FIELD = re.compile(r"\{(\w+)(?::0?(\d)d)?\}")


def fill(template: str, values: Mapping[str, str | int]) -> str | None:
    """A relative path from a template with {name} and {name:03d}; None for anything else.

    Not str.format, which follows attributes.
    """
    missing: list[str] = []

    def one(match: re.Match[str]) -> str:
        value = values.get(match[1])
        if value is None:
            missing.append(match[1])
            return ""
        return f"{value:0{int(match[2])}d}" if match[2] and isinstance(value, int) else str(value)

    path = _FIELD.sub(one, template)
    hostile = missing or "{" in path or path.startswith("/") or ".." in path.split("/") or ":" in path
    return None if hostile else path
