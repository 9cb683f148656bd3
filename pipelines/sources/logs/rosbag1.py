"""Reader of bags of ROS 1: `<name>.bag`, one attempt a file.

`asynchronous` says how topics become rows, `topic_choice` which topics count.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

from infra.readers import rosbag1
from infra.storage import objects
from pipelines.media.log_pictures import Selector
from pipelines.sources.logs import asynchronous
from pipelines.sources.logs.asynchronous import TopicLog
from pipelines.sources.logs.base import BadEpisode, LogField, LogItem, LogKind, LogOptions
from pipelines.sources.logs.episode_log import EpisodeLog
from pipelines.sources.logs.message_logs import attempt_name, fields_of, item_of, local_files

NAME, SUFFIXES = "rosbag1", (".bag", ".bag.active")


def list_logs(uri: str, options: LogOptions = LogOptions()) -> Iterator[LogItem]:
    """One item for each file below the folder or prefix, or the file, `.active` ones included."""
    for info in objects.list_objects(uri if uri.endswith(SUFFIXES) else uri.rstrip("/") + "/"):
        if info.uri.endswith(SUFFIXES):
            yield item_of(info.uri, info.uri.rpartition("/")[0], [info])


def read(item: LogItem, workdir: Path, options: LogOptions = LogOptions()) -> Iterator[EpisodeLog | BadEpisode]:
    """The file's one attempt. BadMedia: bad_bag, not_indexed, decoder_*, and asynchronous.attempts'."""
    with local_files([item.uri]) as paths:
        topics, lost = rosbag1.survey(paths)
        log = TopicLog(
            name=attempt_name(item.uri.rpartition("/")[2].removesuffix(".active").removesuffix(".bag")),
            item=item,
            topics=topics,
            read=partial(rosbag1.read, paths),
            log_uri=item.uri,
            selector=Selector(NAME, "", Fraction(1)),
            lost=lost,
        )
        yield from asynchronous.attempts(log, options)


def holds(item: LogItem, options: LogOptions) -> list[LogField]:
    """The topics. BadMedia: bad_bag, not_indexed, decoder_*."""
    del options
    with local_files([item.uri]) as paths:
        return fields_of(rosbag1.survey(paths)[0])


KIND = LogKind(NAME, list_logs, read, version=2, holds=holds)
