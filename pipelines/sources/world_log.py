"""The sample world's attempts: plain logs below its folder."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.sources import plain_log
from pipelines.sources.log_items import LogItem
from pipelines.sources.world import ROBOT, part

read = plain_log.read


def list_logs(uri: str) -> Iterator[LogItem]:
    """The world's attempts, in order of uri."""
    return plain_log.list_logs(part(uri, ROBOT))
