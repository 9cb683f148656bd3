"""Small logs of messages: MCAP with ROS 2, protobuf or JSON, bags of ROS 2 in SQLite, bags of ROS 1."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from mcap.writer import CompressionType
from mcap_ros2._dynamic import serialize_dynamic
from mcap_ros2.writer import Writer

from tests.support.log_pictures import encoded, numbered

T0 = 1_760_000_000 * 10**9
RULE = "=" * 80
TIME = "MSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n"
HEADER = f"{RULE}\nMSG: std_msgs/Header\nbuiltin_interfaces/Time stamp\nstring frame_id\n{RULE}\n{TIME}"
DEFINITIONS = {
    "sensor_msgs/msg/JointState": "std_msgs/Header header\nstring[] name\nfloat64[] position\nfloat64[] velocity\n"
                                  f"float64[] effort\n{HEADER}",
    "sensor_msgs/msg/CompressedImage": f"std_msgs/Header header\nstring format\nuint8[] data\n{HEADER}",
    "sensor_msgs/msg/Image": "std_msgs/Header header\nuint32 height\nuint32 width\nstring encoding\n"
                             f"uint8 is_bigendian\nuint32 step\nuint8[] data\n{HEADER}",
    "foxglove_msgs/msg/CompressedVideo": "builtin_interfaces/Time timestamp\nstring frame_id\nuint8[] data\n"
                                         f"string format\n{RULE}\n{TIME}",
    "std_msgs/msg/String": "string data\n",
    "std_msgs/msg/Bool": "bool data\n",
    "std_msgs/msg/Float64MultiArray": "float64[] data\n",
    "made_msgs/msg/Command": "std_msgs/Header header\nstring[] joint_names\nfloat64[] velocities\n"
                             f"float64 gripper\n{HEADER}",
}  # fmt: skip
JOINTS, IMAGE, STRING = "sensor_msgs/msg/JointState", "sensor_msgs/msg/CompressedImage", "std_msgs/msg/String"


@dataclass(frozen=True, slots=True)
class Sent:
    """A message: log_ns when it was recorded, fields what it holds."""

    topic: str
    type: str
    log_ns: int
    fields: dict[str, Any]


def header(t_ns: int) -> dict[str, Any]:
    """With this stamp."""
    return {"stamp": {"sec": t_ns // 10**9, "nanosec": t_ns % 10**9}, "frame_id": ""}


def jpeg(number: int) -> bytes:
    """A picture that says its number."""
    return encoded(numbered(number), ".jpg").tobytes()


def joints(t_ns: int, late_ns: int = 10**6, topic: str = "/joint_states", stamp_ns: int | None = None,
           **positions: float) -> Sent:  # fmt: skip
    """A JointState of these positions."""
    stamp = t_ns if stamp_ns is None else stamp_ns
    fields = {"header": header(stamp), "name": list(positions), "position": list(positions.values())}
    return Sent(topic, JOINTS, t_ns + late_ns, fields | {"velocity": [], "effort": []})


def image(t_ns: int, number: int, topic: str = "/camera/top/image/compressed", late_ns: int = 35 * 10**6) -> Sent:
    """A CompressedImage."""
    fields = {"header": header(t_ns), "format": "rgb8; jpeg compressed bgr8", "data": jpeg(number)}
    return Sent(topic, IMAGE, t_ns + late_ns, fields)


def text(t_ns: int, words: str, topic: str = "/task") -> Sent:
    """A String."""
    return Sent(topic, STRING, t_ns, {"data": words})


def arm(pictures: int = 20) -> list[Sent]:
    """Joints at 50 Hz and pictures at 10 Hz: at picture k joint `a` is at k, `b` at 2 k; by the time of recording."""
    sent = [joints(T0 + i * 20_000_000, a=i / 5, b=i / 2.5) for i in range(5 * pictures)]
    sent += [image(T0 + k * 100_000_000, k) for k in range(pictures)]
    return by_log_time(sent)


def by_log_time(sent: list[Sent]) -> list[Sent]:
    """As a recorder has them."""
    return sorted(sent, key=lambda s: s.log_ns)


def write_mcap(path: Path, sent: list[Sent], chunk_size: int = 8192, metadata: list[dict[str, str]] | None = None,
               compression: CompressionType = CompressionType.ZSTD) -> Path:  # fmt: skip
    """An MCAP of ROS 2; metadata: records named `rosbag2`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        writer = Writer(file, chunk_size=chunk_size, compression=compression)
        known = {kind: writer.register_msgdef(kind, DEFINITIONS[kind]) for kind in dict.fromkeys(s.type for s in sent)}
        for s in sent:
            writer.write_message(s.topic, known[s.type], s.fields, log_time=s.log_ns, publish_time=s.log_ns)
        for words in metadata or []:
            writer._writer.add_metadata("rosbag2", words)
        writer.finish()
    return path


