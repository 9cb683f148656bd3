"""What a reader of robot logs hands over: items to read, attempts, and what it had to refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from pipelines.hop import Progress
from pipelines.sources.logs.episode_log import EpisodeLog

READING = 2  # of what all readers share; as LogKind.version. 1: before readers had a version
SURPLUS = ("head", "tail")
MAX_SHIFT = 1000  # frames


@dataclass(frozen=True, slots=True, kw_only=True)
class LogColumns:
    """Where a log keeps what it has under names of its own: columns, keys, paths below a root or topics, by format."""

    state: tuple[str, ...] = ()  # side by side, in this order; empty: the format's own
    action: tuple[str, ...] = ()  # commanded; as state
    cameras: Mapping[str, str] = field(default_factory=dict)  # camera -> where its pictures are; empty: all there are
    task: str | None = None  # the instruction
    outcome: str | None = None  # success, as a word, number or boolean
    discarded: str | None = None  # true for an attempt that is not to be trained on

    def named(self) -> list[str]:
        """Names of the fields that say something."""
        return [f.name for f in fields(self) if getattr(self, f.name)]


COLUMNS = frozenset(f.name for f in fields(LogColumns))
VECTORS = frozenset({"state", "action"})
PICTURES_AND_VECTORS = VECTORS | {"cameras"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions:
    """What a `[[robot]]` says of its logs. Said here, it holds, whatever a log says of itself."""

    columns: LogColumns = field(default_factory=LogColumns)
    fps_hz: float | None = None  # rate of the rows, for formats that have no clock
    collect_mode: str | None = None  # autonomous, teleop, play, scripted
    embodiment: str | None = None  # robot type; names the view idm_<embodiment>
    surplus: str | None = None  # where a recording's frames beyond its rows lie: head, tail; None: such are refused
    # Row i has frame i + shift, where a log has one frame a row. None: frame i, and logs whose pictures' motion says
    # otherwise are refused.
    shift: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFile:
    """One camera's recording as the listing found it."""

    camera: str
    uri: str
    revision: str
    modified_ns: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadPart:
    """What lies beside a log and no reader takes: depth, stereo. name: of the part; reason: a stable code."""

    name: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogItem:
    """The smallest part of a log that is read and committed as one.

    revision changes when anything that its attempts are made of changes, and with nothing else; no two places
    share one, so that a copy is told from what was read already.
    size_bytes counts the log and its media.
    listing: digest of the root's listing, where a reader keeps in memory what it read of the root.
    """

    uri: str
    root: str  # the folder or data set that it is part of
    revision: str
    modified_ns: int
    size_bytes: int
    media: tuple[MediaFile, ...]
    listing: str = ""
    unread: tuple[UnreadPart, ...] = ()  # told when it is read


@dataclass(frozen=True, slots=True, kw_only=True)
class BadEpisode:
    """Part of an item that was refused while the rest of it was read. reason: a stable code."""

    name: str
    reason: str
    detail: str


NUMBERS, PICTURES, WORDS, OTHER = "numbers", "pictures", "words", "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogField:
    """What a log holds under one name, as `columns` would name it.

    kind: numbers, pictures, words, or other (what nothing can be read of). about: type and shape, for people. width: of
    numbers, how many a step; None where the log does not say.
    """

    name: str
    kind: str
    about: str
    width: int | None = None


@dataclass(frozen=True, slots=True)
class LogKind:
    """A format of robot logs: one file here, and one line in `KINDS`.

    list: items under a folder or prefix, in order of uri, from names and small metadata alone. read: an item's
    attempts, and a BadEpisode for each part that is left out (an attempt, or `<attempt>/<part>` of one that is taken
    without it); BadMedia: nothing of the item can be read. prepare: makes logs that must be made before their listing.
    describe: what the item's data set says of itself (version, what it announces and declares), for people.
    holds: what an item holds by its own names, which `columns` may name. BadMedia: as read.
    columns: the fields of LogColumns that `read` goes by; a config that says another is refused, not ignored.
    """

    name: str
    list: Callable[[str, LogOptions], Iterator[LogItem]]
    read: Callable[[LogItem, Path, LogOptions], Iterator[EpisodeLog | BadEpisode]]
    prepare: Callable[[str, Progress], None] | None = None
    alias: str | None = None  # a name it had, which the config still takes
    version: int = 1  # raised when the same log gives other rows: logs are then read once more
    describe: Callable[[LogItem, LogOptions], Mapping[str, str]] | None = None
    holds: Callable[[LogItem, LogOptions], Sequence[LogField]] | None = None
    columns: frozenset[str] = COLUMNS
