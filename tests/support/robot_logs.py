"""Writes tiny robot logs in the real layouts: plain logs, and LeRobot v3.0 and v2.1 data sets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from infra.video.encoder import Encoder

FPS_HZ = 10
CAMERA_KEY = "observation.images.front"
TASKS = ("Put the cube in the bin.", "Fold the cloth.")


def write_video(path: Path, frames: int, size: tuple[int, int] = (64, 48)) -> None:
    """H.264 at 10 Hz whose brightness drifts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    encoder = Encoder(path, size, FPS_HZ)
    for i in range(frames):
        picture = np.full((size[1], size[0], 3), (i * 5) % 200, np.uint8)
        picture[: size[1] // 2, : (i * 3) % size[0]] = 250
        encoder.write(picture)
    encoder.close()


def write_plain(
    folder: Path,
    name: str,
    states: Any,
    actions: Any,
    header: dict[str, Any] | None = None,
    video: bool = True,
) -> Path:
    """One plain log, a step every 0.1 s."""
    folder.mkdir(parents=True, exist_ok=True)
    told = {"episode": name, "robot": "so101_sim", "task": TASKS[0], "fps": FPS_HZ, "success": True}
    steps = [
        {"t": round(i / FPS_HZ, 3), "state": list(map(float, s)), "action": list(map(float, a))}
        for i, (s, a) in enumerate(zip(states, actions, strict=True))
    ]
    path = folder / f"{name}.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in [told | (header or {}), *steps]) + "\n")
    if video:
        write_video(folder / f"{name}.mp4", len(steps))
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class LeRobotSpec:
    """What the data set holds. rewards: each episode's last reward, or None for no such column."""

    lengths: tuple[int, ...] = (12, 9, 15)
    rewards: tuple[float, ...] | None = (1.0, 0.0, 1.0)
    done: bool = True
    orphans: int = 5
    video_path: str = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
    with_video: bool = True
    version: str = "v3.0"
    intervention: bool = True
    seed: int = 3


def arrays(spec: LeRobotSpec, episode: int) -> tuple[np.ndarray, np.ndarray]:
    """The episode's states (T, 6) and actions (T, 6), float32."""
    rng = np.random.default_rng((spec.seed, episode))
    length = spec.lengths[episode]
    return rng.normal(size=(length, 6)).astype(np.float32), rng.normal(size=(length, 6)).astype(np.float32)


def write_lerobot(root: Path, spec: LeRobotSpec = LeRobotSpec()) -> Path:
    """A v3.0 data set: every episode in one parquet file and one mp4; orphan rows at the end."""
    tables = [_rows(spec, i) for i in range(len(spec.lengths))]
    if spec.orphans:
        tables.append(_rows(spec, 0).slice(0, spec.orphans).set_column(
            4, "episode_index", pa.array([99] * spec.orphans, pa.int64())
        ))  # fmt: skip
    table = pa.concat_tables(tables)
    table = table.append_column("index", pa.array(range(table.num_rows), pa.int64()))
    _parquet(table, root / "data/chunk-000/file-000.parquet")
    write_info(root, spec)
    # As pandas writes it: the task text is the frame's index.
    told = pa.table({"task_index": pa.array([0, 1], pa.int64()), "__index_level_0__": list(TASKS)})
    _parquet(told, root / "meta/tasks.parquet")
    _parquet(_episodes(spec), root / "meta/episodes/chunk-000/file-000.parquet")
    if spec.with_video:
        write_video(root / f"videos/{CAMERA_KEY}/chunk-000/file-000.mp4", sum(spec.lengths))
    return root


def _parquet(table: pa.Table, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def _rows(spec: LeRobotSpec, episode: int) -> pa.Table:
    states, actions = arrays(spec, episode)
    length = spec.lengths[episode]
    columns: dict[str, Any] = {
        "observation.state": _fixed(states),
        "action": _fixed(actions),
        "timestamp": pa.array(np.arange(length, dtype=np.float32) / np.float32(FPS_HZ)),
        "frame_index": pa.array(range(length), pa.int64()),
        "episode_index": pa.array([episode] * length, pa.int64()),
        "task_index": pa.array([episode % 2] * length, pa.int64()),
    }
    if spec.rewards is not None:
        reward = np.zeros(length, np.float32)
        reward[-1] = spec.rewards[episode]
        columns["next.reward"] = pa.array(reward)
    if spec.done:
        columns["next.done"] = pa.array([i == length - 1 for i in range(length)])
    if spec.intervention:
        columns["intervention"] = pa.array([i < 2 for i in range(length)])
    return pa.table(columns)


def _fixed(array: np.ndarray) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(array.reshape(-1)), array.shape[1])


def write_info(root: Path, spec: LeRobotSpec, **fields: Any) -> None:
    """A data set's meta/info.json; fields say another thing."""
    joints = [f"joint_{i}.pos" for i in range(6)]
    vector = {"dtype": "float32", "shape": [6], "names": joints}
    info = {
        "codebase_version": spec.version,
        "robot_type": "so101_follower",
        "total_episodes": len(spec.lengths),
        "total_frames": sum(spec.lengths),
        "fps": FPS_HZ,
        "chunks_size": 1000,
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": spec.video_path,
        "features": {
            "observation.state": vector,
            "action": vector,
            CAMERA_KEY: {"dtype": "video", "shape": [48, 64, 3], "names": ["height", "width", "channels"]},
            "timestamp": {"dtype": "float32", "shape": [1], "names": None},
        },
    }
    (root / "meta").mkdir(parents=True, exist_ok=True)
    (root / "meta/info.json").write_text(json.dumps(info | fields))


def _episodes(spec: LeRobotSpec) -> pa.Table:
    ends = np.cumsum(spec.lengths)
    starts = ends - np.array(spec.lengths)
    count = len(spec.lengths)
    zeros = pa.array([0] * count, pa.int64())
    video = f"videos/{CAMERA_KEY}/"
    return pa.table(
        {
            "episode_index": pa.array(range(count), pa.int64()),
            "tasks": pa.array([[TASKS[i % 2]] for i in range(count)]),
            "length": pa.array(spec.lengths, pa.int64()),
            "data/chunk_index": zeros,
            "data/file_index": zeros,
            "dataset_from_index": pa.array(starts, pa.int64()),
            "dataset_to_index": pa.array(ends, pa.int64()),
            video + "chunk_index": zeros,
            video + "file_index": zeros,
            # Accumulated float seconds, as a recorder writes them.
            video + "from_timestamp": pa.array(np.float32(starts / FPS_HZ).astype(np.float64)),
            video + "to_timestamp": pa.array(np.float32(ends / FPS_HZ).astype(np.float64)),
            "stats/action/mean": pa.array([[0.0] * 6] * count),
        }
    )


def write_lerobot_v21(root: Path, spec: LeRobotSpec = LeRobotSpec(version="v2.1", orphans=0)) -> Path:
    """A v2.1 data set: a parquet file and an mp4 for each episode."""
    write_info(
        root, spec, data_path="data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        video_path="videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
    )  # fmt: skip
    rows = [{"episode_index": i, "tasks": [TASKS[i % 2]], "length": n} for i, n in enumerate(spec.lengths)]
    _lines(root / "meta/episodes.jsonl", rows)
    _lines(root / "meta/tasks.jsonl", [{"task_index": i, "task": t} for i, t in enumerate(TASKS)])
    for i, length in enumerate(spec.lengths):
        _parquet(_rows(spec, i), root / f"data/chunk-000/episode_{i:06d}.parquet")
        write_video(root / f"videos/chunk-000/{CAMERA_KEY}/episode_{i:06d}.mp4", length)
    return root


def _lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("\n".join(json.dumps(r) for r in rows) + "\n")
