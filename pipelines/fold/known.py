"""The attempts that a corpus holds, by identity, place and content: what a log that is read now stands beside."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from infra.storage.tables import Store
from pipelines.corpus.episodes import Content, Rank, content_of, rank_of, standing_copies
from schemas import Episode
from schemas.episodes import StoredCameraSpan
from schemas.tables import TypedTable

PENDING = "?"  # copy_of of a row that is not judged yet


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
        return content_of(self)


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
        return self._is_there(row) and (row.copy_of is None or any(s is row for s in self._standing(row.content)))

    def _is_there(self, row: Seen) -> bool:
        latest = self.by_id[row.episode_id] is row is self.by_place[row.place]
        return latest and row.copy_of != PENDING and row.withdrawn is None

    def _standing(self, content: Content) -> list[Seen]:
        """The originals of that content; where there are none, the copy that stands."""
        there = [s for s in self.by_content.get(content, {}).values() if self._is_there(s)]
        if originals := [s for s in there if s.copy_of is None]:
            return originals
        named = (self.by_id.get(s.copy_of or "") for s in there)
        return standing_copies(there, [s for s in named if s and s.copy_of is None and self._is_there(s)])

    def attempt(self, episode_id: str) -> Seen | None:
        """The row that stands for an attempt; None where none does."""
        row = self.by_id.get(episode_id)
        return row if row is not None and self.stands(row) else None

    def same_as(self, content: Content) -> list[Seen]:
        """Rows of that content that stand for attempts; none where there are no recordings to compare."""
        return self._standing(content) if content[1] else []

    def latest_in(self, uri: str) -> list[Seen]:
        """The latest row of each name that the log had, but for withdrawn ones, in order of name."""
        latest = (self.by_place[uri, name] for name in sorted(self.names.get(uri, ())))
        return [row for row in latest if row.withdrawn is None]
