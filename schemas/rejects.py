"""Rows of refused inputs."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.arrow import column


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """An input refused, for good under this recipe."""

    reject_id: str = column("key_of(subject, stage, recipe)")
    subject: str = column("key of what was refused: asset, episode, clip or span with its kind")
    uri: str | None = column("where it was read")
    stage: str = column("the hop that refused it")
    recipe: str = column("digest of the options that led to it")
    reason: str = column("stable code")
    detail: str = column("one line for people")
    run_id: str = column("provenance")
