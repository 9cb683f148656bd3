"""LeRobot data sets of any columns, v2.1 with a file an episode; the recordings are bytes no log reader opens."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.sources.logs import lerobot
from pipelines.sources.logs.base import BadEpisode, LogOptions
from pipelines.sources.logs.episode_log import EpisodeLog

FRONT = "observation.images.front"
TASKS = ("put the cube in the bin",)
Columns = Mapping[str, Any]


def steps(count: int = 20, **more: Any) -> dict[str, Any]:
    """Columns of an episode: states (count, 2) and actions that differ, and `more`, whose `__` is a dot."""
    at = np.arange(count, dtype=np.float32)
    rows = {"observation.state": list(np.stack([at, at + 1], 1)), "action": list(np.stack([at + 2, at + 3], 1))}
    return rows | {key.replace("__", "."): value for key, value in more.items()}


def write_set(
    root: Path,
    episodes: Sequence[Columns],
    *,
    tasks: Sequence[str] = TASKS,
    about: Sequence[Columns] = (),
    features: Mapping[str, Any] | None = None,
    robot: str = "arm",
) -> Path:
    """about: of each episode, more for its line of episodes.jsonl. A column of None is left out."""
    lines = []
    for i, given in enumerate(episodes):
        columns = {key: value for key, value in given.items() if value is not None}
        count = len(next(iter(columns.values())))
        layout = {"timestamp": np.arange(count, dtype=np.float32) / 10, "frame_index": np.arange(count),
                  "episode_index": np.full(count, i), "task_index": np.zeros(count, np.int64)}  # fmt: skip
        _parquet(pa.table({**layout, **columns}), root / f"data/chunk-000/episode_{i:06d}.parquet")
        video = root / f"videos/chunk-000/{FRONT}/episode_{i:06d}.mp4"
        video.parent.mkdir(parents=True, exist_ok=True)
        video.write_bytes(b"a recording that no reader of logs opens")
        more = about[i] if i < len(about) else {}
        lines.append({"episode_index": i, "tasks": [tasks[0]], "length": count, **more})
    info = {
        "codebase_version": "v2.1", "robot_type": robot, "fps": 10, "chunks_size": 1000,
        "total_episodes": len(episodes), "features": {FRONT: {"dtype": "video"}, **(features or {})},
    }  # fmt: skip
    (root / "meta").mkdir(parents=True, exist_ok=True)
    (root / "meta/info.json").write_text(json.dumps(info))
    (root / "meta/episodes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    words = [{"task_index": i, "task": t} for i, t in enumerate(tasks)]
    (root / "meta/tasks.jsonl").write_text("".join(json.dumps(line) + "\n" for line in words))
    return root


def write_subtasks(root: Path, texts: Sequence[str]) -> None:
    """meta/subtasks.parquet."""
    _parquet(
        pa.table({"subtask_index": list(range(len(texts))), "subtask": list(texts)}), root / "meta/subtasks.parquet"
    )


def _parquet(table: pa.Table, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def read_set(root: Path, options: LogOptions = LogOptions()) -> tuple[list[EpisodeLog], list[BadEpisode]]:
    """Attempts, and what is left out."""
    parts = [part for item in lerobot.list_logs(str(root), options) for part in lerobot.read(item, root, options)]
    return [p for p in parts if isinstance(p, EpisodeLog)], [p for p in parts if isinstance(p, BadEpisode)]
