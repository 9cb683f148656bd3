"""The door to bags of ROS 2: SQLite files, read-only as they are, and MCAP files, packed or not; in the sandbox."""

from __future__ import annotations

import functools
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from infra.readers import mcap, ros2_messages, topics
from infra.readers.message_pictures import Picture
from infra.readers.topics import Announced, Event, Lost, Message, Recorded, Topic
from schemas.errors import BadMedia

SQLITE, PACKED = ".db3", ".zstd"
SUFFIXES = (SQLITE, ".mcap", SQLITE + PACKED, ".mcap" + PACKED)
FILES = "files"  # the option of a selector: names of the bag's files in order, joined by `/`
LARGEST_FILE = 64 << 30  # when unpacked
BLOCK_BYTES = 1 << 20


def survey(paths: Sequence[Path]) -> tuple[list[Topic], list[Lost]]:
    """Topics by reading all of the files. BadMedia: bad_bag, bad_mcap, decoder_*."""
    return topics.survey(__name__, paths)


def read(paths: Sequence[Path], names: Sequence[str]) -> Recorded:
    """The named topics' messages, of one file after another. BadMedia: bad_bag, bad_mcap, decoder_*."""
    return topics.read(__name__, paths, names)


def pictures(log: Path, topic: str, options: Mapping[str, str]) -> Iterator[Picture]:
    """A topic's pictures, of a folder's `files`, or of the one file. BadMedia: no_frames, bad_bag, bad_mcap."""
    names = [name for name in options.get(FILES, "").split("/") if name]
    return topics.pictures(__name__, [log / name for name in names] or [log], topic)


def parts(topic: str, options: Mapping[str, str]) -> tuple[str, ...]:
    """What of a bag's folder its pictures need."""
    return tuple(name for name in options.get(FILES, "").split("/") if name)


def preload() -> None:
    """Loads what each child needs, once."""
    mcap.preload()


def main(argv: list[str]) -> None:
    """The child. argv: the folder of its job, where packed files are unpacked."""
    topics.answer(Path(argv[0]), functools.partial(events, Path(argv[0])))


def events(scratch: Path, paths: Sequence[str]) -> Iterator[Event]:
    """Of one file after another; a part that is no bag is lost, and where none is one BadMedia(bad_bag, bad_mcap)."""
    bad: list[BadMedia] = []
    for path in paths:
        plain = path
        try:
            if path.endswith(PACKED):
                plain = str(scratch / os.path.basename(path).removesuffix(PACKED))
                _unpack(Path(path), Path(plain))
            yield from _sqlite_events(plain) if plain.endswith(SQLITE) else mcap.events([plain])
        except BadMedia as e:
            bad.append(e)
            if len(bad) == len(paths):
                raise
            yield Lost(e.reason, f"{os.path.basename(path)}: {e.detail}")
        finally:
            if plain != path:
                Path(plain).unlink(missing_ok=True)


def _unpack(source: Path, target: Path) -> None:
    import zstandard

    try:
        with (
            source.open("rb") as packed,
            target.open("wb") as out,
            zstandard.ZstdDecompressor().stream_reader(packed) as stream,
        ):
            while block := stream.read(BLOCK_BYTES):
                out.write(block)
                if out.tell() > LARGEST_FILE:
                    raise BadMedia("too_large", f"more than {LARGEST_FILE} bytes when unpacked")
    except zstandard.ZstdError as e:
        raise BadMedia("bad_bag", f"not unpacked: {str(e)[:120]}") from e


def _sqlite_events(path: str) -> Iterator[Event]:
    """In the order of their numbers. BadMedia(bad_bag): no SQLite file, or none of rosbag2's."""
    name = os.path.basename(path)
    bag = sqlite3.connect(f"file:{quote(path)}?mode=ro&immutable=1", uri=True)
    bag.text_factory = lambda raw: raw.decode(errors="replace")
    try:
        bag.execute("PRAGMA trusted_schema = OFF")
        known = {row[0]: tuple(map(str, row[1:])) for row in bag.execute(
            "SELECT id, name, type, serialization_format FROM topics ORDER BY id")}  # fmt: skip
        definitions = _definitions(bag)
    except (sqlite3.Error, ValueError) as e:  # also where the library's own words are no UTF-8
        bag.close()
        hint = f"; `sqlite3 {name} .recover` may save some of it" if "malformed" in str(e) else ""
        raise BadMedia("bad_bag", f"{name}: {str(e)[:120]}{hint}") from e
    for topic, kind, _ in known.values():
        yield Announced(topic, kind)
    decoders: dict[str, Callable[[bytes], Any]] = {}
    count = strays = 0
    try:
        for number, stamp, data in bag.execute("SELECT topic_id, timestamp, data FROM messages ORDER BY id"):
            about = known.get(number)
            if about is None or not isinstance(stamp, int) or not isinstance(data, bytes):
                strays += 1
                continue
            count += 1
            topic, kind, form = about
            yield Message(topic, kind, stamp, functools.partial(_decode, decoders, kind, form, definitions, data))
    except (sqlite3.Error, ValueError) as e:
        yield Lost("truncated_log", f"{name}: {count} messages are whole, then {str(e)[:120]}")
    finally:
        bag.close()
    if strays:
        yield Lost("damaged_log", f"{name}: {strays} messages of no topic, or without time or bytes")
    wal = Path(path + "-wal")
    if wal.exists() and (left := wal.stat().st_size):
        hint = "sqlite3 FILE 'PRAGMA wal_checkpoint(TRUNCATE)' writes them into the file"
        yield Lost("unread_wal", f"{wal.name} holds {left} bytes that are not in {name} and are not read: {hint}")


def _definitions(bag: sqlite3.Connection) -> dict[str, str]:
    """By type; none in bags of Foxy to Humble."""
    if not list(bag.execute("SELECT 1 FROM sqlite_master WHERE name = 'message_definitions'")):
        return {}
    rows = bag.execute("SELECT topic_type, encoding, encoded_message_definition FROM message_definitions")
    return {str(kind): str(text) for kind, encoding, text in rows if encoding == ros2_messages.OWN}


def _decode(decoders: dict[str, Any], kind: str, form: str, definitions: dict[str, str], data: bytes) -> Any:
    if form != "cdr":
        raise BadMedia("bad_message", f"messages in {form[:40]!r}")
    if kind not in decoders:
        decoders[kind] = ros2_messages.decoder(kind, definitions.get(kind, ""))
    return decoders[kind](data)
