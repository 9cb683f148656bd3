"""The attempts that a corpus holds, by identity, place and content: what a log that is read now stands beside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields

from infra.storage.tables import Store
from pipelines.corpus.episodes import Rank, rank_of
from schemas import Episode
from schemas.episodes import StoredCameraSpan
from schemas.tables import TypedTable

# A camera's name, its recording's sha256 and the attempt's span there.
Recordings = tuple[tuple[str, str, int, int], ...]
# Key of its steps, its recordings, instruction and outcome: of two that say otherwise neither is a copy.
Content = tuple[str | None, Recordings, str | None, str]


def recordings_of(cameras: Iterable[StoredCameraSpan]) -> Recordings:
    """An attempt's recordings, to be compared."""
    return tuple(sorted((c["camera"], c["sha256"], c["start_ns"], c["end_ns"]) for c in cameras))


@dataclass(frozen=True, slots=True)
class Seen:
    """What is to be known of a row of episodes: columns of it."""

    episode_row_id: str
    episode_id: str
    name: str
    uri: str
    revision: str
    modified_ns: int
    cameras: list[StoredCameraSpan]
    namespace: str | None
    root: str | None
    reader: str | None
    reading: int | None
    instruction: str | None
    outcome: str
    steps_id: str | None
    copy_of: str | None
    withdrawn: str | None

    @property
    def rank(self) -> Rank:
        """See `rank_of`."""
        return rank_of(self.reading, self.modified_ns, self.revision)

    @property
    def place(self) -> tuple[str, str]:
        """Where it was read, and its name there."""
        return self.uri, self.name

    @property
    def content(self) -> Content:
        """What two copies share."""
        return self.steps_id, recordings_of(self.cameras), self.instruction, self.outcome


def seen_of(row: Episode) -> Seen:
    """What is to be known of a row."""
    return Seen(**{f.name: getattr(row, f.name) for f in fields(Seen)})


@dataclass(slots=True)
class Known:
    """The latest rows by episode_id and by place; the names of each log; who has a content."""

    by_id: dict[str, Seen] = field(default_factory=dict)
    by_place: dict[tuple[str, str], Seen] = field(default_factory=dict)
    names: dict[str, set[str]] = field(default_factory=dict)
    readings: dict[str, int] = field(default_factory=dict)
    by_content: dict[Content, dict[str, Seen]] = field(default_factory=dict)

    @staticmethod
    def of(store: Store) -> Known:
        """What the corpus holds now."""
        known = Known()
        for row in TypedTable(Seen, store.read("episodes", [f.name for f in fields(Seen)])).rows():
            known.add(row)
        return known

    def add(self, row: Seen) -> None:
        """One row more; the one of its key is replaced."""
        if self.by_id.get(row.episode_id, row).rank <= row.rank:
            self.by_id[row.episode_id] = row
        if self.by_place.get(row.place, row).rank <= row.rank:
            self.by_place[row.place] = row
        self.names.setdefault(row.uri, set()).add(row.name)
        self.readings[row.uri] = max(self.readings.get(row.uri, 0), row.reading or 0)
        self.by_content.setdefault(row.content, {})[row.episode_row_id] = row

    def stands(self, row: Seen) -> bool:
        """Whether the row stands for an attempt now (`standing_rows`)."""
        latest = self.by_id[row.episode_id] is row is self.by_place[row.place]
        return latest and row.copy_of is None and row.withdrawn is None

    def attempt(self, episode_id: str) -> Seen | None:
        """The row that stands for an attempt; None where none does."""
        row = self.by_id.get(episode_id)
        return row if row is not None and self.stands(row) else None

    def same_as(self, content: Content) -> list[Seen]:
        """Rows of that content that stand for attempts; none where there are no recordings to compare."""
        return [s for s in self.by_content.get(content, {}).values() if self.stands(s)] if content[1] else []

    def latest_in(self, uri: str) -> list[Seen]:
        """The latest row of each name that the log had, but for withdrawn ones, in order of name."""
        latest = (self.by_place[uri, name] for name in sorted(self.names.get(uri, ())))
        return [row for row in latest if row.withdrawn is None]
