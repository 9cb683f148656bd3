"""Reader of bags of ROS 1: `<name>.bag`, one attempt a file.

`asynchronous` says how topics become rows, `topic_choice` which topics count.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from infra.readers import rosbag1
from infra.storage import objects
from pipelines.sources.logs.base import BadEpisode, LogField, LogItem, LogKind, LogOptions
from pipelines.sources.logs.episode_log import EpisodeLog
from pipelines.sources.logs.message_logs import FileFormat

FORMAT = FileFormat("rosbag1", (".bag.active", ".bag"), rosbag1.survey, rosbag1.read)


def list_logs(uri: str, options: LogOptions = LogOptions()) -> Iterator[LogItem]:
    """One item for each file below the folder or prefix, or the file, `.active` ones included."""
    yield from FORMAT.items(objects.list_objects(uri if uri.endswith(FORMAT.suffixes) else uri.rstrip("/") + "/"))


def read(item: LogItem, workdir: Path, options: LogOptions = LogOptions()) -> Iterator[EpisodeLog | BadEpisode]:
    """The file's one attempt. BadMedia: bad_bag, not_indexed, decoder_*, and asynchronous.attempts'."""
    yield from FORMAT.attempts(item, options)


def holds(item: LogItem, options: LogOptions) -> list[LogField]:
    """The topics. BadMedia: bad_bag, not_indexed, decoder_*."""
    return FORMAT.fields(item)


KIND = LogKind(FORMAT.name, list_logs, read, version=2, holds=holds)
