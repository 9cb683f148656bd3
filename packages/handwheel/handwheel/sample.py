"""A clip as a trainer gets it: a stored row, decoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handwheel.errors import VerificationError
from handwheel.video import decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One clip, or a window of it. Arrays are read-only; T is the number of frames here."""

    clip_id: str
    stage: str  # web, ego, robot
    split: str
    frames: NDArray[np.uint8]  # (T, H, W, 3) RGB
    frame_ns: NDArray[np.int64]  # (T,) true times from the recording's first frame
    fps_hz: float
    caption: str | None
    camera: str | None
    episode_id: str | None
    task: str | None
    outcome: str | None  # success, failure, unknown; None: no attempt of a robot
    states: NDArray[np.float32] | None  # (T, S)
    actions: NDArray[np.float32] | None  # (T, A)
    control_source: tuple[str | None, ...] | None  # (T,) policy, human, script
    intervention: tuple[bool | None, ...] | None  # (T,) a person corrected


def _read_vectors(row: Mapping[str, Any], name: str, dim: str, span: slice) -> NDArray[np.float32] | None:
    if row[name] is None:
        return None
    values = np.asarray(row[name], np.float32).reshape(len(row["frame_ns"]), row[dim])[span]
    values.flags.writeable = False
    return values


def decode_sample(row: Mapping[str, Any], start: int = 0, count: int | None = None) -> Sample:
    """The clip of a stored row, its frames [start, start + count) decoded (None: all from start)."""
    frame_count = len(row["frame_ns"])
    span = slice(start, frame_count if count is None else min(frame_count, start + count))
    frames, in_video = decode(row["video"], span.start, max(0, span.stop - span.start))
    if in_video != frame_count:
        raise VerificationError(
            f"clip {row['clip_id']}: {in_video} frames in its video, {frame_count} in frame_ns. "
            "Next: publish again; this release was made wrong"
        )
    frame_ns = np.asarray(row["frame_ns"][span], np.int64)
    frames.flags.writeable = frame_ns.flags.writeable = False
    names = ("clip_id", "stage", "split", "fps_hz", "caption", "camera", "episode_id", "task", "outcome")
    fields: dict[str, Any] = {name: row[name] for name in names}
    for name in ("control_source", "intervention"):
        fields[name] = None if row[name] is None else tuple(row[name][span])
    return Sample(
        frames=frames,
        frame_ns=frame_ns,
        states=_read_vectors(row, "states", "state_dim", span),
        actions=_read_vectors(row, "actions", "action_dim", span),
        **fields,
    )
