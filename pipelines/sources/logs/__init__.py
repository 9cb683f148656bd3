"""Where robot attempts come from. A new format is one module and one line of READERS."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.sources.logs import lerobot, plain_log, sim
from pipelines.sources.logs.base import LogReader

READERS: dict[str, LogReader] = {
    "plain_log": plain_log,
    "lerobot": lerobot,
    "sim": sim,
    "world": sim,  # the name that sim had
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotSource:
    """A place with robot logs of one format. kind: a key of READERS; uri: a folder or an S3 prefix."""

    kind: str
    uri: str
    licence: str | None = None
    consent: str | None = None
    site: str | None = None
