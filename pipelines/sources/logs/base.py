"""What a reader of robot logs hands over: items to read, attempts, and what it had to refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.hop import Progress
from pipelines.sources.logs.episode_log import EpisodeLog


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFile:
    """One camera's recording as the listing found it."""

    camera: str
    uri: str
    revision: str
    modified_ns: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogItem:
    """The smallest part of a log that is read and committed as one.

    revision changes when anything that its attempts are made of changes, and with nothing else; no two places
    share one, so that a copy is told from what was read already.
    size_bytes counts the log and its media.
    """

    uri: str
    root: str  # the folder or data set that it is part of
    revision: str
    modified_ns: int
    size_bytes: int
    media: tuple[MediaFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BadEpisode:
    """Part of an item that was refused while the rest of it was read. reason: a stable code."""

    name: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class LogKind:
    """A format of robot logs: one file here, and one line in `KINDS`.

    list: items under a folder or prefix, in order of uri, from names and small metadata alone. read: an item's
    attempts; BadMedia: nothing of the item can be read. prepare: makes logs that must be made before they are listed.
    """

    name: str
    list: Callable[[str], Iterator[LogItem]]
    read: Callable[[LogItem, Path], Iterator[EpisodeLog | BadEpisode]]
    prepare: Callable[[str, Progress], None] | None = None
    alias: str | None = None  # a name it had, which the config still takes
