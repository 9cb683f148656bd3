"""1X shards: an attempt a run of one segment, flat or nested; tokens are no pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.sources.logs import one_x
from pipelines.sources.logs.base import LogOptions
from pipelines.sources.logs.episode_log import EpisodeLog
from schemas.errors import BadMedia
from tests.support.damage import damage_one
from tests.support.fuzzed import INPUTS

SEGMENTS = np.array([7] * 4 + [8] * 3 + [7] * 2, np.int32)


def write(root: Path, nested: bool = False, video: str = "mp4", states: Any = None) -> np.ndarray:
    """A set of one shard of nine frames in three runs.

    As unpack_data.py of huggingface.co/datasets/1x-technologies/worldmodel (train_v2.0 and val_v2.0) reads it: float32
    (N, 25), int32 (N,), `shard_num_frames` of metadata_<shard>.json; and as worldmodel_raw_data/train_v2.0_raw has it,
    in folders `robot_states`, `segment_indices`, `videos` and `metadata` beside metadata.json with `hz`.
    """
    rows = np.random.default_rng(0).normal(size=(len(SEGMENTS), 25)).astype(np.float32)
    places = ("robot_states/", "segment_indices/", "videos/", "metadata/") if nested else ("", "", "", "")
    for place in {*places, ""}:
        (root / place).mkdir(parents=True, exist_ok=True)
    (root / "metadata.json").write_text(json.dumps({"num_shards": 1, "query": "", "hz": 30, "num_images": len(rows)}))
    (root / f"{places[3]}metadata_0.json").write_text(json.dumps({"shard_num_frames": len(rows), "shard_ind": 0}))
    (root / f"{places[0]}states_0.bin").write_bytes((rows if states is None else states).tobytes())
    (root / f"{places[1]}segment_idx_0.bin").write_bytes(SEGMENTS.tobytes())
    (root / f"{places[2]}video_0.{video}").write_bytes(b"\0" * 64)
    return rows


def read(root: Path, **said: Any) -> list[EpisodeLog]:
    """All that the reader gives."""
    options = LogOptions(**said)
    parts = [p for item in one_x.list_logs(str(root), options) for p in one_x.read(item, root, options)]
    return [p for p in parts if isinstance(p, EpisodeLog)]


@pytest.mark.parametrize("nested", [False, True])
def test_an_attempt_is_a_run_of_one_segment(tmp_path: Path, nested: bool) -> None:
    rows = write(tmp_path / "val_v2.0", nested)
    logs = read(tmp_path)
    assert [log.name for log in logs] == [
        "shard_000_segment_000007", "shard_000_segment_000008", "shard_000_segment_000007_2",
    ]  # fmt: skip
    assert logs[1].states is not None
    np.testing.assert_array_equal(logs[1].states, rows[4:7])
    (span,) = logs[1].cameras
    assert (span.start_ns, span.end_ns, span.alone) == (round(4e9 / 30), round(7e9 / 30), False)
    assert (logs[0].state_names[20:], logs[0].actions) == (one_x.STATE_NAMES[20:], None)
    assert len(one_x.STATE_NAMES) == 25


def test_tokens_are_no_pictures(tmp_path: Path) -> None:
    write(tmp_path, video="bin")
    with pytest.raises(BadMedia) as refused:
        read(tmp_path)
    assert refused.value.reason == "no_pictures"
    old = tmp_path / "v1.1"
    old.mkdir()
    (old / "metadata.json").write_text('{"num_images": 3, "s": 16, "token_dtype": "uint32"}')
    (old / "video.bin").write_bytes(b"\0" * 64)
    with pytest.raises(BadMedia) as refused:
        read(old)
    assert refused.value.reason == "no_pictures"


def test_lengths_that_differ_are_told(tmp_path: Path) -> None:
    write(tmp_path, states=np.zeros((8, 25), np.float32))
    with pytest.raises(BadMedia, match="8 rows of states, 9 of segments"):
        read(tmp_path)
    write(tmp_path, states=np.zeros(26, np.float32))
    with pytest.raises(BadMedia, match="no rows of 25"):
        read(tmp_path)


def test_without_segments_nothing_tells_attempts_apart(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "segment_idx_0.bin").unlink()
    with pytest.raises(BadMedia, match="no attempt is told from another"):
        read(tmp_path)


@pytest.mark.parametrize("nested", [False, True])
def test_no_damage_raises_anything_else(tmp_path: Path, nested: bool) -> None:
    rows = write(tmp_path, nested)
    files = sorted(p for p in tmp_path.rglob("*") if p.is_file() and "video" not in p.name)
    rng, reasons, taken = np.random.default_rng(1), set(), 0
    for _ in range(INPUTS):
        file, whole = damage_one(files, rng)
        try:
            logs = read(tmp_path)
            assert sum(len(log.t_ns) for log in logs) <= len(rows)
            taken += bool(logs)
        except BadMedia as refused:
            reasons.add(refused.reason)
        file.write_bytes(whole)
    assert reasons
    assert 0 < taken < INPUTS
