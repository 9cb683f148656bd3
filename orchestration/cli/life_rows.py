"""What `handwheel why` tells of each row: a class a table, whose fields are the table's columns."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.episodes import StoredCameraSpan, StoredNote


@dataclass(frozen=True, slots=True)
class AssetFacts:
    """What is worth telling of an asset."""

    uri: str
    stage: str
    licence: str | None
    codec: str
    duration_ns: int
    sha256: str
    run_id: str


@dataclass(frozen=True, slots=True)
class RejectFacts:
    """What is worth telling of a reject."""

    uri: str | None
    stage: str
    reason: str
    detail: str
    run_id: str


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """What is worth telling of a clip."""

    clip_id: str
    sha256: str
    start_ns: int
    end_ns: int
    cutter: str
    sharpness: float | None
    brightness: float | None
    motion: float | None
    camera_motion: float | None
    freeze_share: float | None
    text_share: float | None
    damaged_frames: int
    redaction: str | None
    redaction_state: str | None


@dataclass(frozen=True, slots=True)
class DecisionFacts:
    """What is worth telling of a decision."""

    decision_id: str
    span_id: str
    clip_id: str
    sha256: str
    start_ns: int
    end_ns: int
    verdict: str
    reasons: list[str]
    hand_share: float | None
    bimanual: bool | None
    stage: str
    licence: str | None
    policy: str


@dataclass(frozen=True, slots=True)
class DuplicateFacts:
    """What is worth telling of a pair of clips."""

    clip_a: str
    clip_b: str
    kind: str
    offset_ns: int
    overlap_ns: int
    distance: float


@dataclass(frozen=True, slots=True)
class CaptionFacts:
    """What is worth telling of a caption."""

    span_id: str
    kind: str
    text: str
    model: str


@dataclass(frozen=True, slots=True)
class EpisodeFacts:
    """What is worth telling of an attempt."""

    episode_id: str
    namespace: str | None
    name: str
    uri: str
    embodiment: str
    instruction: str | None
    outcome: str
    failure_mode: str | None
    frame_count: int
    cameras: list[StoredCameraSpan]
    revision: str
    modified_ns: int
    reading: int | None
    copy_of: str | None
    withdrawn: str | None
    earlier_id: str | None
    notes: list[StoredNote] | None


@dataclass(frozen=True, slots=True)
class PublishedFacts:
    """A view of a release that holds one of the spans."""

    release: str
    view: str
    clips: list[str]
