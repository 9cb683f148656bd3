"""The robot's attempts as they are known now, and which of them a span of a recording shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.storage.tables import Store
from schemas import Episode
from schemas.arrow import rows_of
from schemas.spans import SpanOfBytes


@dataclass(frozen=True, slots=True)
class EpisodeSpan:
    """An attempt's span in one camera's recording."""

    start_ns: int
    end_ns: int
    camera: str
    episode: Episode


# An attempt's spans by the sha256 of the recording.
EpisodesByRecording = Mapping[str, Sequence[EpisodeSpan]]


def latest_episodes(store: Store) -> list[Episode]:
    """The latest row of each attempt, in order of episode_id: a corrected log supersedes by (modified_ns, revision)."""
    latest: dict[str, Episode] = {}
    for row in rows_of(Episode, store.read("episodes")):
        known = latest.get(row.episode_id)
        if known is None or (row.modified_ns, row.revision) > (known.modified_ns, known.revision):
            latest[row.episode_id] = row
    return [latest[key] for key in sorted(latest)]


def episodes_by_recording(store: Store) -> dict[str, list[EpisodeSpan]]:
    """The latest attempts' spans, by the sha256 of each recording that shows them."""
    spans: dict[str, list[EpisodeSpan]] = {}
    for episode in latest_episodes(store):
        for at in episode.cameras:
            span = EpisodeSpan(at["start_ns"], at["end_ns"], at["camera"], episode)
            spans.setdefault(at["sha256"], []).append(span)
    return spans


def episode_of(episodes: EpisodesByRecording, span: SpanOfBytes) -> EpisodeSpan | None:
    """The attempt whose camera span holds this one."""
    spans = episodes.get(span.sha256, ())
    return next((e for e in spans if e.start_ns <= span.start_ns and span.end_ns <= e.end_ns), None)
