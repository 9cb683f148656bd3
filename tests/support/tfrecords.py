"""Writes TFRecord shards of RLDS episodes in the real layout, without TensorFlow."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np

FEATURES = "tensorflow_datasets.core.features."


def masked(data: bytes) -> int:
    """TensorFlow's masked CRC32C."""
    crc = int(google_crc32c.value(data))
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(value: int) -> bytes:
    """A protobuf number."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def field(number: int, body: bytes) -> bytes:
    """A protobuf field of bytes."""
    return varint(number << 3 | 2) + varint(len(body)) + body


def feature(values: Any) -> bytes:
    """A tf.train.Feature of a list of bytes, integers or floats."""
    if isinstance(values, list):
        return field(1, b"".join(field(1, v) for v in values))
    if np.issubdtype(values.dtype, np.integer):
        packed = b"".join(varint(int(v) & (2**64 - 1)) for v in values.reshape(-1))
        return field(3, field(1, packed))
    return field(2, field(1, np.asarray(values, "<f4").tobytes()))


def write_shard(path: Path, episodes: Sequence[Mapping[str, Any]], bad_crc: Sequence[int] = ()) -> None:
    """A record an episode; those of `bad_crc` have a wrong checksum."""
    with path.open("wb") as file:
        for i, episode in enumerate(episodes):
            entries = (field(1, name.encode()) + field(2, feature(values)) for name, values in episode.items())
            body = field(1, b"".join(field(1, entry) for entry in entries))
            head = struct.pack("<Q", len(body))
            file.write(head + struct.pack("<I", masked(head)) + body)
            file.write(struct.pack("<I", masked(body) ^ (i in bad_crc)))


def tensor(dtype: str, *shape: int) -> dict[str, Any]:
    """A Tensor of features.json."""
    dimensions = [str(n) for n in shape]
    return {"pythonClassName": FEATURES + "Tensor", "tensor": {"shape": {"dimensions": dimensions}, "dtype": dtype}}


def image() -> dict[str, Any]:
    """An Image of features.json."""
    return {"pythonClassName": FEATURES + "Image", "image": {"dtype": "uint8", "encodingFormat": "jpeg"}}


def group(features: Mapping[str, Any]) -> dict[str, Any]:
    """A FeaturesDict of features.json."""
    return {"pythonClassName": FEATURES + "FeaturesDict", "featuresDict": {"features": dict(features)}}


def write_meta(root: Path, step: Mapping[str, Any], shards: Mapping[str, Sequence[int]], name: str = "arm_set") -> None:
    """features.json and dataset_info.json."""
    root.mkdir(parents=True, exist_ok=True)
    steps = {"pythonClassName": FEATURES + "Dataset", "sequence": {"feature": group(step), "length": "-1"}}
    (root / "features.json").write_text(json.dumps(group({"steps": steps})))
    splits = [{"name": split, "shardLengths": [str(n) for n in counts]} for split, counts in shards.items()]
    (root / "dataset_info.json").write_text(json.dumps({"name": name, "fileFormat": "tfrecord", "splits": splits}))
