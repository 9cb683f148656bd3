"""Rows of recordings: what came in, how it was cut, what was seen, what was decided and said."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from schemas.arrow import column

GAP = pa.list_(pa.struct([("start_ns", pa.int64()), ("end_ns", pa.int64()), ("reason", pa.string())]))
SPANS = pa.list_(pa.struct([("start_ns", pa.int64()), ("end_ns", pa.int64())]))
NARRATION = pa.list_(pa.struct([("start_ns", pa.int64()), ("end_ns", pa.int64()), ("text", pa.string())]))
# Boxes and key points are relative to the picture: x by its width, y by its height.
HAND = pa.struct(
    [
        ("sample", pa.int32()),  # index into sample_ns
        ("side", pa.string()),  # left, right
        ("side_score", pa.float32()),
        ("score", pa.float32()),  # of the detection, 0..1
        ("presence", pa.float32()),  # of a hand in the crop, 0..1
        ("x0", pa.float32()),
        ("y0", pa.float32()),
        ("x1", pa.float32()),
        ("y1", pa.float32()),
        ("keypoints", pa.list_(pa.float32())),  # 42: x, y of 21 points, MediaPipe's order
        ("contact", pa.float32()),  # evidence that it handles something, 0..1; null: not measured
    ]
)
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
CHECK = pa.struct([("name", pa.string()), ("score", pa.float64()), ("passed", pa.bool_())])

Json = dict[str, object]


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
    gaps: list[Json] = column("spans that no clip holds: damaged, redacted", GAP, default_factory=list)
    quarter_turns: int = column("clockwise, on top of the container's own rotation, as the source says", default=0)
    tiling: str = column("tells clips of equal bytes apart that were cut, redacted or turned otherwise", default="")
    redacted: list[Json] = column(
        "spans kept out of every clip: what this place and all others known then wanted", SPANS, default_factory=list
    )
    redaction: str | None = column("clips.redaction of its clips; null: faces were not looked for", default=None)
    intrinsics_json: str | None = column("camera model and parameters as the source gave them")
    narrations: list[Json] = column("spans in ns from the first frame; null times: the whole", NARRATION)
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
    tiling: str = column("assets.tiling", default="")
    cutter: str = column("shot cut method and version, or `episode`")
    frame_count: int = column("decoded frames")
    damaged_frames: int = column("frames that the decoder marked corrupt")
    sharpness: float | None = column("median variance of the Laplacian of 8-bit luma at proxy size")
    brightness: float | None = column("median of mean luma, 0..255")
    motion: float | None = column("median mean absolute luma difference between samples, 0..255")
    camera_motion: float | None = column("median global shift, share of the long side a second")
    freeze_share: float | None = column("share of sample pairs without change, 0..1")
    border_share: float | None = column("share of the picture that is a black border, 0..1", default=None)
    text_share: float | None = column(
        "share of the picture under text drawn on it, 0..1; null: drawn text could not be told from the scene's",
        default=None,
    )
    fingerprints: list[int] | None = column(
        "filters/fingerprints.py: 17 words a sample at 12 Hz; null: a robot's", pa.list_(pa.uint64())
    )
    redaction: str | None = column("what looked for faces: model, version; null: not looked for", default=None)
    redaction_state: str | None = column("none_found, blurred; null: not looked for", default=None)
    faces: list[Json] = column("every face of every sample that was blurred", pa.list_(FACE), default_factory=list)
    recipe: str = column("digest of cutter, signals and proxy options")
    run_id: str = column("provenance")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A clip's sampled frames: what models read instead of the recording."""

    clip_row_id: str = column("clips.clip_row_id: another recipe samples the same span otherwise")
    clip_id: str = column("clips.clip_id")
    sample_ns: list[int] = column("true times from the recording's first frame", pa.list_(pa.int64()))
    width_px: int = column("px")
    height_px: int = column("px")
    jpegs: list[bytes] = column("RGB frames, upright", pa.list_(pa.large_binary()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """A clip that was compared. Written after its pairs and postings: a clip without it was not compared yet."""

    marks_id: str = column("key_of(clip_id, version)")
    clip_id: str = column("clips.clip_id")
    version: str = column("digest of recipe, fingerprints and rule")
    run_id: str = column("provenance")


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One key of a clip in the index of near-duplicates, which is read by key. Appended under the hop's lease."""

    posting_id: int = column("hash of clip, key and version")
    key: int = column("pipelines/dedup/index.py: hash of a mark and the version, or of the clip itself")
    clip_id: str = column("clips.clip_id")
    rank: str = column("pipelines/dedup/index.py: which of a key's clips stand for it, the least first")
    times: int = column("how many of the clip's marks have this key", pa.int16())
    marks: int = column("how many marks the clip has", pa.int32())
    run_id: str = column("provenance")


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """A key on more clips than are compared with one another. Of several rows of a key the least rank holds."""

    common_id: str = column("key_of(key, rank)")
    key: int = column("postings.key")
    rank: str = column("the last rank that stands for the key")
    version: str = column("digest of recipe, fingerprints and rule")
    run_id: str = column("provenance")


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """Two clips of which some seconds are copies: a row rests on the two alone. pipelines/corpus/duplicates.py: which
    count."""

    duplicate_id: str = column("key_of(clip_a, clip_b, version)")
    clip_a: str = column("clips.clip_id, the lesser")
    clip_b: str = column("clips.clip_id, the greater")
    kind: str = column("exact: the very same frames in other bytes; near; mirrored: left is right in one of them")
    offset_ns: int = column("a time in clip a less the same moment's in clip b, each from its recording's first frame")
    overlap_ns: int = column("what both show")
    distance: float = column("filters/fingerprint_match.py: 0 for equal ones")
    keys: list[int] = column("postings.key of what both share, as often as both have it", pa.list_(pa.int64()))
    needed: int = column("how many of the keys must count")
    rank: str = column("the lesser of the two clips' ranks")
    version: str = column("digest of recipe, fingerprints and rule")
    run_id: str = column("provenance")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """A clip's hand track by one detector. No hands: an empty list, which is a finding."""

    hands_id: str = column("key_of(clip_row_id, detector)")
    clip_row_id: str = column("clips.clip_row_id: whose proxy was looked at")
    clip_id: str = column("clips.clip_id")
    detector: str = column("name, version and weights")
    sample_ns: list[int] = column("the proxy's times that were looked at", pa.list_(pa.int64()))
    hands: list[Json] = column("every hand of every sample", pa.list_(HAND))
    run_id: str = column("provenance")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """One text about one span."""

    caption_id: str = column("key_of(span_id, kind, model, prompt, basis)")
    span_id: str = column("decisions.span_id")
    sha256: str = column("of the recording, carried through request and reply and compared")
    kind: str = column("original, L1..L5, instruction, achieved")
    text: str = column("the caption")
    model: str = column("what wrote it: backend, model, version; `source` for an original")
    prompt: str = column("digest of the prompt or of the composing rules")
    basis: str = column("digest of the narration or the log's words it rests on: corrected words, new captions")
    decoding: str = column("JSON of temperature, seed and the like")
    checks: list[Json] = column("score of every check", pa.list_(CHECK))
    parent: str | None = column("caption it was made from")
    run_id: str = column("provenance")


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
