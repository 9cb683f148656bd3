"""MCAP: what the library's own decoders read, and what is whole of files that it refuses."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from mcap.reader import make_reader
from mcap.records import Chunk
from mcap.stream_reader import StreamReader
from mcap.writer import CompressionType
from mcap_protobuf.writer import Writer as ProtobufWriter
from mcap_ros2.decoder import DecoderFactory

from infra.readers import mcap
from infra.readers.message_pictures import Picture
from infra.readers.topics import Topic
from schemas.errors import BadMedia
from tests.support.log_pictures import numbered
from tests.support.message_logs import IMAGE, T0, Sent, arm, header, image, joints, jpeg, write_json_mcap, write_mcap

TOP = "/camera/top/image/compressed"


def pictures(path: Path, topic: str = TOP) -> list[Picture]:
    return list(mcap.pictures(path, topic, {}))


@pytest.mark.parametrize("compression", [CompressionType.ZSTD, CompressionType.LZ4, CompressionType.NONE])
@pytest.mark.slow
def test_values_are_the_librarys_own(tmp_path: Path, compression: CompressionType) -> None:
    path = write_mcap(tmp_path / "a.mcap", arm(), compression=compression)
    with path.open("rb") as file:
        known = list(make_reader(file, decoder_factories=[DecoderFactory()]).iter_decoded_messages(["/joint_states"]))
        assert mcap.summary(file) == [Topic(TOP, IMAGE, 20), Topic("/joint_states", "sensor_msgs/msg/JointState", 100)]
    read = mcap.read([path], ["/joint_states", TOP])
    series = read.series["/joint_states"]
    assert series.axes == ("position.a", "position.b")
    assert series.values.tolist() == [list(m.decoded_message.position) for m in known]
    stamps = [m.decoded_message.header.stamp for m in known]
    assert series.stamps_ns.tolist() == [s.sec * 10**9 + s.nanosec for s in stamps]
    assert series.log_ns.tolist() == [m.message.log_time for m in known]
    assert (read.series[TOP].form, len(read.series[TOP].stamps_ns), read.lost) == ("jpeg", 20, ())
    assert pictures(path) == [jpeg(k) for k in range(20)]


def test_an_axis_that_a_message_lacks_is_told_from_one_that_is_nan(tmp_path: Path) -> None:
    sent = [joints(T0, a=1.0, b=float("nan")), joints(T0 + 1, b=2.0, a=3.0), joints(T0 + 2, c=4.0)]
    series = mcap.read([write_mcap(tmp_path / "a.mcap", sent)], ["/joint_states"]).series["/joint_states"]
    assert series.axes == ("position.a", "position.b", "position.c")
    np.testing.assert_array_equal(series.values, [[1, np.nan, np.nan], [3, 2, np.nan], [np.nan, np.nan, 4]])
    has = series.has[series.layouts]
    assert has.tolist() == [[True, True, False], [True, True, False], [False, False, True]]


def test_a_file_that_was_not_closed_gives_what_is_whole(tmp_path: Path) -> None:
    path = write_mcap(tmp_path / "a.mcap", arm(40))
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    with cut.open("rb") as file:
        assert mcap.summary(file) is None
    topics, lost = mcap.survey([cut])
    assert [part.reason for part in lost] == ["truncated_log"]
    assert 0 < sum(t.messages or 0 for t in topics) < 240
    assert "are not read" in lost[0].detail
    whole = mcap.read([path], ["/joint_states"]).series["/joint_states"]
    left = mcap.read([cut], ["/joint_states"]).series["/joint_states"]
    assert np.array_equal(left.values, whole.values[: len(left.values)])


def places_of_chunks(path: Path) -> list[int]:
    """Where each chunk's packed bytes end."""
    with path.open("rb") as file:
        records = StreamReader(file, emit_chunks=True).records
        return [file.tell() for record in records if isinstance(record, Chunk)]


