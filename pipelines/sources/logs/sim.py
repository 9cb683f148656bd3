"""The sample world's attempts: plain logs below its folder."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.sources.logs import plain_log
from pipelines.sources.logs.base import LogItem, LogKind, LogOptions
from pipelines.sources.recordings.sim import ROBOT, part, prepare


def list_logs(uri: str, options: LogOptions = LogOptions()) -> Iterator[LogItem]:
    """The world's attempts, in order of uri."""
    return plain_log.list_logs(part(uri, ROBOT), options)


KIND = LogKind("sim", list_logs, plain_log.read, prepare, alias="world", columns=plain_log.KIND.columns)
