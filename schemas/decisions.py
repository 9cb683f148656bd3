"""Rows of verdicts: what one policy says of one span."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from schemas.arrow import column


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One span's verdict under one policy. A clip's spans tile it."""

    decision_id: str = column("key_of(span_id, clip_row_id, stage, licence, policy): what it rests on is part of it")
    span_id: str = column("clip_id(sha256, start_ns, end_ns): a kept span is itself a clip")
    clip_id: str = column("clips.clip_id it lies in")
    clip_row_id: str = column("clips.clip_row_id: whose signals and hands were judged")
    stage: str = column("assets.stage as it was then")
    licence: str | None = column("assets.licence as it was then")
    sha256: str = column("of the recording")
    start_ns: int = column("from the recording's first frame")
    end_ns: int = column("half-open")
    verdict: str = column("accept, quarantine, reject, unknown")
    reasons: list[str] = column("stable codes; empty for accept", pa.list_(pa.string()))
    hand_share: float | None = column("share of its samples with a hand, 0..1")
    bimanual: bool | None = column("two hands in at least a tenth of its samples")
    policy: str = column("digest of the policy, its detector included")
    run_id: str = column("provenance")
