"""TFRecord files of tf.train.Example, read without TensorFlow: length, masked CRC32C of it, bytes, masked CRC32C.

Layout: tensorflow/core/lib/io/record_writer.h; tensorflow/core/example/feature.proto. protobuf's parser is given the
three messages at run time. A record whose bytes are damaged costs itself; a damaged length costs what comes after it.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from schemas.errors import BadMedia

MAX_RECORD_BYTES = 256 << 20
MAX_DECODED_BYTES = 1 << 30  # of a record, in the parser and in the arrays made of it
PART_BYTES = 512  # counted for each entry and value of its own, which bounds the time to count them too
MASK_DELTA = 0xA282EAD8  # of TensorFlow's masked CRC
# Example, Features, their entry, Feature, list: which fields hold the next one.
DESCENT = ((1,), (1,), (2,), (1, 2, 3))
LIST, INTEGERS = 4, 3
Values = npt.NDArray[np.float32] | npt.NDArray[np.int64] | list[bytes]
Example = Mapping[str, Values]


def records(path: Path) -> Iterator[bytes | BadMedia]:
    """Each record's bytes, or why it has none: bad_record; after bad_file nothing comes."""
    with path.open("rb") as file:
        while head := file.read(12):
            try:
                body = _body(file, head)
            except BadMedia as e:
                yield e
                return
            check = file.read(4)
            if len(check) < 4:
                yield BadMedia("bad_file", "the file ends within a record")
                return
            good = struct.unpack("<I", check)[0] == _masked_crc(body)
            yield body if good else BadMedia("bad_record", "its CRC is wrong")


def _body(file: BinaryIO, head: bytes) -> bytes:
    if len(head) < 12:
        raise BadMedia("bad_file", "the file ends within a record")
    size, check = struct.unpack("<QI", head)
    if check != _masked_crc(head[:8]):
        raise BadMedia("bad_file", "the CRC of a record's length is wrong; the rest of the file is lost")
    if size > MAX_RECORD_BYTES:
        raise BadMedia("too_large", f"a record of {size} bytes, limit {MAX_RECORD_BYTES}")
    body = file.read(size)
    if len(body) < size:
        raise BadMedia("bad_file", "the file ends within a record")
    return body


def _masked_crc(data: bytes) -> int:
    import google_crc32c

    crc = int(google_crc32c.value(data))
    return ((crc >> 15 | crc << 17) + MASK_DELTA) & 0xFFFFFFFF


def example(record: bytes) -> dict[str, Values]:
    """Features of a record by name: float32 (n,), int64 (n,) or a list of bytes. BadMedia: bad_record, too_large."""
    from google.protobuf.message import DecodeError

    if (decoded := _decoded_bytes(record)) > MAX_DECODED_BYTES:
        raise BadMedia("too_large", f"a record of {decoded} bytes or more when decoded, limit {MAX_DECODED_BYTES}")
    message = _message_class()()
    try:
        message.ParseFromString(record)
    except DecodeError as e:
        raise BadMedia("bad_record", f"no tf.train.Example: {str(e)[:120]}") from e
    return {name: _values(feature) for name, feature in message.features.feature.items()}


def _decoded_bytes(record: bytes) -> int:
    """At most what a record takes when decoded; counting ends above the limit. BadMedia(bad_record): no such record.

    A number of a packed list may be one byte here, and is 8 in the parser and 8 in its array.
    """
    total = 0
    levels = [(_parts(record, 0, len(record)), 0, 0)]
    while levels and total <= MAX_DECODED_BYTES:
        parts, depth, kind = levels[-1]
        if (part := next(parts, None)) is None:
            levels.pop()
            continue
        number, start, end = part
        total += PART_BYTES
        if depth < LIST and number in DESCENT[depth]:
            levels.append((_parts(record, start, end), depth + 1, number))
        elif depth == LIST and kind == INTEGERS:
            total += 16 * int(np.count_nonzero(np.frombuffer(record, np.uint8, end - start, start) < 128))
        else:
            total += 2 * (end - start)
    return total


def _parts(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Fields of a message in data[at:end]: number, and where the value's bytes begin and end. BadMedia(bad_record)."""
    while at < end:
        tag, at = _varint(data, at, end)
        if tag & 7 == 0:
            start, (_, stop) = at, _varint(data, at, end)
        elif tag & 7 == 2:
            size, start = _varint(data, at, end)
            stop = start + size
        else:
            start, stop = at, at + {1: 8, 5: 4}.get(tag & 7, len(data) + 1)
        if stop > end:
            raise BadMedia("bad_record", "no tf.train.Example: a field ends behind its message")
        yield tag >> 3, start, stop
        at = stop


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """A number, and where the next byte is."""
    if at < end and data[at] < 128:
        return data[at], at + 1
    value = 0
    for shift, i in zip(range(0, 70, 7), range(at, end), strict=False):
        value |= (data[i] & 127) << shift
        if data[i] < 128:
            return value, i + 1
    raise BadMedia("bad_record", "no tf.train.Example: a number has no end")


def _values(feature: Any) -> Values:
    kind = feature.WhichOneof("kind")
    if kind == "bytes_list":
        return list(feature.bytes_list.value)
    if kind == "int64_list":
        return np.array(feature.int64_list.value, np.int64)
    return np.array(feature.float_list.value, np.float32)


@functools.cache
def _message_class() -> Any:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="handwheel/example.proto", package="handwheel", syntax="proto3")
    for name, kind in (
        ("BytesList", kinds.TYPE_BYTES),
        ("FloatList", kinds.TYPE_FLOAT),
        ("Int64List", kinds.TYPE_INT64),
    ):
        _field(file.message_type.add(name=name), "value", 1, kind, repeated=True)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for i, name in enumerate(("bytes_list", "float_list", "int64_list")):
        list_type = f".handwheel.{('BytesList', 'FloatList', 'Int64List')[i]}"
        _field(feature, name, i + 1, kinds.TYPE_MESSAGE, type_name=list_type, oneof_index=0)
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    _field(entry, "key", 1, kinds.TYPE_STRING)
    _field(entry, "value", 2, kinds.TYPE_MESSAGE, type_name=".handwheel.Feature")
    entry_name = ".handwheel.Features.FeatureEntry"
    _field(features, "feature", 1, kinds.TYPE_MESSAGE, type_name=entry_name, repeated=True)
    _field(file.message_type.add(name="Example"), "features", 1, kinds.TYPE_MESSAGE, type_name=".handwheel.Features")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("handwheel.Example"))


def _field(message: Any, name: str, number: int, kind: int, *, repeated: bool = False, **more: object) -> None:
    label = 3 if repeated else 1  # LABEL_REPEATED, LABEL_OPTIONAL
    message.field.add(name=name, number=number, type=kind, label=label, **more)


def pictures(log: Path, where: str, options: Mapping[str, str]) -> Iterator[bytes]:
    """Encoded pictures of the feature `where` in the record of number options["record"].

    BadMedia: no_frames, bad_frame, bad_record, bad_file.
    """
    wanted = int(options.get("record", "0"))
    for i, record in enumerate(records(log)):
        if i < wanted:
            continue
        if isinstance(record, BadMedia):
            raise record
        yield from pictures_of(example(record).get(where, []))
        return
    raise BadMedia("no_frames", f"there is no record {wanted}")


def pictures_of(values: Values) -> list[bytes]:
    """A feature's values as encoded pictures. BadMedia: bad_frame, where it holds numbers."""
    if not isinstance(values, list):
        raise BadMedia("bad_frame", "the feature holds numbers, not encoded pictures")
    return values
