"""What a LeRobot episode was to do: its tasks, by episode or by frame."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.sources.logs.lerobot_meta import DataSet, EpisodeMeta
from schemas.columns import Array


def instruction(data_set: DataSet, meta: EpisodeMeta, columns: Mapping[str, Array]) -> str | None:
    """The episode's first task, else the text of its first row's task_index."""
    if meta.tasks:
        return meta.tasks[0]
    index = columns["task_index"][0].as_py() if "task_index" in columns else None
    return None if index is None else data_set.tasks.get(int(index))
