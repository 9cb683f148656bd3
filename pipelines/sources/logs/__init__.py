"""Where robot attempts come from: a format is one file here and one line in KINDS."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipelines.hop import Progress
from pipelines.sources.logs import lerobot, plain_log, sim
from pipelines.sources.logs.base import LogKind
from schemas.errors import UsageError

KINDS = (plain_log.KIND, lerobot.KIND, sim.KIND)


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotSource:
    """A place with robot logs of one format. kind: the name of one of KINDS; uri: a folder or an S3 prefix."""

    kind: str
    uri: str
    licence: str | None = None
    consent: str | None = None
    site: str | None = None


def kinds_by_name() -> dict[str, LogKind]:
    """Every format by its name, and by the name that it had."""
    return {name: kind for kind in KINDS for name in (kind.name, kind.alias) if name is not None}


def kind_of(name: str) -> LogKind:
    """UsageError: there is no such format."""
    kinds = kinds_by_name()
    if name not in kinds:
        raise UsageError(f"robot kind {name!r} is not one of {', '.join(kinds)}")
    return kinds[name]


def prepare(sources: Iterable[RobotSource], progress: Progress) -> None:
    """Makes those logs that must be made before they can be listed."""
    for source in sources:
        if (make := kind_of(source.kind).prepare) is not None:
            make(source.uri, progress)
