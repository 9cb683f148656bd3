"""What encoding tells of a release's rows: staged by workers, read by the commit and the statistics."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedRow:
    """A row of a view that was encoded, without its video and its steps."""

    view: str
    clip_id: str
    sha256: str
    row_sha256: str
    stage: str
    split: str
    caption: str | None
    licence: str | None
    episode_id: str | None
    embodiment: str | None
    task: str | None
    outcome: str | None
    width_px: int
    height_px: int
    state_dim: int | None
    action_dim: int | None
    bytes: int  # of the video
    frames: int
    seconds: float  # of the span
    group: str  # the first of what it shares with others


@dataclass(frozen=True, slots=True)
class RefusedRecording:
    """A recording that could not be cut, for good under this recipe."""

    sha256: str
    uri: str
    reason: str
    detail: str


@dataclass(slots=True)
class EncodePart:
    """What one task of the encoders made.

    fragments: of each view's dataset, as JSON. missing: spans whose source is gone or changed, which may come back, by
    clip_id, with the reason. left_out: steps that rows go without, and spans that have none, by reason.
    """

    rows: list[EncodedRow] = field(default_factory=list)
    fragments: dict[str, list[str]] = field(default_factory=dict)
    refused: list[RefusedRecording] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)

    def dumps(self) -> bytes:
        """The part as JSON."""
        return json.dumps(dataclasses.asdict(self)).encode()

    @staticmethod
    def loads(data: bytes) -> EncodePart:
        """The part that `dumps` wrote."""
        plain = json.loads(data)
        return EncodePart(
            rows=[EncodedRow(**row) for row in plain["rows"]],
            fragments=plain["fragments"],
            refused=[RefusedRecording(**recording) for recording in plain["refused"]],
            missing=plain["missing"],
            left_out=plain["left_out"],
        )
