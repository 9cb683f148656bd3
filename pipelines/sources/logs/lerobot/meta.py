"""A LeRobot data set's own account of itself: where each episode's rows and frames lie, and what is said of it.

Layouts v3.0 (many episodes share a file), v2.1 and v2.0 (a file an episode), as documented by the format's makers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.storage.objects import ObjectInfo
from pipelines.sources.logs.base import BadEpisode

INFO = "meta/info.json"
VIDEO, IMAGE, DEPTH = "video", "image", "depth"  # kinds of cameras: mp4s, pictures in the rows, no pictures
_CHUNK = re.compile(r"chunk[-_]?\d+")
_IMAGES = "observation.images."
_SPLITS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "eval": "val",
    "dev": "val", "test": "test", "testing": "test",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSpan:
    """Where a camera's frames of an episode lie. end_s is None where the whole file is the episode's."""

    camera: str
    candidates: tuple[str, ...]  # paths below the root, best first
    start_s: float
    end_s: float | None
    key: str = ""  # of info.json's features
    kind: str = VIDEO
    uri: str = ""  # of pictures in the rows: their recording, once the rows are read
    lack: str | None = None  # of pictures in the rows: why there are none


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeMeta:
    """One episode as the metadata tell it. rows: its half-open range of global indices, where told."""

    index: int
    length: int  # steps; -1 where it is not told
    tasks: tuple[str, ...]
    data: tuple[str, ...]  # candidate paths below the root, best first
    rows: tuple[int, int] | None
    videos: tuple[VideoSpan, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)  # scalar columns that are no part of the layout

    @property
    def name(self) -> str:
        """Unique within the data set."""
        return f"episode_{self.index:06d}"


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
    """A data set's metadata and its listing, path below the root -> object. Read once a listing (opened.py)."""

    root: str
    version: str
    fps_hz: float  # 0 where info.json does not say it
    robot_type: str
    features: Mapping[str, Any]
    tasks: Mapping[int, str]
    files: Mapping[str, ObjectInfo]
    episodes: tuple[EpisodeMeta, ...]
    placed: Mapping[str, tuple[EpisodeMeta, ...]]  # data file -> its episodes; under "" those whose file is not there
    faults: tuple[BadEpisode, ...] = ()  # metadata that could not be read
    pointers: frozenset[str] = frozenset()  # files that are Git LFS pointers
    splits: tuple[tuple[str, int, int], ...] = ()  # train, val or test; half-open range of episodes
    discarded: frozenset[int] = frozenset()  # episodes that its makers want nobody to train on
    announced: tuple[int | None, int | None] = (None, None)  # episodes and frames by info.json
    loose: Mapping[str, str] = field(default_factory=dict)  # of a file an episode: its path by its path without chunk
    differing: dict[str, bool] = field(default_factory=dict)  # whether a column's rows differ, of those looked into
    failing: dict[str, bool] = field(default_factory=dict)  # whether every episode's metadata say no by a key, likewise
    texts: dict[str, Mapping[int, str]] = field(default_factory=dict)  # by index, of the lists that were read
    # What was looked up in data files: rows by episode; why a column has no pictures, None where it may have some.
    row_counts: dict[str, dict[int, int]] = field(default_factory=dict)
    picture_lacks: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def find(self, candidates: Iterable[str]) -> str | None:
        """The first of the paths that is there, `video/` standing for `videos/`, and any chunk where that is enough."""
        paths = tuple(candidates)
        there = next((p for path in paths for p in (path, _swapped(path)) if p in self.files), None)
        return there or next((self.loose[key] for path in paths if (key := _without_chunk(path)) in self.loose), None)

    def first(self, candidates: tuple[str, ...]) -> ObjectInfo | None:
        """The object at the first of the paths that is there."""
        path = self.find(candidates)
        return None if path is None else self.files[path]

    def is_image(self, key: str) -> bool:
        """Whether the feature is declared as pictures in the rows."""
        feature = self.features.get(key)
        return isinstance(feature, Mapping) and feature.get("dtype") == IMAGE

    def data_files(self) -> list[str]:
        """Paths of the files with rows, in order."""
        return sorted(p for p in self.files if p.startswith("data/") and p.endswith(".parquet"))

    def split_of(self, index: int) -> str | None:
        """The episode's split; held out where two claim it."""
        names = {name for name, start, stop in self.splits if start <= index < stop}
        return next((name for name in ("test", "val", "train") if name in names), None)


def _swapped(path: str) -> str:
    return path.replace("videos/", "video/", 1) if path.startswith("videos/") else _plural(path)


def _plural(path: str) -> str:
    return path.replace("video/", "videos/", 1) if path.startswith("video/") else path


def loose_paths(files: Iterable[str]) -> dict[str, str]:
    """The one path of each path without its chunk: a set may count chunks otherwise than it says."""
    paths: dict[str, str | None] = {}
    for path in files:
        key = _without_chunk(path)
        paths[key] = None if key in paths else path
    return {key: path for key, path in paths.items() if path is not None}


def _without_chunk(path: str) -> str:
    return "/".join(part for part in _plural(path).split("/") if not _CHUNK.fullmatch(part))


def camera_name(key: str) -> str:
    """`observation.images.front` is the camera `front`."""
    return key.removeprefix(_IMAGES)


def splits_of(stated: Any) -> tuple[tuple[str, int, int], ...]:
    """Ranges of info.json's `splits`: `{"train": "0:40", "val": "40:45,48:50"}`, or lists of episodes."""
    named = stated.items() if isinstance(stated, Mapping) else ()
    return tuple(
        (_SPLITS[str(n).lower()], *r) for n, ranges in named if str(n).lower() in _SPLITS for r in _ranges(ranges)
    )


def _ranges(stated: Any) -> list[tuple[int, int]]:
    if isinstance(stated, list):
        return [(i, i + 1) for i in stated if isinstance(i, int)]
    ends = (part.strip().partition(":") for part in str(stated).split(","))
    return [(int(a), int(b)) for a, colon, b in ends if colon and a.strip().isdigit() and b.strip().isdigit()]
