"""Rows of what was fired, skipped and delivered."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.arrow import column


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One event of one rule: fired, skipped, or delivered."""

    trigger_id: str = column("key_of(key, event)")
    key: str = column("key_of(rule, version, base release, content digest, bucket): fires once, ever")
    event: str = column("fired, skipped, delivered")
    rule: str = column("first, new_hours, new_task, stale ...")
    lane: str = column("which model it would retrain: world_model, idm_<embodiment>")
    release: str = column("the pinned release it names")
    base: str | None = column("release that the lane's last trigger named")
    reason: str = column("the measured value against its limit")
    at_ns: int = column("Unix ns")
    run_id: str = column("provenance")
