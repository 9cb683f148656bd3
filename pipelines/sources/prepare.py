"""Sources that are made before they can be listed."""

from __future__ import annotations

from collections.abc import Iterable

from pipelines.hop import Progress
from pipelines.sources.logs import RobotSource
from pipelines.sources.recordings import PREPARE, Source


def prepare(sources: Iterable[Source | RobotSource], progress: Progress) -> None:
    """Makes what is made before it can be listed."""
    for source in sources:
        if source.kind in PREPARE:
            PREPARE[source.kind](source.uri, progress)
