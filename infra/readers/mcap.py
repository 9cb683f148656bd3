"""The door to MCAP: its topics by the summary, and its messages one by one, in the sandbox.

A file that was not closed has no summary, and the library's own readers fail there: what is whole of it is read as a
stream. A chunk that is damaged costs that chunk. Chunks are unpacked here, to the size that they state and no more.
"""

from __future__ import annotations

import functools
import io
import json
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from infra.readers import ros2_messages, topics
from infra.readers.message_pictures import Picture
from infra.readers.topics import Announced, Event, Lost, Message, Recorded, Said, Topic
from schemas.errors import BadMedia

if TYPE_CHECKING:
    from mcap.records import Channel, Chunk, McapRecord, Schema

RECORD_BYTES = 1 << 30  # of a record, and of a chunk when unpacked
MAGIC = b"\x89MCAP0\r\n"
SUMMARY_BYTES = 32 << 20  # of its schemas, channels and statistics
SUMMARY_RECORDS = 1 << 20
# Of the format's specification: a record's opcode and length; the footer with the magic behind it; the opcodes of
# header, message, chunk, message index, attachment, metadata and end of data, which stand before the summary.
HEAD, FOOTER = struct.Struct("<BQ"), struct.Struct("<BQQQI8s")
IN_DATA = frozenset([1, 5, 6, 7, 9, 12, 15])
Decode = Callable[[bytes], Any]


def summary(file: IO[bytes]) -> list[Topic] | None:
    """Topics by the summary at the end of a file, in order of name; None where there is none to rely on.

    Read in the caller's process, so within bounds, and nothing is unpacked: a chunk in it means None.
    BadMedia(bad_mcap): it does not begin as an MCAP does.
    """
    file.seek(0)
    if file.read(len(MAGIC)) != MAGIC:
        raise BadMedia("bad_mcap", "it does not begin as an MCAP does")
    try:
        return _topics_in(_Summary.of(file))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - not closed or damaged there: it is read whole instead
        return None


def _topics_in(index: _Summary) -> list[Topic] | None:
    totals: dict[str, int | None] = {}
    types: dict[str, str] = {}
    for number, (topic, schema) in index.channels.items():
        types.setdefault(topic, index.types.get(schema, ""))
        known = totals.get(topic, 0)
        totals[topic] = None if known is None or not index.counts else known + index.counts.get(number, 0)
    return [Topic(name, types[name], totals[name]) for name in sorted(types)] or None


@dataclass(slots=True)
class _Summary:
    """Of a summary section: types by schema, topic and schema by channel, and how many messages a channel has."""

    types: dict[int, str] = field(default_factory=dict)
    channels: dict[int, tuple[str, int]] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)

    @staticmethod
    def of(file: IO[bytes]) -> _Summary:
        """BadMedia(bad_mcap), or the library's errors: there is none, or none that can be relied on."""
        footer_at = file.seek(-FOOTER.size, os.SEEK_END)
        opcode, length, start, _, _, magic = FOOTER.unpack(file.read(FOOTER.size))
        if (opcode, length, magic) != (2, 20, MAGIC) or not len(MAGIC) <= start < footer_at:
            raise BadMedia("bad_mcap", "there is no summary")
        summary, taken = _Summary(), 0
        file.seek(start)
        for _ in range(SUMMARY_RECORDS):
            at = file.tell()
            if at == footer_at:
                return summary
            opcode, length = HEAD.unpack(file.read(HEAD.size))
            taken += length if opcode in (3, 4, 11) else 0
            if opcode in IN_DATA or at + HEAD.size + length > footer_at or taken > SUMMARY_BYTES:
                break
            if opcode in (3, 4, 11):
                summary._add(opcode, file.read(length))
            else:
                file.seek(length, os.SEEK_CUR)
        raise BadMedia("bad_mcap", "its summary is damaged or too long")

    def _add(self, opcode: int, body: bytes) -> None:
        from mcap import records as kinds
        from mcap.data_stream import ReadDataStream

        stream = ReadDataStream(io.BytesIO(body))
        if opcode == 3:
            schema = kinds.Schema.read(stream)
            self.types[schema.id] = schema.name
        elif opcode == 4:
            channel = kinds.Channel.read(stream)
            self.channels[channel.id] = channel.topic, channel.schema_id
        else:
            self.counts = kinds.Statistics.read(stream).channel_message_counts


