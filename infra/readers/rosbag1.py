"""The door to bags of ROS 1, in the sandbox alone: `rosbags` executes code that it makes of a bag's own definitions."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.readers import topics
from infra.readers.message_pictures import Picture
from infra.readers.topics import Announced, Event, Lost, Message, Recorded, Topic
from schemas.errors import BadMedia

MAGIC = b"#ROSBAG V2.0\n"


def survey(paths: Sequence[Path]) -> tuple[list[Topic], list[Lost]]:
    """Topics by reading all of it. BadMedia: bad_bag, not_indexed, decoder_*."""
    return topics.survey(__name__, paths)


def read(paths: Sequence[Path], names: Sequence[str]) -> Recorded:
    """The named topics' messages, by time. BadMedia: bad_bag, not_indexed, decoder_*."""
    return topics.read(__name__, paths, names)


def pictures(path: Path, topic: str, options: Mapping[str, str]) -> Iterator[Picture]:
    """A topic's pictures; there are no options. BadMedia: no_frames, bad_bag, not_indexed, decoder_*."""
    return topics.pictures(__name__, [path], topic)


def preload() -> None:
    """Loads what each child needs, once."""
    import rosbags.rosbag1
    import rosbags.typesys  # noqa: F401


def main(argv: list[str]) -> None:
    """The child. argv: the folder of its job."""
    topics.answer(Path(argv[0]), events)


def events(paths: Sequence[str]) -> Iterator[Event]:
    """Of the one file. BadMedia: bad_bag, not_indexed (its recorder was killed)."""
    from rosbags.rosbag1 import Reader

    (path,) = paths
    name = os.path.basename(path)
    with open(path, "rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise BadMedia("bad_bag", f"{name} does not begin as a bag of ROS 1 does")
    bag = Reader(path)
    try:
        bag.open()
    except MemoryError:
        raise
    except Exception as e:
        if "not indexed" in str(e):
            raise BadMedia("not_indexed", f"{name} was not closed: run `rosbag reindex {name}`") from e
        raise BadMedia("bad_bag", f"{name}: {type(e).__name__}: {str(e)[:120]}") from e
    for connection in bag.connections:
        yield Announced(connection.topic, connection.msgtype)
    count, announced = 0, sum(len(index) for index in bag.indexes.values())
    decoders: dict[int, Callable[[bytes], Any]] = {}
    try:
        for connection, stamp, data in bag.messages() if bag.connections else ():
            count += 1
            decode = functools.partial(_decode, decoders, connection, data)
            yield Message(connection.topic, connection.msgtype, min(stamp, 2**63 - 1), decode)
    except MemoryError:
        raise
    except Exception as e:  # noqa: BLE001 - damage shows as errors of any kind
        why = f"{type(e).__name__}: {str(e)[:120]}"
        yield Lost("damaged_chunk", f"{name}: {count} of {announced} messages are read, then {why}")


def _decode(decoders: dict[int, Callable[[bytes], Any]], connection: Any, data: bytes) -> Any:
    if connection.id not in decoders:
        decoders[connection.id] = _decoder(connection)
    return decoders[connection.id](data)


def _decoder(connection: Any) -> Callable[[bytes], Any]:
    """Of a connection's own definition. BadMedia(bad_message): it is not understood."""
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    try:
        store = get_typestore(Stores.EMPTY)
        store.register(get_types_from_msg(connection.msgdef.data, connection.msgtype))
    except MemoryError:
        raise
    except Exception as e:
        raise BadMedia("bad_message", f"its definition is not understood ({type(e).__name__})") from e
    return functools.partial(store.deserialize_ros1, typename=connection.msgtype)
