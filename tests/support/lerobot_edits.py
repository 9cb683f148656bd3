"""What goes wrong with LeRobot data sets, done to one that `tests.support.robot_logs` wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.sources.logs import lerobot
from pipelines.sources.logs.base import BadEpisode, LogOptions
from pipelines.sources.logs.episode_log import EpisodeLog

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "41" * 32 + "\nsize 582\n"
EPISODES = "meta/episodes/chunk-000/file-000.parquet"
ROWS = "data/chunk-000/file-000.parquet"


def read_all(root: Path, options: LogOptions = LogOptions()) -> tuple[list[EpisodeLog], list[BadEpisode]]:
    """Attempts and what is left out, of every item in order."""
    parts = [p for item in lerobot.list_logs(str(root), options) for p in lerobot.read(item, root, options)]
    return [p for p in parts if isinstance(p, EpisodeLog)], [p for p in parts if isinstance(p, BadEpisode)]


def reasons(bad: list[BadEpisode]) -> list[tuple[str, str]]:
    """Name and reason of each."""
    return [(b.name, b.reason) for b in bad]


def put_info(root: Path, **fields: Any) -> None:
    """Says more in info.json, or another thing."""
    path = root / "meta/info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def put_features(root: Path, **features: Any) -> None:
    """Declares more features."""
    told = json.loads((root / "meta/info.json").read_text())["features"]
    put_info(root, features=told | features)


def put_column(path: Path, name: str, values: Any) -> None:
    """A parquet file's column with other values; without it for None."""
    table = pq.read_table(path)
    if name in table.column_names:
        table = table.drop_columns([name])
    pq.write_table(table if values is None else table.append_column(name, pa.array(values)), path)
