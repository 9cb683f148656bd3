"""States, actions and pictures of robot logs as the formats' own libraries have them, without any reader of the engine.

By pyarrow and PyAV (LeRobot), protobuf's own messages and OpenCV (RLDS), mcap and mcap_ros2 (ROS 2), the json module
(plain logs, Ctrl-World).
"""

from __future__ import annotations

import json
import sqlite3
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pyarrow.parquet as pq

Pictures = Callable[[], Iterator[np.ndarray]]  # RGB, uint8 (h, w, 3), row by row


@dataclass(frozen=True, slots=True)
class Truth:
    """An attempt: (T, S) and (T, A) float32, None for what it lacks; pictures by camera."""

    states: np.ndarray | None
    actions: np.ndarray | None
    pictures: Mapping[str, Pictures] = field(default_factory=dict)


def lerobot(episode: Mapping[str, Any]) -> Truth:
    """Rows of the episode's index; row i has the i-th frame of the episode's part of the mp4, or its own picture."""
    path, index = Path(episode["uri"]), int(episode["name"].rpartition("_")[2])
    table = pq.read_table(path)
    alone = table["episode_index"].to_numpy()
    rows = table.filter(alone == index)
    root = path.parents[path.parts[::-1].index("data")]
    pictures: dict[str, Pictures] = {}
    for camera in episode["cameras"]:
        key, name = f"observation.images.{camera['camera']}", camera["camera"]
        if key in rows.column_names:
            pictures[name] = lambda key=key: (_decoded(_bytes_of(p)) for p in rows[key].to_pylist())
        elif windows := sorted(root.glob("meta/episodes/*/*.parquet")):
            pictures[name] = lambda key=key: _window(root, pq.read_table(windows), index, key)
        elif videos := sorted(root.glob(f"videos/*/{key}/{path.stem}.mp4")):
            pictures[name] = lambda video=videos[0]: _frames(video)
    return Truth(_matrix(rows, "observation.state"), _matrix(rows, "action"), pictures)


def _bytes_of(cell: Any) -> bytes:
    """Of a picture in a row, which may lie in an object beside its path."""
    return bytes(cell["bytes"] if isinstance(cell, dict) else cell)


def _matrix(rows: Any, name: str) -> np.ndarray:
    return np.array([np.ravel(row) for row in rows[name].to_pylist()], np.float64).astype(np.float32)


def _window(root: Path, told: Any, index: int, key: str) -> Iterator[np.ndarray]:
    """v3.0: the episode's frames in a file of several."""
    (row,) = told.filter(told["episode_index"].to_numpy() == index).to_pylist()
    at = {word: row[f"videos/{key}/{word}"] for word in ("chunk_index", "file_index", "from_timestamp")}
    path = root / f"videos/{key}/chunk-{int(at['chunk_index']):03d}/file-{int(at['file_index']):03d}.mp4"
    first = round(at["from_timestamp"] * json.loads((root / "meta/info.json").read_text())["fps"])
    yield from islice(_frames(path), first, first + int(row["length"]))


def _frames(path: Path) -> Iterator[np.ndarray]:
    with av.open(str(path)) as box:
        yield from (frame.to_ndarray(format="rgb24") for frame in box.decode(video=0))


