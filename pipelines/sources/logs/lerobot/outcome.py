"""How a LeRobot episode ended, as its labels or its rewards say, and who says it.

In this order: what the config names; `outcome` or a label of success in the episode's metadata (a person's, or the
simulator's where the robot is one); a column of success by frame; rewards that are 0 or 1. A column that is the same
in every row of the data set says nothing, and so does a label of no success in the metadata of every one of several
episodes: so do converters write good demonstrations. A label that is passed over so is a note, `label_says_nothing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from pipelines.sources.logs.episode_log import OUTCOME_SOURCES, Flags, Floats
from pipelines.sources.logs.fields import UNKNOWN, Outcome, outcome_of
from pipelines.sources.logs.lerobot.columns import answers
from pipelines.sources.logs.lerobot.facts import always_failure, differs
from pipelines.sources.logs.lerobot.keys import Keys, label_in
from pipelines.sources.logs.lerobot.meta import DataSet, EpisodeMeta
from pipelines.sources.logs.parts import Parts
from schemas.columns import Array
from schemas.errors import BadMedia


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How it ended, and whether success was reached at some step, where the steps tell."""

    outcome: Outcome
    ever_succeeded: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What there is to judge an episode by. named: the column or key that the config says is the outcome."""

    data_set: DataSet
    meta: EpisodeMeta
    columns: Mapping[str, Array]
    keys: Keys
    reward: Floats | None
    done: Flags | None
    named: str | None = None


def ending(labels: Labels, parts: Parts) -> Ending:
    """How the episode ended. A label that cannot be read is a part that is left out, and the outcome unknown."""
    by_step = _by_steps(labels, parts)
    label = parts.take("outcome", lambda: _by_label(labels, parts))
    if any(b.name.endswith("/outcome") for b in parts.refused):
        return Ending(outcome=UNKNOWN, ever_succeeded=by_step.ever_succeeded)
    return Ending(outcome=label or by_step.outcome, ever_succeeded=by_step.ever_succeeded)


def _by_label(labels: Labels, parts: Parts) -> Outcome | None:
    """By the metadata, or by the column that the config names. BadMedia(bad_header, bad_table, no_such_column)."""
    extra, named = labels.meta.extra, labels.named
    robot = {"robot": labels.data_set.robot_type}
    if named is not None and named in extra:
        return outcome_of(robot | {"outcome": extra[named]}, "human")
    if named is not None:
        return _named_column(labels, named, robot)
    if (value := extra.get("outcome")) is not None:
        about = {key: extra.get(f"outcome_{key}") for key in ("source", "confidence")}
        return _checked(outcome_of(robot | {"outcome": about | {"value": value}}, "human"))  # `unknown` holds too
    if (key := label_in(extra, "success")) is None:
        return None
    if always_failure(labels.data_set, key):
        parts.note(*_passed_over(key, "in the metadata of every episode"))
        return None
    outcome = outcome_of(robot | {"success": extra[key]}, "human")
    return None if outcome == UNKNOWN else outcome


def _passed_over(name: str, where: str) -> tuple[str, str]:
    """Code and detail of the note on a label that tells no attempt from another."""
    return "label_says_nothing", f"{name} is no {where}; columns.outcome = {name!r} takes it for failures all the same"


def _checked(outcome: Outcome) -> Outcome:
    """BadMedia(bad_header): a source or a confidence that is none."""
    _, source, confidence = outcome
    if source not in OUTCOME_SOURCES | {None} or (confidence is not None and not 0 <= confidence <= 1):
        raise BadMedia("bad_header", f"outcome_source {str(source)[:40]!r}, outcome_confidence {confidence}")
    return outcome


def _named_column(labels: Labels, name: str, robot: Mapping[str, str]) -> Outcome:
    if name not in labels.columns:
        there = ", ".join((*labels.meta.extra, *labels.keys.columns))[:500]
        raise BadMedia("no_such_column", f"columns.outcome names {name}; there are {there}")
    by_frame = answers(labels.columns, name)
    last = None if by_frame is None else _last(by_frame)
    return UNKNOWN if last is None else outcome_of({**robot, "success": last == 1})


def _by_steps(labels: Labels, parts: Parts) -> Ending:
    robot = {"robot": labels.data_set.robot_type}
    for name in labels.keys.words["success"]:
        by_frame = parts.take(f"column {name}", partial(answers, labels.columns, name))
        last = None if by_frame is None else _last(by_frame)
        if by_frame is None or last is None:
            continue
        ever = bool((by_frame == 1).any())
        if ever or differs(labels.data_set, name):
            return Ending(outcome=outcome_of({**robot, "success": last == 1}), ever_succeeded=ever)
        parts.note(*_passed_over(name, "in every row of the data set"))
    return _by_rewards(labels, robot)


def _last(by_frame: Floats) -> float | None:
    """What the last row that says anything says."""
    stated = by_frame[~np.isnan(by_frame)]
    return float(stated[-1]) if len(stated) else None


def _by_rewards(labels: Labels, robot: Mapping[str, str]) -> Ending:
    """Success where the last step got 1; failure where it got 0 and is the end; neither where rewards are all alike."""
    reward, done = labels.reward, labels.done
    if reward is None or not np.isin(reward, (0.0, 1.0)).all():
        return Ending(outcome=UNKNOWN)
    name = labels.keys.words["reward"][0]
    if not (reward != reward[0]).any() and not differs(labels.data_set, name):
        return Ending(outcome=UNKNOWN)
    ever = bool((reward == 1).any())
    if reward[-1] == 1:
        return Ending(outcome=outcome_of({**robot, "success": True}), ever_succeeded=True)
    ended = done is not None and bool(done[-1])
    return Ending(outcome=outcome_of({**robot, "success": False}) if ended else UNKNOWN, ever_succeeded=ever)