def write_json_mcap(path: Path, sent: list[Sent]) -> Path:
    """An MCAP of JSON; the type is its schema's name, bytes are base64."""
    from mcap.writer import Writer as JsonWriter

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        writer = JsonWriter(file)
        writer.start()
        schemas = {s.type: 0 for s in sent}
        schemas = {kind: writer.register_schema(kind, "jsonschema", b"{}") for kind in schemas}
        channels = {s.topic: writer.register_channel(s.topic, "json", schemas[s.type]) for s in reversed(sent)}
        for s in sent:
            plain = {k: base64.b64encode(v).decode() if isinstance(v, bytes) else v for k, v in s.fields.items()}
            writer.add_message(channels[s.topic], s.log_ns, json.dumps(plain).encode(), s.log_ns)
        writer.finish()
    return path


def write_bag2(folder: Path, sent: list[Sent], files: int = 1, definitions: bool = True, **said: str) -> Path:
    """A bag of ROS 2 in SQLite, split into files of as many messages; said: custom_data."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for i, part in enumerate(np.array_split(np.arange(len(sent)), files)):
        names.append(f"{folder.name}_{i}.db3")
        write_sqlite(folder / names[-1], [sent[k] for k in part], definitions)
    lines = ["rosbag2_bagfile_information:", "  version: 9", "  storage_identifier: sqlite3", "  relative_file_paths:"]
    lines += [f"    - {name}" for name in names] + [f"  message_count: {len(sent)}", "  custom_data:"]
    lines += [f"    {key}: {json.dumps(value)}" for key, value in said.items()] or ["    {}"]
    (folder / "metadata.yaml").write_text("\n".join(lines) + "\n")
    return folder


def write_sqlite(path: Path, sent: list[Sent], definitions: bool = True) -> Path:
    """One file of such a bag, as rosbag2_storage_sqlite3 lays it out (schema 3, and 4 with definitions)."""
    bag = sqlite3.connect(path)
    bag.executescript(
        "CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, "
        "serialization_format TEXT NOT NULL, offered_qos_profiles TEXT NOT NULL);"
        "CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL, timestamp INTEGER NOT NULL, "
        "data BLOB NOT NULL); CREATE INDEX timestamp_idx ON messages (timestamp ASC);"
    )
    topics = {s.topic: s.type for s in sent}
    numbers = {topic: i + 1 for i, topic in enumerate(topics)}
    bag.executemany("INSERT INTO topics VALUES (?, ?, ?, 'cdr', '')", [(numbers[t], t, k) for t, k in topics.items()])
    if definitions:
        bag.execute("CREATE TABLE message_definitions(id INTEGER PRIMARY KEY, topic_type TEXT, encoding TEXT, "
                    "encoded_message_definition TEXT, type_description_hash TEXT)")  # fmt: skip
        rows = [(kind, DEFINITIONS[kind]) for kind in dict.fromkeys(topics.values())]
        bag.executemany("INSERT INTO message_definitions VALUES (NULL, ?, 'ros2msg', ?, '')", rows)
    rows_of_messages = [(numbers[s.topic], s.log_ns, encoder(s.type)(s.fields)) for s in sent]
    bag.executemany("INSERT INTO messages VALUES (NULL, ?, ?, ?)", rows_of_messages)
    bag.commit()
    bag.close()
    return path


@cache
def encoder(kind: str) -> Callable[[Any], bytes]:
    """Fields to CDR."""
    return serialize_dynamic(kind, DEFINITIONS[kind])[kind]


def write_bag1(path: Path, sent: list[Sent]) -> Path:
    """A bag of ROS 1 with the same messages, lz4."""
    from rosbags.rosbag1 import Writer as BagWriter
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    path.parent.mkdir(parents=True, exist_ok=True)
    store = get_typestore(Stores.ROS1_NOETIC)
    if any(s.type not in store.fielddefs for s in sent):
        store.register(
            get_types_from_msg(DEFINITIONS["made_msgs/msg/Command"].partition(RULE)[0], "made_msgs/msg/Command")
        )
    writer = BagWriter(path)
    writer.set_compression(BagWriter.CompressionFormat.LZ4)
    with writer:
        kinds = {s.topic: s.type for s in sent}
        connections = {t: writer.add_connection(t, kind, typestore=store) for t, kind in kinds.items()}
        for s in sent:
            message = _ros1(store, s.type, s.fields)
            writer.write(connections[s.topic], s.log_ns, bytes(store.serialize_ros1(message, s.type)))
    return path


def _ros1(store: Any, kind: str, fields: dict[str, Any]) -> Any:
    values = dict(fields)
    if "header" in values:
        stamp = store.types["builtin_interfaces/msg/Time"](**values["header"]["stamp"])
        values["header"] = store.types["std_msgs/msg/Header"](seq=0, stamp=stamp, frame_id="")
    for name, value in values.items():
        if isinstance(value, bytes):
            values[name] = np.frombuffer(value, np.uint8)
        elif isinstance(value, list) and not any(isinstance(v, str) for v in value):
            values[name] = np.array(value, np.float64)
    return store.types[kind](**values)


def stamps_of(sent: list[Sent]) -> list[int]:
    """Stamps of messages with headers, in ns."""
    stamps = [s.fields["header"]["stamp"] for s in sent]
    return [stamp["sec"] * 10**9 + stamp["nanosec"] for stamp in stamps]