def _decoded(data: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture[..., ::-1]


@cache
def _example_type() -> Any:
    """tf.train.Example, from the descriptor that tensorflow/core/example/{example,feature}.proto say."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="t", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, kind in (
        ("BytesList", kinds.TYPE_BYTES),
        ("FloatList", kinds.TYPE_FLOAT),
        ("Int64List", kinds.TYPE_INT64),
    ):
        values = file.message_type.add(name=name)
        values.field.add(name="value", number=1, type=kind, label=kinds.LABEL_REPEATED)
    feature = file.message_type.add(name="Feature")
    for i, name in enumerate(("bytes_list", "float_list", "int64_list")):
        feature.field.add(name=name, number=i + 1, type=kinds.TYPE_MESSAGE, label=kinds.LABEL_OPTIONAL,
                          type_name=f".t.{file.message_type[i].name}")  # fmt: skip
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
    entry.field.add(name="value", number=2, type=kinds.TYPE_MESSAGE, label=kinds.LABEL_OPTIONAL, type_name=".t.Feature")
    features.field.add(name="feature", number=1, type=kinds.TYPE_MESSAGE, label=kinds.LABEL_REPEATED,
                       type_name=".t.Features.FeatureEntry")  # fmt: skip
    example = file.message_type.add(name="Example")
    example.field.add(
        name="features", number=1, type=kinds.TYPE_MESSAGE, label=kinds.LABEL_OPTIONAL, type_name=".t.Features"
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Example"))


def rlds(episode: Mapping[str, Any]) -> Truth:
    """The record whose number the name ends in, of a split of one shard."""
    raw, records = Path(episode["uri"]).read_bytes(), list[bytes]()
    at = 0
    while at < len(raw):
        (size,) = struct.unpack_from("<Q", raw, at)
        records.append(raw[at + 12 : at + 12 + size])
        at += size + 16
    features = _example_type().FromString(records[int(episode["name"].rpartition("_")[2])]).features.feature
    count = len(features["steps/is_last"].int64_list.value)
    states, actions = (
        np.array(features[f"steps/{name}"].float_list.value, np.float32).reshape(count, -1)
        for name in ("observation/state", "action")
    )
    encoded = {
        camera["camera"]: list(features[f"steps/observation/{camera['camera']}"].bytes_list.value)
        for camera in episode["cameras"]
    }
    return Truth(states, actions, {c: lambda e=e: map(_decoded, e) for c, e in encoded.items()})


def mcap(episode: Mapping[str, Any]) -> Truth:
    """Rows are the pictures; the joints' and the command's message whose stamp is nearest."""
    from mcap.reader import make_reader
    from mcap_ros2.decoder import DecoderFactory

    sent: dict[str, list[tuple[int, Any]]] = {}
    with Path(episode["uri"]).open("rb") as file:
        for _, channel, _, message in make_reader(file, decoder_factories=[DecoderFactory()]).iter_decoded_messages():
            header = getattr(message, "header", None)
            if header is not None:
                stamp = header.stamp.sec * 10**9 + header.stamp.nanosec
                sent.setdefault(channel.topic, []).append((stamp, message))
    pictures = sorted(next(v for topic, v in sent.items() if "image" in topic), key=lambda pair: pair[0])
    stamps = np.array([t for t, _ in pictures])
    joints = _nearest(sent["/joint_states"], stamps)
    commands = _nearest(sent["/command"], stamps)
    return Truth(
        np.array([list(m.position) for m in joints], np.float32),
        np.array([[*m.velocities, m.gripper] for m in commands], np.float32),
        {episode["cameras"][0]["camera"]: lambda: (_decoded(bytes(m.data)) for _, m in pictures)},
    )


def _nearest(messages: Sequence[tuple[int, Any]], stamps: np.ndarray) -> list[Any]:
    at = np.array([t for t, _ in messages])
    return [messages[int(np.abs(at - t).argmin())][1] for t in stamps]


def plain_log(episode: Mapping[str, Any]) -> Truth:
    """The keys `state` and `action` of each line behind the first."""
    path = Path(episode["uri"])
    rows = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    states, actions = (
        np.array([row[key] for row in rows], np.float64).astype(np.float32) for key in ("state", "action")
    )
    return Truth(states, actions, {"main": lambda: _frames(path.with_suffix(".mp4"))})


def droid_ctrlworld(episode: Mapping[str, Any]) -> Truth:
    """Of every third row joints, pose and gripper; the cameras' mp4s, which have a frame for each of these rows."""
    path = Path(episode["uri"])
    about = json.loads(path.read_text())
    states, actions = (
        np.concatenate([_columns(about[f"{head}.{part}"]) for part in ("joint_position", "cartesian_position",
                                                                      "gripper_position")], axis=1)[::3]
        for head in ("observation.state", "action")
    )  # fmt: skip
    videos = path.parents[2] / "videos" / path.parent.name / path.stem
    files = {camera: videos / f"{i}.mp4" for i, camera in enumerate(("left", "right", "wrist"))}
    return Truth(states, actions, {camera: lambda file=file: _frames(file) for camera, file in files.items()})


def _columns(rows: Any) -> np.ndarray:
    array = np.array(rows, np.float64).astype(np.float32)
    return array.reshape(len(array), -1)


def topic_counts(path: Path) -> dict[str, int]:
    """Messages by topic: of a bag's folder, an MCAP, a SQLite bag (sqlite3), a bag of ROS 1 (rosbags)."""
    if path.is_dir():
        (file,) = (f for f in path.iterdir() if f.suffix in (".db3", ".mcap"))
        return topic_counts(file)
    if path.suffix == ".db3":
        with closing(sqlite3.connect(path)) as bag:
            ask = "select name, count(m.id) from topics t left join messages m on m.topic_id = t.id group by t.id"
            return dict(bag.execute(ask))
    if path.suffix == ".mcap":
        from mcap.reader import make_reader

        with path.open("rb") as stream:
            summary = make_reader(stream).get_summary()
        assert summary is not None
        assert summary.statistics is not None
        counts = summary.statistics.channel_message_counts
        return {channel.topic: counts.get(i, 0) for i, channel in summary.channels.items()}
    from rosbags.rosbag1 import Reader

    with Reader(path) as reader:
        return {c.topic: sum(o.msgcount for o in reader.connections if o.topic == c.topic) for c in reader.connections}


TRUTHS: Mapping[str, Callable[[Mapping[str, Any]], Truth]] = {
    "lerobot": lerobot, "rlds": rlds, "mcap": mcap, "plain_log": plain_log, "droid_ctrlworld": droid_ctrlworld,
}  # fmt: skip
