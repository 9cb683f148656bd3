"""Reader of MCAP logs: `<name>.mcap`, one attempt a file, with ROS 2, protobuf or JSON messages.

`asynchronous` says how topics become rows, `topic_choice` which topics count.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from infra.readers import mcap
from infra.readers.topics import Lost, Topic
from infra.storage import objects
from pipelines.sources.logs import rosbag2
from pipelines.sources.logs.base import BadEpisode, LogField, LogItem, LogKind, LogOptions
from pipelines.sources.logs.episode_log import EpisodeLog
from pipelines.sources.logs.message_logs import FileFormat, item_of

NAME, SUFFIX = "mcap", ".mcap"
BAG_SUFFIXES = (SUFFIX, SUFFIX + ".zstd")


def topics_of(paths: list[Path]) -> tuple[list[Topic], list[Lost]]:
    """Topics of files that follow each other: by their summaries, by reading them where one has none; what is lost."""
    known: dict[str, Topic] = {}
    for path in paths:
        with path.open("rb") as file:
            in_file = mcap.summary(file)
        if in_file is None:
            return mcap.survey(paths)
        known = {t.name: t for t in in_file} | known
    return [known[name] for name in sorted(known)], []


FORMAT = FileFormat(NAME, (SUFFIX,), topics_of, mcap.read)


def list_logs(uri: str, options: LogOptions = LogOptions()) -> Iterator[LogItem]:
    """One item for each file below the folder or prefix, or the file; a ROS 2 bag of MCAP files is one."""
    listed = list(objects.list_objects(uri if uri.endswith(SUFFIX) else uri.rstrip("/") + "/"))
    bags = rosbag2.folders(listed)
    for folder, files in bags.items():
        if any(f.uri.endswith(BAG_SUFFIXES) for f in files):
            yield item_of(folder, folder.rpartition("/")[0], files)
    yield from FORMAT.items(info for info in listed if info.uri.rpartition("/")[0] not in bags)


def read(item: LogItem, workdir: Path, options: LogOptions = LogOptions()) -> Iterator[EpisodeLog | BadEpisode]:
    """The file's one attempt. BadMedia: bad_mcap, decoder_*, asynchronous.attempts', and a bag's."""
    if item.uri.endswith(SUFFIX):
        yield from FORMAT.attempts(item, options)
    else:
        yield from rosbag2.read(item, workdir, options)


def holds(item: LogItem, options: LogOptions) -> list[LogField]:
    """The topics. BadMedia: bad_mcap, decoder_*, and a bag's."""
    return FORMAT.fields(item) if item.uri.endswith(SUFFIX) else rosbag2.holds(item, options)


KIND = LogKind(NAME, list_logs, read, version=2, holds=holds)