def survey(paths: Sequence[Path]) -> tuple[list[Topic], list[Lost]]:
    """Topics by reading all of it. BadMedia: bad_mcap, decoder_*."""
    return topics.survey(__name__, paths)


def read(paths: Sequence[Path], names: Sequence[str]) -> Recorded:
    """The named topics' messages. BadMedia: bad_mcap, decoder_*."""
    return topics.read(__name__, paths, names)


def pictures(path: Path, topic: str, options: Mapping[str, str]) -> Iterator[Picture]:
    """A topic's pictures; there are no options. BadMedia: no_frames, bad_mcap, decoder_*."""
    return topics.pictures(__name__, [path], topic)


def preload() -> None:
    """Loads what each child needs, once."""
    import lz4.frame  # noqa: F401
    import mcap_protobuf.decoder  # noqa: F401

    ros2_messages.preload()


def main(argv: list[str]) -> None:
    """The child. argv: the folder of its job."""
    topics.answer(Path(argv[0]), events)


def events(paths: Sequence[str]) -> Iterator[Event]:
    """Of one file after another; a later part that is no MCAP is lost, a first one raises BadMedia(bad_mcap)."""
    for i, path in enumerate(paths):
        try:
            yield from _File(path).events()
        except BadMedia as e:
            if i == 0:
                raise
            yield Lost(e.reason, f"{os.path.basename(path)}: {e.detail}")


