"""Writes attempts as one LeRobot v3.0 data set: rows in one parquet file, frames of all episodes in one mp4.

Columns of meta/episodes beyond the format's tell what the plain log's header does: outcome, policy, scene ...
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.columns import Array, items_of, table_from
from simworld.robot import logs
from simworld.robot.attempt import ACTION_NAMES, STATE_NAMES, Attempt
from simworld.robot.plan import CAMERA, EMBODIMENT
from simworld.robot.words import instruction
from simworld.scene_types import Floats

VIDEO_KEY = f"observation.images.{CAMERA}"
_FILE = "chunk-000/file-000"
_VECTORS = {"observation.state": STATE_NAMES, "action": ACTION_NAMES, "action_executed": ACTION_NAMES}
_HEADER_COLUMNS = ("robot_id", "scene", "policy", "trained_on", "collect_mode", "failure_mode", "failure_frame")


def video_path(folder: Path) -> Path:
    """Where the one recording goes: every attempt's frames in the order of write's attempts."""
    return folder / "videos" / VIDEO_KEY / f"{_FILE}.mp4"


def write(folder: Path, attempts: Sequence[Attempt]) -> Path:
    """The data set's rows and metadata, info.json last; the caller writes video_path(folder) before.

    ValueError: no attempt, or attempts of different rates or sizes.
    """
    if len({(a.plan.fps_hz, a.plan.width_px, a.plan.height_px) for a in attempts}) != 1:
        raise ValueError("a data set has one rate and one picture size, and at least one attempt")
    tasks = list(dict.fromkeys(instruction(a.plan) for a in attempts))
    rows = pa.concat_tables([_rows(i, attempt, tasks) for i, attempt in enumerate(attempts)])
    rows = rows.append_column("index", pa.array(np.arange(rows.num_rows, dtype=np.int64)))
    _parquet(rows, folder / f"data/{_FILE}.parquet")
    # As pandas writes it: the task's text is the frame's index.
    task_columns = {"task_index": pa.array(range(len(tasks)), pa.int64()), "__index_level_0__": pa.array(tasks)}
    _parquet(table_from(task_columns), folder / "meta/tasks.parquet")
    _parquet(_episodes(attempts), folder / f"meta/episodes/{_FILE}.parquet")
    _json(_stats(rows), folder / "meta/stats.json")
    _json(_info(attempts, rows.num_rows, len(tasks)), folder / "meta/info.json")
    return folder


def _rows(index: int, attempt: Attempt, tasks: list[str]) -> pa.Table:
    count = len(attempt.t_s)
    return pa.table(
        {
            "observation.state": _vectors(attempt.states),
            "action": _vectors(attempt.commanded),
            "action_executed": _vectors(attempt.executed),
            "timestamp": pa.array(attempt.t_s.astype(np.float32)),
            "frame_index": pa.array(np.arange(count, dtype=np.int64)),
            "episode_index": pa.array(np.full(count, index, np.int64)),
            "task_index": pa.array(np.full(count, tasks.index(instruction(attempt.plan)), np.int64)),
            "next.reward": pa.array(attempt.reward.astype(np.float32)),
            "next.done": pa.array(attempt.done),
            "intervention": pa.array(attempt.intervention),
        }
    )


def _vectors(values: Floats) -> Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.astype(np.float32).reshape(-1)), values.shape[1])


def _episodes(attempts: Sequence[Attempt]) -> pa.Table:
    lengths = np.array([len(attempt.t_s) for attempt in attempts], dtype=np.int64)
    ends, fps_hz = np.cumsum(lengths), attempts[0].plan.fps_hz
    zeros, video = pa.array(np.zeros(len(attempts), np.int64)), f"videos/{VIDEO_KEY}/"
    columns: dict[str, Any] = {
        "episode_index": pa.array(np.arange(len(attempts), dtype=np.int64)),
        "tasks": pa.array([[instruction(a.plan)] for a in attempts]),
        "length": pa.array(lengths),
        "data/chunk_index": zeros,
        "data/file_index": zeros,
        "dataset_from_index": pa.array(ends - lengths),
        "dataset_to_index": pa.array(ends),
        video + "chunk_index": zeros,
        video + "file_index": zeros,
        video + "from_timestamp": pa.array((ends - lengths) / fps_hz),
        video + "to_timestamp": pa.array(ends / fps_hz),
        "meta/episodes/chunk_index": zeros,
        "meta/episodes/file_index": zeros,
    }
    headers = [_header_columns(attempt) for attempt in attempts]
    return pa.table(columns | {key: pa.array([row[key] for row in headers]) for key in headers[0]})


def _header_columns(attempt: Attempt) -> dict[str, Any]:
    """What the plain log's header says of the attempt, in scalars."""
    header = logs.header(attempt.plan.name, attempt)
    outcome = header.get("outcome", {"value": "unknown", "source": None, "confidence": None})
    own = {
        "outcome": outcome["value"],
        "outcome_source": outcome["source"],
        "outcome_confidence": outcome["confidence"],
    }
    calibration = json.dumps(header["calibration"], sort_keys=True, separators=(",", ":"))
    return own | {key: header.get(key) for key in _HEADER_COLUMNS} | {"calibration": calibration}


def _info(attempts: Sequence[Attempt], frames: int, tasks: int) -> dict[str, Any]:
    plan, count = attempts[0].plan, len(attempts)
    scalars = {"timestamp": "float32", "next.reward": "float32", "next.done": "bool", "intervention": "bool"}
    scalars |= dict.fromkeys(("frame_index", "episode_index", "index", "task_index"), "int64")
    vectors = {k: {"dtype": "float32", "shape": [len(n)], "names": list(n)} for k, n in _VECTORS.items()}
    size = (plan.height_px, plan.width_px, 3)
    about = {"video.fps": plan.fps_hz, "video.codec": "h264", "video.pix_fmt": "yuv420p", "has_audio": False}
    video = {"dtype": "video", "shape": size, "names": ["height", "width", "channels"], "info": about}
    return {
        "codebase_version": "v3.0",
        "robot_type": EMBODIMENT,
        "total_episodes": count,
        "total_frames": frames,
        "total_tasks": tasks,
        "chunks_size": 1000,
        "fps": plan.fps_hz,
        "splits": {"train": f"0:{count}"},
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        "features": vectors
        | {k: {"dtype": t, "shape": [1], "names": None} for k, t in scalars.items()}
        | {VIDEO_KEY: video},
    }


def _stats(rows: pa.Table) -> dict[str, Any]:
    """Of the vectors: min, max, mean, std by axis, and the count."""
    out = {}
    for name, axes in _VECTORS.items():
        values = items_of(rows[name].combine_chunks()).to_numpy().reshape(-1, len(axes)).astype(np.float64)
        parts = {"min": values.min(0), "max": values.max(0), "mean": values.mean(0), "std": values.std(0)}
        out[name] = {key: np.round(part, 6).tolist() for key, part in parts.items()} | {"count": [len(values)]}
    return out


def _parquet(table: pa.Table, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def _json(value: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")
