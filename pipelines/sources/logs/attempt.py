"""An EpisodeLog out of what a format tells: the rest is null, and what a `[[robot]]` says holds over it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipelines.sources.logs.base import LogItem, LogOptions
from pipelines.sources.logs.episode_log import (
    CONTROL_OF_MODE,
    CameraSpan,
    EpisodeLog,
    Flags,
    Floats,
    Note,
    TaskSpan,
    Times,
)
from pipelines.sources.logs.fields import UNKNOWN, Outcome
from pipelines.sources.logs.parts import Parts
from schemas.spans import NS

TEXTS = ("robot", "scene", "instruction", "failure_mode", "policy_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFacts:
    """What a log tells of one attempt, without what its EpisodeLog has of the item and of the options."""

    name: str
    t_ns: Times
    fps_hz: float
    states: Floats | None
    actions: Floats | None
    cameras: tuple[CameraSpan, ...]
    embodiment: str | None = None
    robot: str | None = None
    scene: str | None = None
    instruction: str | None = None
    outcome: Outcome = UNKNOWN
    failure_mode: str | None = None  # what is blamed, of a failure
    policy_id: str | None = None
    collect_mode: str | None = None
    calibration_json: str | None = None
    state_names: tuple[str, ...] = ()
    action_names: tuple[str, ...] = ()
    actions_executed: Floats | None = None
    intervention: Flags | None = None
    reward: Floats | None = None
    done: Flags | None = None
    tasks: tuple[TaskSpan, ...] = ()
    ever_succeeded: bool | None = None
    split: str | None = None
    notes: tuple[Note, ...] = ()


def attempt_of(facts: AttemptFacts, item: LogItem, options: LogOptions) -> EpisodeLog:
    """A word that no table holds costs itself, and is noted. BadMedia: EpisodeLog's."""
    outcome, source, confidence = facts.outcome
    parts = Parts(facts.name)
    texts = {key: parts.text({key: getattr(facts, key)}, key) for key in TEXTS}
    embodiment = parts.name("robot", options.embodiment or facts.embodiment or "unknown")
    cameras = tuple(replace(span, camera=parts.name("camera", span.camera)) for span in facts.cameras)
    lost = tuple(Note(code="lost_words", detail=f"{part.name}: {part.detail}") for part in parts.refused)
    mode = options.collect_mode or facts.collect_mode or "unknown"
    return EpisodeLog(
        name=facts.name, uri=item.uri, revision=item.revision, modified_ns=item.modified_ns,
        embodiment=embodiment, robot=texts["robot"], scene=texts["scene"], instruction=texts["instruction"],
        outcome=outcome, outcome_source=source, outcome_confidence=confidence,
        failure_mode=texts["failure_mode"] if outcome == "failure" else None, failure_frame=None,
        policy_id=texts["policy_id"], world_model_id=None, idm_id=None, trained_on=None,
        collect_mode=mode, calibration_json=facts.calibration_json, fps_hz=facts.fps_hz, state_names=facts.state_names,
        action_names=facts.action_names, t_ns=facts.t_ns, states=facts.states, actions=facts.actions,
        actions_executed=facts.actions_executed, control_source=CONTROL_OF_MODE.get(mode),
        intervention=facts.intervention, reward=facts.reward, done=facts.done, cameras=cameras, tasks=facts.tasks,
        ever_succeeded=facts.ever_succeeded, split=facts.split, notes=(*facts.notes, *parts.notes, *lost),
    )  # fmt: skip


def even_times(count: int, fps_hz: float) -> Times:
    """Times of rows that have none, on the grid of their rate: (T,), ns from the first."""
    return np.asarray(np.round(np.arange(count) * (NS / fps_hz)), np.int64)
