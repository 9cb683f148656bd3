"""The clip under way in the one pass: what is kept of its frames, and the columns that come of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from filters import cuts, fingerprints
from infra.video import pixels
from pipelines.media.face_blur import Redaction
from pipelines.media.options import DecodeSpec, PassOptions
from schemas import SIGNALS, Clip, Proxy
from schemas.keys import clip_id, clip_row_key
from schemas.signals.base import sampled_frame


@dataclass(slots=True)
class ClipBuilder:
    """The clip under way."""

    start_ns: int
    samples: list[tuple[int, bytes]] = field(default_factory=list)
    prints: list[int] = field(default_factory=list)
    states: list[Any] = field(default_factory=lambda: [signal.start() for signal in SIGNALS])
    frames: int = 0
    damaged: int = 0


@dataclass(slots=True)
class SampledFrame:
    """A frame whose cut is not decided yet: what is taken of it, if anything, and why no clip may hold it, if so.

    before: why no clip may hold what lies between the frame before and this one, if so. joint: another capture begins.
    """

    t_ns: int
    end_ns: int
    damaged: bool
    before: str | None
    joint: bool
    why_not: str | None
    rgb: pixels.Rgb | None
    cells: npt.NDArray[np.float64] | None


def add(clip: ClipBuilder, frame: SampledFrame, options: PassOptions) -> None:
    """Takes the next frame: its cells for the fingerprint, and its signals and JPEG, where it is a sample of these."""
    clip.frames += 1
    clip.damaged += frame.damaged
    if frame.cells is not None:
        clip.prints += fingerprints.words_of(frame.t_ns, frame.cells)
    if frame.rgb is None:
        return
    sampled = sampled_frame(frame.t_ns, frame.rgb)
    clip.states = [signal.update(state, sampled) for signal, state in zip(SIGNALS, clip.states, strict=True)]
    quality = [cv2.IMWRITE_JPEG_QUALITY, options.proxy_quality]
    ok, jpeg = cv2.imencode(".jpg", cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR), quality)
    if not ok:
        raise RuntimeError("JPEG encoder refused a frame")
    clip.samples.append((frame.t_ns, jpeg.tobytes()))


def close(
    clip: ClipBuilder, end_ns: int, sha256: str, options: PassOptions, spec: DecodeSpec, redaction: Redaction
) -> Clip:
    """The clip as a row, of no run and no camera yet. redaction: what was found in its samples."""
    span = clip_id(sha256, clip.start_ns, end_ns)
    measured = {signal.name: signal.finish(state) for signal, state in zip(SIGNALS, clip.states, strict=True)}
    return Clip(
        clip_row_id=clip_row_key(span, options.recipe, spec.decode_variant),
        clip_id=span,
        sha256=sha256,
        start_ns=clip.start_ns,
        end_ns=end_ns,
        camera=None,
        decode_variant=spec.decode_variant,
        cutter=cuts.VERSION if spec.spans is None else "episode",
        frame_count=clip.frames,
        damaged_frames=clip.damaged,
        fingerprints=clip.prints or None,
        redaction=redaction.version,
        redaction_state=redaction.state,
        faces=redaction.faces,
        recipe=options.recipe,
        run_id="",
        **measured,
    )


def proxy(clip: ClipBuilder, row: Clip, size: tuple[int, int]) -> Proxy:
    """Its proxy, by the clip's row. size: width and height in px."""
    return Proxy(
        clip_row_id=row.clip_row_id, clip_id=row.clip_id, sample_ns=[t for t, _ in clip.samples],
        width_px=size[0], height_px=size[1], jpegs=[jpeg for _, jpeg in clip.samples],
    )  # fmt: skip
