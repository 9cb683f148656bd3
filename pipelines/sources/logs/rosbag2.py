"""Reader of bags of ROS 2: a folder with metadata.yaml and its files (SQLite or MCAP), or SQLite files without one.

A bag is one attempt, however many files it was split into. `asynchronous` says how topics become rows, `topic_choice`
which topics count.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

from infra.readers import bag_metadata, rosbag2, yaml_mapping
from infra.readers.topics import Lost, Recorded
from infra.storage import objects
from infra.storage.objects import ObjectInfo
from pipelines.media.log_pictures import Selector, local_log
from pipelines.sources.logs import asynchronous
from pipelines.sources.logs.asynchronous import TopicLog
from pipelines.sources.logs.base import BadEpisode, LogField, LogItem, LogKind, LogOptions
from pipelines.sources.logs.episode_log import EpisodeLog
from pipelines.sources.logs.items import attempt_name
from pipelines.sources.logs.message_logs import fields_of, item_of
from schemas.errors import BadMedia

NAME, METADATA = "rosbag2", "metadata.yaml"
SPLIT = re.compile(r"(.*?)(?:_(\d+))?(\.db3(?:\.zstd)?)")


def list_logs(uri: str, options: LogOptions = LogOptions()) -> Iterator[LogItem]:
    """One item for each folder with metadata.yaml, and for each SQLite bag without one, all of its parts."""
    listed = list(objects.list_objects(uri if uri.endswith(rosbag2.SUFFIXES) else uri.rstrip("/") + "/"))
    bags = folders(listed)
    yield from (item_of(folder, folder.rpartition("/")[0], files) for folder, files in bags.items())
    by_stem: dict[tuple[str, str], list[tuple[int, ObjectInfo]]] = defaultdict(list)
    for info in listed:
        folder = info.uri.rpartition("/")[0]
        if folder not in bags and (match := SPLIT.fullmatch(_name(info))) is not None:
            by_stem[folder, match[1]].append((int(match[2] or 0), info))
    for (folder, _), numbered in by_stem.items():
        parts = [info for _, info in sorted(numbered, key=lambda part: part[0])]
        yield item_of(parts[0].uri, folder, parts)


def folders(listed: Sequence[ObjectInfo]) -> dict[str, list[ObjectInfo]]:
    """Bags with metadata.yaml: by their folder, that file and the bag's own."""
    bags: dict[str, list[ObjectInfo]] = {i.uri.rpartition("/")[0]: [] for i in listed if _name(i) == METADATA}
    for info in listed:
        folder = info.uri.rpartition("/")[0]
        if folder in bags and (_name(info) == METADATA or info.uri.endswith(rosbag2.SUFFIXES)):
            bags[folder].append(info)
    return {folder: files for folder, files in bags.items() if len(files) > 1 or _is_bag(files[0])}


def _is_bag(file: ObjectInfo) -> bool:
    """Whether a metadata.yaml without files beside it is a bag's: others use the name too."""
    try:
        return "relative_file_paths" in _metadata(file)
    except BadMedia:
        return False


def _metadata(file: ObjectInfo) -> yaml_mapping.Metadata:
    """What the file says. BadMedia(bad_metadata): it is no YAML, or too large to be read."""
    if file.size_bytes > yaml_mapping.LARGEST_BYTES:
        raise BadMedia("bad_metadata", f"{file.size_bytes} bytes of YAML, limit {yaml_mapping.LARGEST_BYTES}")
    return bag_metadata.parse(objects.read_bytes(file.uri))


def _name(info: ObjectInfo) -> str:
    return info.uri.rpartition("/")[2]


def read(item: LogItem, workdir: Path, options: LogOptions = LogOptions()) -> Iterator[EpisodeLog | BadEpisode]:
    """The bag's one attempt. BadMedia: missing_file, bad_metadata, bad_bag, bad_mcap, decoder_*, and attempts'."""
    with _opened(item) as log:
        yield from asynchronous.attempts(log, options)


def holds(item: LogItem, options: LogOptions) -> list[LogField]:
    """The topics. BadMedia: as read."""
    del options
    with _opened(item) as log:
        return fields_of(log.topics)


@contextmanager
def _opened(item: LogItem) -> Iterator[TopicLog]:
    is_folder = not item.uri.endswith(rosbag2.SUFFIXES)
    folder = item.uri if is_folder else item.root
    there = [_name(f) for f in objects.list_objects(folder + "/") if f.uri.rpartition("/")[0] == folder]
    about = _metadata(objects.info(f"{folder}/{METADATA}")) if is_folder else {}
    names, lost = _files(about, there) if is_folder else (_parts_of(item.uri.rpartition("/")[2], there), [])
    with ExitStack() as stack:
        local = stack.enter_context(local_log(folder, tuple(names)))
        paths = [local / name for name in names]
        topics, unread = rosbag2.survey(paths)
        yield TopicLog(
            name=attempt_name(folder.rpartition("/")[2] if is_folder else _stem(names[0])),
            item=item,
            topics=topics,
            read=partial(_read, paths, about, lost),
            log_uri=folder,
            selector=Selector(NAME, "", Fraction(1), {rosbag2.FILES: "/".join(names)}),
            lost=(*lost, *unread),
        )


def _stem(name: str) -> str:
    match = SPLIT.fullmatch(name)
    return match[1] if match is not None else name


def _parts_of(first: str, there: Sequence[str]) -> list[str]:
    """Files of a bag without metadata.yaml, in the order of their numbers."""
    parts = [(int(m[2] or 0), name) for name in there if (m := SPLIT.fullmatch(name)) and m[1] == _stem(first)]
    return [name for _, name in sorted(parts)]


def _files(about: yaml_mapping.Metadata, there: Sequence[str]) -> tuple[list[str], list[Lost]]:
    """The bag's files in its own order, those that are there; what is there or announced and is not read.

    BadMedia(missing_file): none of them is there.
    """
    stated = about.get("relative_file_paths")
    announced = (
        [path.rpartition("/")[2] for path in stated if isinstance(path, str)] if isinstance(stated, list) else []
    )
    present = set(there)
    files = [name for name in dict.fromkeys(announced) if name in present and name.endswith(rosbag2.SUFFIXES)]
    missing = [name for name in announced if name not in present]
    more = sorted(name for name in present if name.endswith(rosbag2.SUFFIXES) and name not in announced)
    if not files:
        raise BadMedia("missing_file", f"{METADATA} names {', '.join(announced[:10]) or 'no file'}; "
                                       f"there are {', '.join(more[:10]) or 'none'}")  # fmt: skip
    lost = [Lost("missing_file", f"{METADATA} names {', '.join(missing[:10])}")] if missing else []
    if more:
        detail = f"{METADATA} does not name {', '.join(more[:10])}: run `ros2 bag reindex`"
        lost.append(Lost("file_not_announced", detail))
    return files, lost


def _read(paths: list[Path], about: yaml_mapping.Metadata, lost: list[Lost], topics: Sequence[str]) -> Recorded:
    recorded = rosbag2.read(paths, topics)
    custom = {"custom_data": bag_metadata.custom_data(about)} if about else {}
    return replace(recorded, lost=(*lost, *recorded.lost), words=recorded.words | custom)


KIND = LogKind(NAME, list_logs, read, version=2, holds=holds)