class _File:
    """One file while it is read: the channels and definitions that came so far."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.name = os.path.basename(path)
        self.schemas: dict[int, Schema] = {}
        self.channels: dict[int, Channel] = {}
        self.decoders: dict[int, Decode] = {}
        self.messages = 0
        self.without_channel = 0
        self.announced: int | None = None  # messages, by the statistics
        self.lost = False

    def events(self) -> Iterator[Event]:
        from mcap.records import Footer
        from mcap.stream_reader import StreamReader

        whole, closed, ended = 0, False, ""
        with open(self.path, "rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise BadMedia("bad_mcap", f"{self.name} does not begin as an MCAP does")
            file.seek(0)
            records = StreamReader(file, emit_chunks=True, record_size_limit=RECORD_BYTES).records
            while True:
                try:
                    if (record := next(records, None)) is None:
                        break
                    closed = closed or isinstance(record, Footer)
                    whole = file.tell()
                except MemoryError:
                    raise
                except Exception as e:  # noqa: BLE001 - damage shows as errors of any kind
                    ended = type(e).__name__
                    break
                yield from self._of_record(record, whole)
        yield from self._end(whole, closed, ended)

    def _end(self, whole: int, closed: bool, ended: str) -> Iterator[Event]:
        left = os.path.getsize(self.path) - whole
        if not closed:
            what = f"{self.name} was not closed" if ended in ("", "EndOfFile") else f"{self.name} is damaged ({ended})"
            detail = f"{what}: {self.messages} messages are whole, {left} bytes behind byte {whole} are not read"
            yield Lost("truncated_log", detail)
        elif self.announced is not None and self.announced > self.messages and not self.lost:
            yield Lost("fewer_messages", f"{self.name} announces {self.announced} messages and has {self.messages}")
        if self.without_channel:
            yield Lost("damaged_log", f"{self.name}: {self.without_channel} messages of no channel")

    def _of_record(self, record: McapRecord, end: int) -> Iterator[Event]:
        from mcap import records as kinds

        if isinstance(record, kinds.Chunk):
            try:
                unpacked = _records_of(record)
            except MemoryError:
                raise
            except Exception as e:  # noqa: BLE001 - damage shows as errors of any kind
                self.lost = True
                why = e.detail if isinstance(e, BadMedia) else type(e).__name__
                yield Lost("damaged_chunk", f"{self.name}: the chunk that ends at byte {end}: {why}")
                return
            for inner in unpacked:
                yield from self._of_record(inner, end)
        elif isinstance(record, kinds.Schema):
            self.schemas[record.id] = record
        elif isinstance(record, kinds.Channel):
            self.channels[record.id] = record
            self.decoders.pop(record.id, None)
            yield Announced(record.topic, self._type(record))
        elif isinstance(record, kinds.Message):
            channel = self.channels.get(record.channel_id)
            if channel is None:
                self.without_channel += 1
                return
            self.messages += 1
            decode = functools.partial(self._decode, channel, record.data)
            yield Message(channel.topic, self._type(channel), min(record.log_time, 2**63 - 1), decode)
        elif isinstance(record, kinds.Metadata):
            yield Said(record.name, dict(record.metadata))
        elif isinstance(record, kinds.Statistics):
            self.announced = record.message_count

    def _type(self, channel: Channel) -> str:
        schema = self.schemas.get(channel.schema_id)
        return schema.name if schema is not None else ""

    def _decode(self, channel: Channel, data: bytes) -> Any:
        if channel.id not in self.decoders:
            self.decoders[channel.id] = _decoder(channel.message_encoding, self.schemas.get(channel.schema_id))
        return self.decoders[channel.id](data)


def _decoder(encoding: str, schema: Schema | None) -> Decode:
    """What decodes a channel's messages; one that says what is not known where nothing does."""
    if encoding == "json":
        return json.loads
    form = f"{encoding} with {schema.encoding}" if schema is not None else encoding
    try:
        if encoding == "cdr" and schema is not None:
            own = schema.encoding == ros2_messages.OWN
            return ros2_messages.decoder(schema.name, schema.data.decode(errors="replace") if own else "")
        from mcap_protobuf.decoder import DecoderFactory

        if (decode := DecoderFactory().decoder_for(encoding, schema)) is not None:
            return decode
    except MemoryError:
        raise
    except BadMedia as e:
        return functools.partial(_refuse, e.detail)
    except Exception as e:  # noqa: BLE001 - a definition is parsed here, damaged ones included
        return functools.partial(_refuse, f"its definition is not understood ({type(e).__name__})")
    return functools.partial(_refuse, f"messages in {form[:80]!r}")


def _refuse(why: str, data: bytes) -> Any:
    raise BadMedia("bad_message", why)


def _records_of(chunk: Chunk) -> list[McapRecord]:
    """BadMedia(damaged_chunk): its size or checksum is another one than stated."""
    from mcap.records import Chunk as Plain
    from mcap.stream_reader import breakup_chunk

    if chunk.uncompressed_size > RECORD_BYTES:
        raise BadMedia("damaged_chunk", f"{chunk.uncompressed_size} bytes when unpacked")
    data = unpack(chunk.data, chunk.compression, chunk.uncompressed_size)
    if len(data) != chunk.uncompressed_size:
        raise BadMedia("damaged_chunk", f"not the {chunk.uncompressed_size} bytes that it states")
    if chunk.uncompressed_crc and zlib.crc32(data) != chunk.uncompressed_crc:
        raise BadMedia("damaged_chunk", "its checksum does not match")
    plain = Plain("", data, chunk.message_end_time, chunk.message_start_time, 0, len(data))
    return breakup_chunk(plain)


def unpack(data: bytes, compression: str, most_bytes: int) -> bytes:
    """At most most_bytes + 1 bytes of what was packed. BadMedia(damaged_chunk): packed in a way that is not known."""
    if compression == "":
        return data
    if compression == "zstd":
        return ros2_messages.unpack_zstd(data, most_bytes)
    if compression == "lz4":
        import lz4.frame

        return bytes(lz4.frame.LZ4FrameDecompressor().decompress(data, max_length=most_bytes + 1))
    raise BadMedia("damaged_chunk", f"packed as {compression[:20]!r}")
