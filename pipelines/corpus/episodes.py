"""The robot's attempts as they are known now, and which of them a span of a recording shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from infra.storage.tables import Store
from schemas import Episode
from schemas.arrow import rows_of
from schemas.spans import SpanOfBytes
from schemas.tables import TypedTable, columns_of

EPISODE = columns_of(Episode)
# What tells which rows stand for attempts now.
STANDING = ("episode_id", "name", "uri", "revision", "modified_ns", "reading", "copy_of", "withdrawn")


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


def standing_rows(episodes: TypedTable[Episode]) -> list[int]:
    """Positions of the rows that stand for attempts now: the latest ones without copies and withdrawn ones."""
    gone = [copy or withdrawn for copy, withdrawn in
            zip(episodes.values(EPISODE.copy_of), episodes.values(EPISODE.withdrawn), strict=True)]  # fmt: skip
    return [i for i in latest_rows(episodes) if gone[i] is None]


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
