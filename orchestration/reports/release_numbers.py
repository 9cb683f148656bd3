"""What a release holds, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from orchestration.reports.bars import count_of
from pipelines.corpus.release_document import ReleaseDocument


@dataclass(frozen=True, slots=True)
class PublishedView:
    """One view of a release."""

    name: str
    clips: int
    hours: float
    splits: str


@dataclass(frozen=True, slots=True)
class Published:
    """What a release says of itself, ready to be shown."""

    name: str
    id: str
    parent: str | None
    created: str | None
    views: list[PublishedView]
    counts: list[tuple[str, str]]


def published_of(release: ReleaseDocument, max_tasks: int) -> Published:
    """The release's views and counts; of its tasks at most `max_tasks`."""
    views = [
        PublishedView(name, facts.clips, facts.hours, _list_counts(release.splits.get(name, {})))
        for name, facts in sorted(release.views.items())
    ]
    counts = release.counts
    lines = [(f"{stage} time", _hours(h)) for stage, h in counts.get("hours_by_stage", {}).items()]
    lines += [(f"attempts: {outcome}", f"{n:,}") for outcome, n in counts.get("outcomes", {}).items()]
    for robot, of_robot in counts.get("embodiments", {}).items():
        lines.append((f"robot {robot}", f"{count_of(of_robot['episodes'], 'episode')}, {_hours(of_robot['hours'])}"))
    for task, of_task in islice(counts.get("tasks", {}).items(), max_tasks):
        scenes = count_of(of_task["scenes"], "scene")
        lines.append((task, f"{count_of(of_task['episodes'], 'episode')}, {scenes}"))
    created = release.created[:16].replace("T", " ") if release.created else None
    return Published(release.name, release.id, release.parent, created, views, lines)


def _list_counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {name}" for name, n in counts.items())


def _hours(value: float) -> str:
    return f"{value:,.2f} h" if value >= 1 else f"{60 * value:.1f} min"
