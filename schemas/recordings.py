"""Rows of recordings: what came in, how it was cut, what its samples are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import pyarrow as pa

from schemas.arrow import column
from schemas.signals.base import signals_of
from schemas.signals.border_share import BORDER_SHARE
from schemas.signals.brightness import BRIGHTNESS
from schemas.signals.camera_motion import CAMERA_MOTION
from schemas.signals.freeze_share import FREEZE_SHARE
from schemas.signals.motion import MOTION
from schemas.signals.sharpness import SHARPNESS
from schemas.signals.text_share import TEXT_SHARE
from schemas.spans import StoredSpan

GAP = pa.list_(pa.struct([("start_ns", pa.int64()), ("end_ns", pa.int64()), ("reason", pa.string())]))
SPANS = pa.list_(pa.struct([("start_ns", pa.int64()), ("end_ns", pa.int64())]))
NARRATION = pa.list_(pa.struct([("start_ns", pa.int64()), ("end_ns", pa.int64()), ("text", pa.string())]))
FACE = pa.struct(
    [
        ("t_ns", pa.int64()),  # of the sample, from the recording's first frame
        ("x0", pa.float32()),  # relative to the picture
        ("y0", pa.float32()),
        ("x1", pa.float32()),
        ("y1", pa.float32()),
        ("score", pa.float32()),  # of the detection, 0..1
    ]
)


class StoredGap(StoredSpan):
    """A span that no clip holds, and why."""

    reason: str


class StoredNarration(TypedDict):
    """A text about a span; null times: about the whole recording."""

    start_ns: int | None
    end_ns: int | None
    text: str


class StoredFace(TypedDict):
    """A face of one sample, relative to the picture."""

    t_ns: int
    x0: float
    y0: float
    x1: float
    y1: float
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One media object at one place. Written last: its clips are whole once it is there."""

    asset_id: str = column("key_of(uri, revision, recipe), and `robot` behind them for a log's recording")
    uri: str = column("where it was read")
    revision: str = column("what the source says to tell versions apart: ETag, or size and time")
    modified_ns: int = column("the source's time of this revision, Unix ns; 0 where it has none")
    sha256: str = column("of its bytes")
    size_bytes: int = column("bytes")
    stage: str = column("web, ego, robot")
    licence: str | None = column("SPDX id or the source's words; null: not stated")
    licence_evidence: str | None = column("words that say the licence, and where on the web; null: none", default=None)
    consent: str | None = column("reference to the consent it was taken under")
    wearer_id: str | None = column("salted")
    robot_id: str | None = column("salted")
    site_id: str | None = column("salted")
    container: str = column("demuxer's name")
    codec: str = column("video codec's name")
    width_px: int = column("upright, square pixels")
    height_px: int = column("upright, square pixels")
    fps_hz: float | None = column("average; null where the container does not say")
    duration_ns: int = column("the longer of declared and decoded: what the ledger accounts for")
    decoded_ns: int = column("what its clips and gaps tile, from the first frame")
    gaps: list[StoredGap] = column("spans that no clip holds, and why", GAP, default_factory=list)
    quarter_turns: int = column("clockwise, on top of the container's own rotation, as the source says", default=0)
    decode_variant: str = column(
        "tells clips of equal bytes apart that were cut, redacted or turned otherwise", stored="tiling", default=""
    )
    redacted: list[StoredSpan] = column(
        "spans kept out of every clip: what this place and all others known then wanted", SPANS, default_factory=list
    )
    redaction: str | None = column("clips.redaction of its clips; null: faces were not looked for", default=None)
    intrinsics_json: str | None = column("camera model and parameters as the source gave them")
    narrations: list[StoredNarration] = column("spans in ns from the first frame; null times: the whole", NARRATION)
    recipe: str = column("digest of cutter, signals and proxy options")
    run_id: str = column("provenance")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """At most 60 s of a recording's bytes, with the signals of its one decode."""

    clip_row_id: str = column("key_of(clip_id, recipe, tiling): signals belong to a recipe, the span does not")
    clip_id: str = column("clip_id(sha256, start_ns, end_ns)")
    sha256: str = column("of the recording")
    start_ns: int = column("from the recording's first frame")
    end_ns: int = column("half-open")
    camera: str | None = column("robot camera's key, else null")
    decode_variant: str = column("assets.tiling", stored="tiling", default="")
    cutter: str = column("shot cut method and version, or `episode`")
    frame_count: int = column("decoded frames")
    damaged_frames: int = column("frames that the decoder marked corrupt")
    sharpness: float | None = SHARPNESS.column()
    brightness: float | None = BRIGHTNESS.column()
    motion: float | None = MOTION.column()
    camera_motion: float | None = CAMERA_MOTION.column()
    freeze_share: float | None = FREEZE_SHARE.column()
    border_share: float | None = BORDER_SHARE.column()
    text_share: float | None = TEXT_SHARE.column()
    fingerprints: list[int] | None = column(
        "filters/fingerprints.py: 17 words a sample at 12 Hz; null: a robot's", pa.list_(pa.uint64())
    )
    redaction: str | None = column("what looked for faces: model, version; null: not looked for", default=None)
    redaction_state: str | None = column("none_found, blurred; null: not looked for", default=None)
    faces: list[StoredFace] = column(
        "every face of every sample that was blurred", pa.list_(FACE), default_factory=list
    )
    recipe: str = column("digest of cutter, signals and proxy options")
    run_id: str = column("provenance")


SIGNALS = signals_of(Clip)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A clip's sampled frames: what models read instead of the recording."""

    clip_row_id: str = column("clips.clip_row_id: another recipe samples the same span otherwise")
    clip_id: str = column("clips.clip_id")
    sample_ns: list[int] = column("true times from the recording's first frame", pa.list_(pa.int64()))
    width_px: int = column("px")
    height_px: int = column("px")
    jpegs: list[bytes] = column("RGB frames, upright", pa.list_(pa.large_binary()))
