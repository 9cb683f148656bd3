"""How a LeRobot episode ended, as its labels or its rewards say."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipelines.sources.logs.episode_log import Flags, Floats
from pipelines.sources.logs.fields import UNKNOWN, Outcome, outcome_of
from pipelines.sources.logs.lerobot_columns import flags
from pipelines.sources.logs.lerobot_meta import DataSet, EpisodeMeta
from schemas.columns import Array


def outcome_and_source(
    data_set: DataSet,
    meta: EpisodeMeta,
    columns: Mapping[str, Array],
    reward: Floats | None,
    done: Flags | None,
) -> Outcome:
    robot = {"robot": data_set.robot_type}
    if (stated := meta.extra.get("outcome")) is not None:
        about = {key: meta.extra.get(f"outcome_{key}") for key in ("source", "confidence")}
        return outcome_of(robot | {"outcome": about | {"value": stated}})
    if isinstance(meta.extra.get("success"), bool):
        return outcome_of(robot | dict(meta.extra))
    for name in ("next.success", "success"):
        if (by_frame := flags(columns, name)) is not None:
            return outcome_of(robot | {"success": bool(by_frame.any())})
    if reward is None or not np.isin(reward, (0.0, 1.0)).all():
        return UNKNOWN
    if reward[-1] == 1:
        return outcome_of(robot | {"success": True})
    return outcome_of(robot | {"success": False}) if done is not None and done[-1] else UNKNOWN