def test_a_damaged_chunk_costs_that_chunk(tmp_path: Path) -> None:
    path = write_mcap(tmp_path / "a.mcap", arm(40), compression=CompressionType.NONE)
    data, ends = bytearray(path.read_bytes()), places_of_chunks(path)
    assert len(ends) > 3
    data[ends[1] - 5] ^= 0xFF
    path.write_bytes(data)
    read = mcap.read([path], ["/joint_states", TOP])
    assert [part.reason for part in read.lost] == ["damaged_chunk"]
    assert "checksum" in read.lost[0].detail
    assert 100 < len(read.series["/joint_states"].values) < 200
    assert len(pictures(path)) == len(read.series[TOP].stamps_ns) < 40


def test_a_chunk_that_states_more_than_it_holds_is_not_unpacked() -> None:
    bomb = zlib.compress(b"")  # neither codec reads it
    with pytest.raises(BadMedia, match="packed as"):
        mcap.unpack(bomb, "deflate", 10)
    import lz4.frame
    import zstandard

    big = bytes(1 << 24)
    for name, packed in (("zstd", zstandard.compress(big)), ("lz4", lz4.frame.compress(big))):
        assert len(mcap.unpack(packed, name, 1000)) == 1001


def test_json_is_read_with_foxgloves_stamps(tmp_path: Path) -> None:
    stamp = {"sec": T0 // 10**9, "nsec": 5}
    sent = [
        Sent("/top", "foxglove.CompressedImage", T0 + 9, {"timestamp": stamp, "format": "jpeg", "data": jpeg(7)}),
        Sent("/q", "robot.Joints", T0 + 9, {"timestamp": stamp, "joints": [{"name": "a", "position": 1.5}, {"name": "b",
             "position": -2}]}),
        Sent("/q", "robot.Joints", T0 + 9, {"timestamp": stamp, "joints": "none"}),
    ]  # fmt: skip
    path = write_json_mcap(tmp_path / "a.mcap", sent)
    read = mcap.read([path], ["/top", "/q"])
    assert read.series["/q"].axes == ("joints.a.position", "joints.b.position")
    np.testing.assert_array_equal(read.series["/q"].values, [[1.5, -2], [np.nan, np.nan]])
    assert read.series["/q"].stamps_ns.tolist() == read.series["/top"].stamps_ns.tolist() * 2 == [T0 + 5] * 2
    assert pictures(path, "/top") == [jpeg(7)]


RAW = {"rgb8": numbered(9), "bgr8": numbered(9)[..., ::-1], "mono8": numbered(9)[..., 0]}


@pytest.mark.parametrize("encoding", sorted(RAW))
def test_raw_pictures_come_back_as_rgb_without_their_padding(tmp_path: Path, encoding: str) -> None:
    pixels = np.ascontiguousarray(RAW[encoding])
    rows = pixels.reshape(len(pixels), -1)
    padded = np.pad(rows, ((0, 0), (0, 7)))
    about = {"header": header(T0), "height": len(pixels), "width": pixels.shape[1], "is_bigendian": 0}
    fields = about | {"encoding": encoding, "step": padded.shape[1], "data": padded.tobytes()}
    path = write_mcap(tmp_path / "a.mcap", [Sent("/raw", "sensor_msgs/msg/Image", T0, fields)])
    (made,) = pictures(path, "/raw")
    expected = numbered(9) if encoding != "mono8" else np.repeat(numbered(9)[..., :1], 3, axis=2)
    assert np.array_equal(np.asarray(made), expected)


def test_pictures_of_a_form_of_their_own_are_left_out_and_counted(tmp_path: Path) -> None:
    depth = {"header": header(T0 + 5), "format": "16UC1; compressedDepth", "data": jpeg(1)}
    sent = [image(T0, 1), Sent(TOP, IMAGE, T0 + 5, depth), Sent(TOP, IMAGE, T0 + 6, depth | {"format": "jpeg",
            "data": b"GIF89a"}), image(T0 + 10, 2)]  # fmt: skip
    path = write_mcap(tmp_path / "a.mcap", sent)
    series = mcap.read([path], [TOP]).series[TOP]
    assert (series.form, len(series.stamps_ns)) == ("jpeg", 2)
    assert sorted(series.left_out) == ["depth (16uc1; compresseddepth)", "neither JPEG nor PNG (format 'jpeg')"]
    assert pictures(path) == [jpeg(1), jpeg(2)]


def test_of_two_records_of_metadata_the_last_counts(tmp_path: Path) -> None:
    path = write_mcap(
        tmp_path / "a.mcap", arm(2), metadata=[{"serialized_metadata": "a"}, {"serialized_metadata": "b"}]
    )
    assert mcap.read([path], []).words == {"rosbag2": {"serialized_metadata": "b"}}


def test_what_is_no_mcap_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mcap").write_bytes(b"version https://git-lfs")
    with pytest.raises(BadMedia) as refused:
        mcap.survey([tmp_path / "a.mcap"])
    assert refused.value.reason == "bad_mcap"
    with pytest.raises(BadMedia, match="does not begin"):
        mcap.summary(io.BytesIO(b""))


def write_protobuf_mcap(path: Path) -> None:
    """A message with a timestamp, a repeated field, a nested one that is not set and an enum's neighbours."""
    file = descriptor_pb2.FileDescriptorProto(name="robot.proto", package="robot", syntax="proto3")
    stamp = file.message_type.add(name="Stamp")
    kinds = descriptor_pb2.FieldDescriptorProto
    stamp.field.add(name="seconds", number=1, type=kinds.TYPE_INT64, label=kinds.LABEL_OPTIONAL)
    stamp.field.add(name="nanos", number=2, type=kinds.TYPE_INT32, label=kinds.LABEL_OPTIONAL)
    state = file.message_type.add(name="State")
    for number, name in enumerate(("timestamp", "unset"), 1):
        state.field.add(name=name, number=number, type=kinds.TYPE_MESSAGE, type_name=".robot.Stamp",
                        label=kinds.LABEL_OPTIONAL)  # fmt: skip
    state.field.add(name="names", number=3, type=kinds.TYPE_STRING, label=kinds.LABEL_REPEATED)
    state.field.add(name="q", number=4, type=kinds.TYPE_DOUBLE, label=kinds.LABEL_REPEATED)
    state.field.add(name="grip", number=5, type=kinds.TYPE_FLOAT, label=kinds.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    made = message_factory.GetMessageClass(pool.FindMessageTypeByName("robot.State"))
    with path.open("wb") as out:
        writer = ProtobufWriter(out)
        for k in range(3):
            message = made(names=["a", "b"], q=[k, -k], grip=k / 2)
            message.timestamp.seconds, message.timestamp.nanos = 7, k
            writer.write_message("/state", message, log_time=100 + k, publish_time=100 + k)
        writer.finish()


def test_protobuf_is_read_by_its_descriptors_and_what_is_not_set_has_no_value(tmp_path: Path) -> None:
    write_protobuf_mcap(tmp_path / "a.mcap")
    series = mcap.read([tmp_path / "a.mcap"], ["/state"]).series["/state"]
    assert (series.type, series.axes) == ("robot.State", ("q.a", "q.b", "grip"))
    assert series.values.tolist() == [[k, -k, k / 2] for k in range(3)]
    assert series.stamps_ns.tolist() == [7 * 10**9 + k for k in range(3)]


def moved(path: Path, start: int) -> Path:
    """The file with another start of its summary."""
    data = bytearray(path.read_bytes())
    data[-28:-20] = start.to_bytes(8, "little")
    path.write_bytes(data)
    return path


def test_a_summary_that_begins_at_a_chunk_is_none_and_nothing_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_json_mcap(tmp_path / "a.mcap", [joints(T0), Sent("/a", "text", T0, {"text": "x" * (4 << 20)})])
    assert path.stat().st_size < 1 << 20
    with path.open("rb") as file:
        assert mcap.summary(file) is not None
    with path.open("rb") as file:
        next(StreamReader(file, emit_chunks=True).records)
        at = file.tell()
        assert file.read(1) == b"\x06"  # a chunk
    for module in ("zstandard", "lz4.frame"):
        monkeypatch.setattr(f"{module}.decompress", lambda *_: pytest.fail("it is unpacked"))
    with moved(path, at).open("rb") as file:
        assert mcap.summary(file) is None


@pytest.mark.parametrize("bound", ["SUMMARY_BYTES", "SUMMARY_RECORDS"])
def test_a_summary_is_read_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    path = write_mcap(tmp_path / "a.mcap", arm())
    monkeypatch.setattr(mcap, bound, 3)
    with path.open("rb") as file:
        assert mcap.summary(file) is None
