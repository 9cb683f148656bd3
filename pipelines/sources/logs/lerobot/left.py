"""What of a LeRobot data set belongs to no attempt: metadata that are broken, files that no episode names, counts."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from pathlib import Path, PurePosixPath

from infra.readers import mp4
from infra.storage import objects
from pipelines.sources.logs.base import BadEpisode
from pipelines.sources.logs.lerobot.meta import INFO, DataSet
from pipelines.sources.logs.lerobot.rows import counts_in, strayed_into

_MEDIA = frozenset({".mp4", ".mkv", ".avi", ".mov", ".webm"})
_PICTURES = frozenset({".png", ".jpg", ".jpeg"})
_NAMED = 3  # files that a detail names


def left_words(data_set: DataSet) -> list[str]:
    """What `left_out` depends on; empty where it has nothing to say. Opens no file."""
    words = [f"{f.name}: {f.reason}: {f.detail}" for f in data_set.faults]
    words += [e.name for e in data_set.placed.get("", ())]
    words += _fewer(data_set)
    return [*words, *(f"{p} {data_set.files[p].etag}" for part in _orphans(data_set) for p in part)]


def left_out(data_set: DataSet) -> Iterator[BadEpisode]:
    """A BadEpisode for each fault of the metadata, and one with counts and seconds for each kind of stray file."""
    yield from data_set.faults
    if lost := data_set.placed.get("", ()):
        names = _some([e.name for e in lost])
        detail = f"{len(lost)} of {len(data_set.episodes)} episodes have no data file: {names}"
        yield BadEpisode(name="data", reason="missing_file", detail=detail)
    for detail in _fewer(data_set):
        yield BadEpisode(name=INFO, reason="fewer_episodes", detail=detail)
    rows, videos, pictures = _orphans(data_set)
    yield from _of_rows(data_set, rows)
    if videos:
        seconds = [s for p in videos if (s := _seconds(data_set, p)) is not None]
        length = f"{sum(seconds):.1f} s" if seconds else "of unknown length"
        detail = f"{_count(videos, 'video')} that no episode names, {length}: {_some(videos)}"
        yield BadEpisode(name="videos", reason="orphan_files", detail=detail)
    if pictures:
        detail = f"{_count(pictures, 'picture')} that no episode names: {_some(pictures)}"
        yield BadEpisode(name="images", reason="orphan_files", detail=detail)


def _fewer(data_set: DataSet) -> list[str]:
    """Both counts, where the metadata name fewer episodes than info.json announces."""
    episodes, frames = data_set.announced
    steps = sum(max(e.length, 0) for e in data_set.episodes)
    if episodes is None or episodes <= len(data_set.episodes):
        return []
    announced = f"{episodes} episodes" + (f" and {frames} frames" if frames is not None else "")
    return [f"{INFO} announces {announced}; the metadata name {len(data_set.episodes)} and {steps}"]


def _orphans(data_set: DataSet) -> tuple[list[str], list[str], list[str]]:
    """Data files, videos and pictures that no episode names."""
    named = set(data_set.placed)
    for episode in data_set.episodes:
        named |= {path for v in episode.videos if (path := data_set.find(v.candidates)) is not None}
    strays = sorted(p for p in data_set.files if p not in named and not p.startswith("meta/"))
    suffix = {p: PurePosixPath(p).suffix.lower() for p in strays}
    rows = [p for p in strays if p.startswith("data/") and suffix[p] == ".parquet"]
    videos = [p for p in strays if p.startswith(("videos/", "video/")) and suffix[p] in _MEDIA]
    return rows, videos, [p for p in strays if p.startswith("images/") and suffix[p] in _PICTURES]


def _of_rows(data_set: DataSet, paths: list[str]) -> Iterator[BadEpisode]:
    left: dict[str, int] = {}
    for path in paths:
        counts = counts_in(data_set, path)
        strays = strayed_into(data_set, path, counts)
        count = sum(n for index, n in counts.items() if index not in strays)
        if count or not counts:
            left[path] = count
    if not left:
        return
    steps = sum(left.values())
    blank = sum(not n for n in left.values())
    detail = f"{_count(left, 'data file')} that no episode names, {steps} rows ({steps / data_set.fps_hz:.1f} s)"
    detail += f", {blank} without rows that can be read" if blank else ""
    yield BadEpisode(name="data files", reason="orphan_files", detail=f"{detail}: {_some(list(left))}")


def _seconds(data_set: DataSet, path: str) -> float | None:
    """What a local video says of its length; those afar are not fetched for it."""
    uri = data_set.files[path].uri
    return None if objects.is_remote(uri) else mp4.duration_s(Path(uri))


def _count(things: Sized, name: str) -> str:
    return f"{len(things)} {name}{'s' * (len(things) != 1)}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
