"""A LeRobot data set's own account of itself: info, tasks, and where each episode's rows and frames lie.

Layouts v3.0 (many episodes share a file) and v2.1 (a file an episode), as documented by the format's makers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from infra.storage import objects
from infra.storage.objects import ObjectInfo
from pipelines.sources.logs.fields import json_object, number
from schemas.errors import BadMedia

_META_MAX_BYTES = 2 << 30  # uncompressed, of one parquet file
_DATA_V30 = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
_IMAGES = "observation.images."


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSpan:
    """Where a camera's frames of an episode lie. end_s is None where the whole file is the episode's."""

    camera: str
    candidates: tuple[str, ...]  # paths below the root, best first
    start_s: float
    end_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeMeta:
    """One episode as the metadata tell it. rows: its half-open range of global indices, where told."""

    index: int
    length: int
    tasks: tuple[str, ...]
    data: tuple[str, ...]  # candidate paths below the root, best first
    rows: tuple[int, int] | None
    videos: tuple[VideoSpan, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)  # scalar columns that are no part of the layout


class _Verbatim(str):
    """Text that stands in a tuple's repr as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def revision_text(episode: EpisodeMeta) -> str:
    """What a log's revision holds of an episode; its words are frozen, so that no new name here reads a log anew."""
    videos = tuple(
        _Verbatim(
            f"VideoSpan(camera={v.camera!r}, candidates={v.candidates!r}, start_s={v.start_s!r}, end_s={v.end_s!r})"
        )
        for v in episode.videos
    )
    return (
        f"EpisodeMeta(index={episode.index!r}, length={episode.length!r}, tasks={episode.tasks!r}, "
        f"data={episode.data!r}, rows={episode.rows!r}, videos={videos!r}, extra={episode.extra!r})"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """A data set's metadata and its listing, path below the root -> object."""

    root: str
    version: str
    fps_hz: float
    robot_type: str
    features: Mapping[str, Any]
    tasks: Mapping[int, str]
    files: Mapping[str, ObjectInfo]
    episodes: tuple[EpisodeMeta, ...]

    def first(self, candidates: tuple[str, ...]) -> ObjectInfo | None:
        """The first of the paths that is there."""
        return next((self.files[c] for c in candidates if c in self.files), None)


def open_data_set(root: str, files: Mapping[str, ObjectInfo]) -> DataSet:
    """BadMedia: bad_json, bad_header, bad_table, unsupported_version."""
    info = json_object(objects.read_bytes(objects.join(root, "meta/info.json")), "meta/info.json")
    version = str(info.get("codebase_version"))
    if version not in ("v3.0", "v2.1"):
        raise BadMedia("unsupported_version", f"{version[:40]}: v3.0 and v2.1 are read; convert it")
    fps_hz = number(info, "fps")
    features = info.get("features")
    if not fps_hz or fps_hz <= 0 or not isinstance(features, dict):
        raise BadMedia("bad_header", "meta/info.json lacks fps or features")
    episodes = _episodes_v30(root, info, files) if version == "v3.0" else _episodes_v21(root, info)
    return DataSet(
        root=root,
        version=version,
        fps_hz=fps_hz,
        robot_type=str(info.get("robot_type") or "unknown"),
        features=features,
        tasks=_tasks(root, files),
        files=files,
        episodes=tuple(episodes),
    )


def read_parquet(raw: bytes, where: str, columns: set[str] | None = None) -> pa.Table:
    """The columns that are there, of a table of bounded size. BadMedia: bad_table, too_large."""
    try:
        file = pq.ParquetFile(pa.BufferReader(raw))
        size = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
        if size > _META_MAX_BYTES:
            raise BadMedia("too_large", f"{where}: {size} bytes, limit {_META_MAX_BYTES}")
        names = [n for n in file.schema_arrow.names if columns is None or n in columns]
        return file.read(columns=names)
    except (pa.ArrowException, OSError) as error:
        raise BadMedia("bad_table", f"{where}: {str(error)[:200]}") from error


def _tasks(root: str, files: Mapping[str, ObjectInfo]) -> dict[int, str]:
    """Task texts by index; the table's text column is `task` or its unnamed pandas index."""
    if "meta/tasks.parquet" in files:
        table = read_parquet(objects.read_bytes(files["meta/tasks.parquet"].uri), "meta/tasks.parquet")
        texts = [f.name for f in table.schema if f.type in (pa.string(), pa.large_string())]
        if not texts or "task_index" not in table.column_names:
            return {}
        name = "task" if "task" in texts else texts[0]
        rows = zip(table["task_index"].to_pylist(), table[name].to_pylist(), strict=True)
        return {int(i): str(t) for i, t in rows if i is not None and t is not None}
    if "meta/tasks.jsonl" in files:
        tasks = _jsonl(root, "meta/tasks.jsonl", ("task_index", "task"))
        return {int(number(r, "task_index") or 0): str(r["task"]) for r in tasks}
    return {}


def _jsonl(root: str, path: str, wanted: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    try:
        raw = objects.read_bytes(objects.join(root, path))
    except FileNotFoundError as error:
        raise BadMedia("missing_file", path) from error
    for i, line in enumerate(raw.split(b"\n")):
        if not line.strip():
            continue
        row = json_object(line, f"{path} line {i + 1}")
        if any(w not in row for w in wanted):
            raise BadMedia("bad_header", f"{path} line {i + 1} lacks one of {', '.join(wanted)}")
        yield row


def _camera_keys(info: Mapping[str, Any]) -> list[str]:
    features = info["features"]
    return [k for k, f in features.items() if isinstance(f, dict) and f.get("dtype") == "video"]


def _episodes_v30(root: str, info: Mapping[str, Any], files: Mapping[str, ObjectInfo]) -> Iterator[EpisodeMeta]:
    paths = sorted(p for p in files if p.startswith("meta/episodes/") and p.endswith(".parquet"))
    if not paths:
        raise BadMedia("missing_file", "meta/episodes has no parquet file")
    for path in paths:
        table = read_parquet(objects.read_bytes(objects.join(root, path)), path)
        names = [n for n in table.column_names if not n.startswith("stats/")]
        for row in table.select(names).to_pylist():
            yield _episode_v30(info, row, path)


def _episode_v30(info: Mapping[str, Any], row: dict[str, Any], path: str) -> EpisodeMeta:
    try:
        data = {"chunk_index": int(row["data/chunk_index"]), "file_index": int(row["data/file_index"])}
        return EpisodeMeta(
            index=int(row["episode_index"]),
            length=int(row["length"]),
            tasks=tuple(str(t) for t in row.get("tasks") or ()),
            data=_candidates(info.get("data_path"), _DATA_V30, data),
            rows=(int(row["dataset_from_index"]), int(row["dataset_to_index"])),
            videos=tuple(_video_v30(info, row, key) for key in _camera_keys(info)),
            extra=_extra(row),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadMedia("bad_table", f"{path}: {type(error).__name__} {error}") from error


def _video_v30(info: Mapping[str, Any], row: dict[str, Any], key: str) -> VideoSpan:
    about = f"videos/{key}/"
    if row.get(about + "file_index") is None:
        return VideoSpan(camera=camera_name(key), candidates=(), start_s=0.0, end_s=None)
    values: dict[str, str | int] = {
        "video_key": key,
        "chunk_index": int(row[about + "chunk_index"]),
        "file_index": int(row[about + "file_index"]),
    }
    layout = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
    return VideoSpan(
        camera=camera_name(key),
        candidates=_candidates(info.get("video_path"), layout, values),
        start_s=float(row[about + "from_timestamp"]),
        end_s=float(row[about + "to_timestamp"]),
    )


def _episodes_v21(root: str, info: Mapping[str, Any]) -> Iterator[EpisodeMeta]:
    per_chunk = int(number(info, "chunks_size") or 1000) or 1000
    layout = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
    video_layout = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
    for row in _jsonl(root, "meta/episodes.jsonl", ("episode_index", "length")):
        index = int(number(row, "episode_index") or 0)
        values: dict[str, str | int] = {"episode_index": index, "episode_chunk": index // per_chunk}
        tasks = row.get("tasks")
        yield EpisodeMeta(
            index=index,
            length=int(number(row, "length") or 0),
            tasks=tuple(str(t) for t in tasks) if isinstance(tasks, list) else (),
            data=_candidates(info.get("data_path"), layout, values),
            rows=None,
            videos=tuple(
                VideoSpan(
                    camera=camera_name(key),
                    candidates=_candidates(info.get("video_path"), video_layout, values | {"video_key": key}),
                    start_s=0.0,
                    end_s=None,
                )
                for key in _camera_keys(info)
            ),
            extra=_extra(row),
        )


def camera_name(key: str) -> str:
    """`observation.images.front` is the camera `front`."""
    return key.removeprefix(_IMAGES)


def _extra(row: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in row.items() if "/" not in k and isinstance(v, str | int | float | bool)}


def _candidates(template: Any, layout: str, values: Mapping[str, str | int]) -> tuple[str, ...]:
    """Paths by the data set's own template, which can be wrong, and by the documented layout."""
    made = [fill(t, values) for t in (template, layout) if isinstance(t, str)]
    return tuple(dict.fromkeys(path for path in made if path is not None))


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

    path = re.sub(r"\{(\w+)(?::0?(\d)d)?\}", one, template)
    hostile = missing or "{" in path or path.startswith("/") or ".." in path.split("/") or ":" in path
    return None if hostile else path
