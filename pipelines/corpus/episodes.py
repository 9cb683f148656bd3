"""The robot's attempts as they are known now, and which of them a span of a recording shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Protocol, TypeVar

import pyarrow as pa

from infra.storage.tables import Store
from schemas import Episode
from schemas.arrow import rows_of
from schemas.episodes import StoredCameraSpan
from schemas.spans import SpanOfBytes
from schemas.tables import TypedTable, columns_of

EPISODE = columns_of(Episode)
# A camera's name, its recording's sha256 and the attempt's span there.
Recordings = tuple[tuple[str, str, int, int], ...]
# Key of its steps, its recordings, instruction and outcome: of two that say otherwise neither is a copy.
Content = tuple[str | None, Recordings, str | None, str]


@dataclass(frozen=True, slots=True)
class Compared:
    """What of a row tells whether it is a copy."""

    episode_id: str
    name: str
    uri: str
    namespace: str | None
    reader: str | None
    steps_id: str | None
    cameras: list[StoredCameraSpan]
    instruction: str | None
    outcome: str
    copy_of: str | None

    @property
    def content(self) -> Content:
        """See `content_of`."""
        return content_of(self)


# What tells which rows stand for attempts now.
STANDING = (*(f.name for f in fields(Compared)), "revision", "modified_ns", "reading", "withdrawn")


class Comparable(Protocol):
    """A row that has what `Compared` has."""

    @property
    def episode_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def uri(self) -> str: ...
    @property
    def namespace(self) -> str | None: ...
    @property
    def reader(self) -> str | None: ...
    @property
    def steps_id(self) -> str | None: ...
    @property
    def cameras(self) -> list[StoredCameraSpan]: ...
    @property
    def instruction(self) -> str | None: ...
    @property
    def outcome(self) -> str: ...
    @property
    def copy_of(self) -> str | None: ...


C = TypeVar("C", bound=Comparable)


@dataclass(frozen=True, slots=True)
class EpisodeSpan:
    """An attempt's span in one camera's recording."""

    start_ns: int
    end_ns: int
    camera: str
    episode: Episode
    camera_index: int = 0  # of its `cameras`


# An attempt's spans by the sha256 of the recording.
EpisodesByRecording = Mapping[str, Sequence[EpisodeSpan]]


Rank = tuple[int, int, str]


def rank_of(reading: int | None, modified_ns: int, revision: str) -> Rank:
    """The order in which a later row of an attempt supersedes an earlier one."""
    return (reading or 0, modified_ns, revision)


def latest_rows(episodes: TypedTable[Episode]) -> list[int]:
    """Positions of the rows that no later one supersedes, in order of episode_id; copies and withdrawn ones included.

    Later is what has the higher rank of two rows of an episode_id, or of a name in a log: what was read at a place
    before holds no more, whatever it was called. episodes: with the columns STANDING.
    """
    ids, readings = episodes.values(EPISODE.episode_id), episodes.values(EPISODE.reading)
    places = list(zip(episodes.values(EPISODE.uri), episodes.values(EPISODE.name), strict=True))
    times = zip(readings, episodes.values(EPISODE.modified_ns), episodes.values(EPISODE.revision), strict=True)
    ranks = [(rank_of(*time), i) for i, time in enumerate(times)]
    of_id: dict[str, tuple[Rank, int]] = {}
    at_place: dict[tuple[str, str], tuple[Rank, int]] = {}
    for key, place, rank in zip(ids, places, ranks, strict=True):
        of_id[key] = max(of_id.get(key, rank), rank)
        at_place[place] = max(at_place.get(place, rank), rank)
    return sorted((i for _, i in ranks if of_id[ids[i]][1] == i == at_place[places[i]][1]), key=lambda i: ids[i])


def recordings_of(cameras: Iterable[StoredCameraSpan]) -> Recordings:
    """An attempt's recordings, to be compared."""
    return tuple(sorted((c["camera"], c["sha256"], c["start_ns"], c["end_ns"]) for c in cameras))


def content_of(row: Comparable) -> Content:
    """What two copies share."""
    return row.steps_id, recordings_of(row.cameras), row.instruction, row.outcome


def place_order(row: Comparable) -> tuple[str, str, str]:
    """The order in which one of several copies is the attempt."""
    return row.namespace or "", row.name, row.uri


def standing_copies(copies: Iterable[C], originals: Iterable[C]) -> list[C]:
    """Copies that stand for attempts since what they are copies of does not: the first of each content.

    One whose original says something else by now is none any more; only where that was read by another reader it is one
    as long as their recordings are equal. Both: latest rows that are not withdrawn; originals: without copies.
    """
    contents: set[Content] = set()
    by_id: dict[str, tuple[str | None, Recordings]] = {}
    for row in originals:
        contents.add(content_of(row))
        by_id[row.episode_id] = row.reader, recordings_of(row.cameras)
    first: dict[Content, C] = {}
    for row in sorted(copies, key=place_order):
        content, (reader, recordings) = content_of(row), by_id.get(row.copy_of or "", (row.reader, ()))
        if content not in contents and (reader == row.reader or recordings != content[1]):
            first.setdefault(content, row)
    return list(first.values())


def standing_rows(episodes: TypedTable[Episode]) -> list[int]:
    """Positions of the rows that stand for attempts now, in order of episode_id. episodes: with the columns STANDING.

    They are the latest ones that are not withdrawn, without the copies of those (`standing_copies`).
    """
    withdrawn, copy_of = episodes.values(EPISODE.withdrawn), episodes.values(EPISODE.copy_of)
    there = [i for i in latest_rows(episodes) if withdrawn[i] is None]
    if not any(copy_of[i] for i in there):
        return there
    rows = TypedTable(Compared, episodes.take(pa.array(there, pa.int64())).table).rows()
    originals = [row for row in rows if row.copy_of is None]
    standing = standing_copies([row for row in rows if row.copy_of is not None], originals)
    stand = {row.episode_id for row in (*originals, *standing)}  # of an episode_id one row is the latest
    return [i for i, row in zip(there, rows, strict=True) if row.episode_id in stand]


def latest_episodes(store: Store) -> list[Episode]:
    """The latest row of each attempt, in order of episode_id; no copies, and none that its log gives no more."""
    episodes = TypedTable(Episode, store.read("episodes"))
    return rows_of(Episode, episodes.take(pa.array(standing_rows(episodes), pa.int64())).table)


def episodes_by_recording(store: Store) -> dict[str, list[EpisodeSpan]]:
    """The latest attempts' spans, by the sha256 of each recording that shows them."""
    spans: dict[str, list[EpisodeSpan]] = {}
    for episode in latest_episodes(store):
        for i, at in enumerate(episode.cameras):
            span = EpisodeSpan(at["start_ns"], at["end_ns"], at["camera"], episode, i)
            spans.setdefault(at["sha256"], []).append(span)
    return spans


def episode_of(episodes: EpisodesByRecording, span: SpanOfBytes) -> EpisodeSpan | None:
    """The attempt whose camera span holds this one."""
    spans = episodes.get(span.sha256, ())
    return next((e for e in spans if e.start_ns <= span.start_ns and span.end_ns <= e.end_ns), None)
