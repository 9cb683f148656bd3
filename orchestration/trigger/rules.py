"""When it is worth turning again: pure rules over what a release says of itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from orchestration.trigger.options import TriggerOptions
from pipelines.corpus.release_document import ReleaseCounts
from schemas import Release
from schemas.spans import NS

VERSION = 1  # part of every key: raised when a rule's meaning changes, so that old facts may be judged anew
HOUR_NS = 3600 * NS
DAY_NS = 24 * HOUR_NS
WORLD_MODEL = "world_model"


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """What a release says of itself, as far as the rules care."""

    release_id: str
    name: str
    created_ns: int
    clips: Mapping[str, int]  # by view
    hours: Mapping[str, float]  # by view
    tasks: Mapping[str, tuple[int, int]]  # episodes and scenes
    embodiments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Base:
    """What a lane's model was last told to train on, and when."""

    facts: ReleaseFacts
    fired_ns: int


@dataclass(frozen=True, slots=True)
class Ruling:
    """One rule's word on one lane; the reason is measured value against limit, without the running clock."""

    fired: bool
    reason: str


# rule(lane, base, newest, now_ns, options); None: the rule has nothing to say of such a lane.
Rule = Callable[[str, Base | None, ReleaseFacts, int, TriggerOptions], Ruling | None]


def facts_of(release: Release) -> ReleaseFacts:
    """Reads a release row's counts; what they leave out counts as nothing."""
    counts: ReleaseCounts = json.loads(release.counts_json)
    views = counts.get("views", {})
    return ReleaseFacts(
        release.release_id,
        release.name,
        release.created_ns,
        {view: int(v["clips"]) for view, v in views.items()},
        {view: float(v["hours"]) for view, v in views.items()},
        {task: (int(t["episodes"]), int(t["scenes"])) for task, t in counts.get("tasks", {}).items()},
        tuple(sorted(counts.get("embodiments", {}))),
    )


def lane_of(view: str) -> str | None:
    """The model that trains on a view; None for a view that trains none (`eval`)."""
    if view.startswith("wm_"):
        return WORLD_MODEL
    return view if view.startswith("idm_") else None


def lanes(facts: ReleaseFacts) -> list[str]:
    """The models that a release has clips for."""
    return sorted({lane for view, n in facts.clips.items() if n and (lane := lane_of(view))})


def growth_h(lane: str, base: Base, newest: ReleaseFacts) -> dict[str, float]:
    """New hours of each of the lane's views since the base."""
    return {v: h - base.facts.hours.get(v, 0.0) for v, h in newest.hours.items() if lane_of(v) == lane}


def first(lane: str, base: Base | None, newest: ReleaseFacts, now_ns: int, options: TriggerOptions) -> Ruling | None:
    """A lane without a model gets its first release."""
    if base is not None:
        return None
    clips = sum(n for view, n in newest.clips.items() if lane_of(view) == lane)
    return Ruling(True, f"{lane} has no model yet; {newest.name} has {clips} clips for it")


def new_hours(
    lane: str, base: Base | None, newest: ReleaseFacts, now_ns: int, options: TriggerOptions
) -> Ruling | None:
    """One of the lane's views grew by max(hours, share of what the base had of it)."""
    if base is None:
        return None
    growths, fired = [], False
    for view, new_h in sorted(growth_h(lane, base, newest).items()):
        limit_h = max(options.new_hours_h, options.new_hours_share * base.facts.hours.get(view, 0.0))
        fired = fired or new_h >= limit_h
        growths.append(f"{view} {new_h:+.3f} h (limit {limit_h:.3f} h)")
    return Ruling(fired, ", ".join(growths))


def new_task(lane: str, base: Base | None, newest: ReleaseFacts, now_ns: int, options: TriggerOptions) -> Ruling | None:
    """A task that the base lacks has enough episodes over enough scenes.

    Releases count tasks over all embodiments: an IDM's lane is judged only where there is one embodiment.
    """
    if base is None or (lane != WORLD_MODEL and len(newest.embodiments) != 1):
        return None
    new = {task: n for task, n in newest.tasks.items() if task not in base.facts.tasks}
    limit = f"limit {options.new_task_episodes} episodes over {options.new_task_scenes} scenes"
    if not new:
        return Ruling(False, f"no task that {base.facts.name} lacks ({limit})")
    enough = {t: n for t, n in new.items() if n[0] >= options.new_task_episodes and n[1] >= options.new_task_scenes}
    task, (episodes, scenes) = max((enough or new).items(), key=lambda item: (item[1], item[0]))
    return Ruling(bool(enough), f"{task!r} has {episodes} episodes over {scenes} scenes ({limit})")


def stale(lane: str, base: Base | None, newest: ReleaseFacts, now_ns: int, options: TriggerOptions) -> Ruling | None:
    """The lane's last trigger is old and there is something new, however little."""
    if base is None:
        return None
    due_ns = base.fired_ns + int(options.stale_days * DAY_NS)
    new_h = sum(growth_h(lane, base, newest).values())
    reason = (
        f"{new_h:+.3f} h new (limit {options.stale_new_h:.3f} h), "
        f"due {stamp(due_ns)}, {options.stale_days:g} days after the last trigger"
    )
    return Ruling(now_ns >= due_ns and new_h >= options.stale_new_h, reason)


def stamp(at_ns: int) -> str:
    """A time for people, UTC."""
    return datetime.fromtimestamp(at_ns / NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# In order of precedence: of several that are met, the first fires and the others coalesce into it.
RULES: tuple[tuple[str, Rule], ...] = (
    ("first", first), ("new_hours", new_hours), ("new_task", new_task), ("stale", stale)
)  # fmt: skip
