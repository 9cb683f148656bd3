"""TFRecord: what a record decodes to is counted before it is decoded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from infra.readers import tfrecord
from schemas.errors import BadMedia
from tests.support.tfrecords import varint, write_shard

EPISODE = {"n": np.arange(1000), "f": np.ones(1000, np.float32), "b": [b"", b"x" * 50_000]}


def record(path: Path, values: dict[str, object]) -> bytes:
    write_shard(path, [values])
    (body,) = tfrecord.records(path)
    assert isinstance(body, bytes)
    return body


@pytest.mark.parametrize(
    ("values", "about"),
    [
        ({"n": np.ones(10_000, np.int64)}, 16 * 10_000 + 10_000),
        ({"n": np.full(10_000, -1)}, 16 * 10_000),
        ({"f": np.ones(10_000, np.float32)}, 8 * 10_000),
        ({"b": [b""] * 10_000}, tfrecord.PART_BYTES * 10_000),
        ({"b": [b"x" * 100_000]}, 2 * 100_000),
    ],
)
def test_what_a_record_decodes_to_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, object], about: int
) -> None:
    body = record(tmp_path / "a", values)
    monkeypatch.setattr(tfrecord, "MAX_DECODED_BYTES", about + 6000)
    assert tfrecord.example(body).keys() == values.keys()
    monkeypatch.setattr(tfrecord, "MAX_DECODED_BYTES", about * 9 // 10)
    monkeypatch.setattr(tfrecord, "_message_class", lambda: pytest.fail("it is decoded"))
    with pytest.raises(BadMedia, match="when decoded") as refused:
        tfrecord.example(body)
    assert refused.value.reason == "too_large"


def test_what_protobuf_reads_is_read_with_unknown_fields_too(tmp_path: Path) -> None:
    body = record(tmp_path / "a", EPISODE) + varint(9 << 3) + varint(300) + varint(9 << 3 | 5) + b"1234"
    read = tfrecord.example(body)
    assert read["b"] == EPISODE["b"]
    assert np.array_equal(read["n"], EPISODE["n"])
    assert np.array_equal(read["f"], EPISODE["f"])


@pytest.mark.parametrize("body", [b"\x0a", b"\x0a\x05a", b"\xff" * 20, b"\x0b", b"\x09123"])
def test_no_record(body: bytes) -> None:
    with pytest.raises(BadMedia) as refused:
        tfrecord.example(body)
    assert refused.value.reason == "bad_record"


def test_a_record_that_is_too_long_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_shard(tmp_path / "a", [EPISODE])
    monkeypatch.setattr(tfrecord, "MAX_RECORD_BYTES", 50_000)
    (bad,) = tfrecord.records(tmp_path / "a")
    assert isinstance(bad, BadMedia)
    assert bad.reason == "too_large"
