"""The verdict: clips and their hand tracks in, decisions out, on columns and without reading a frame."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from filters import hand_spans, licences
from filters.hand_spans import BARE, BRIEF, IDLE, KEPT, UNMEASURED, WEAK, Rule, Spans
from schemas import Decision
from schemas.arrow import column, schema_of
from schemas.columns import equals, table_from, values_of, with_nulls_as
from schemas.keys import as_stored, clip_id, decision_key, digest_of
from schemas.spans import NS


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Every number of the verdict, its only home. Two policies with equal digests decide alike."""

    detector: str = column("whose hand tracks are judged: hands.detector")
    clip_least_s: float = column("shorter: too_short. Ours: no model takes less", default=1.0)
    freeze_share_most: float = column("more: frozen. Ours: a still has .95 to 1, others to .25", default=0.9)
    brightness_least: float = column("darker: too_dark. Ours: black 0, the darkest take 26", default=12.0)
    sharpness_least: float = column("softer: blurred. Ours: a dithered 270-line preview is 6", default=4.0)
    camera_motion_most: float = column(
        "long sides a second, more: camera_motion. EgoSmith ships .20 a half second", default=0.4
    )
    text_share_most: float = column(
        "text drawn on the picture, more: quarantine as burned_in_text. docs/ingest.md: 1 of 180 rendered takes has it",
        default=0.003,
    )
    damaged_share_most: float = column("damaged frames, more: quarantine as damaged. Ours: none", default=0.0)
    bridge_s: float = column("gap without hands that a run outlives. facts: .75", default=0.75)
    pad_s: float = column("added on both sides of a run. facts: 1", default=1.0)
    span_least_s: float = column("shorter spans of hands are rejected. facts: 1", default=1.0)
    longest_span_s: float = column("longer kept spans are cut in equal parts. Ours", default=20.0)
    hand_samples_least: int = column("fewer: brief_hands; a lone one is as often false. Ours", default=2)
    contact_accept_least: float = column(
        "strongest contact of a run. docs/hands.md: work .67 and more, gestures .26 and less", default=0.45
    )
    contact_doubt_least: float = column(
        "from here to accept: weak_contact; a whole arm in view stays below (.25)", default=0.3
    )
    purpose: str = column(
        "research or commercial: what its releases are for. docs/privacy.md has what each allows",
        default=licences.RESEARCH,
    )
    licences_held: tuple[str, ...] = column(
        "licences' exact words under which you have an agreement of your own for this purpose", default=()
    )
    bimanual_share_least: float = column("samples with two hands. schemas.Decision: a tenth", default=0.1)

    def __post_init__(self) -> None:
        """ValueError: a purpose that is none."""
        licences.refusal(None, self.purpose)

    @property
    def digest(self) -> str:
        """64 hex digits over all fields."""
        return digest_of(as_stored(self))

    @property
    def rule(self) -> Rule:
        """The windows' part, in ns."""
        return Rule(
            round(self.bridge_s * NS),
            round(self.pad_s * NS),
            round(self.span_least_s * NS),
            round(self.longest_span_s * NS),
            self.hand_samples_least,
            self.contact_accept_least,
            self.contact_doubt_least,
        )


# Codes of windows, then of whole clips; a gated clip is GATED + one bit a reason of GATES.
ROBOT, UNSAMPLED, GATED = 8, 9, 16
# Licences first: the ledger tells the first reason.
GATES = (*licences.REASONS, "too_short", "frozen", "too_dark", "blurred", "camera_motion", "burned_in_text", "damaged")
LICENCES = (1 << len(licences.REASONS)) - 1
DOUBTS = sum(1 << GATES.index(gate) for gate in ("burned_in_text", "damaged"))
MEANING: dict[int, tuple[str, list[str]]] = {
    KEPT: ("accept", []),
    WEAK: ("quarantine", ["weak_contact"]),
    UNMEASURED: ("quarantine", ["contact_unmeasured"]),
    IDLE: ("reject", ["no_contact"]),
    BRIEF: ("reject", ["brief_hands"]),
    BARE: ("reject", ["no_hands"]),
    ROBOT: ("unknown", ["no_calibration"]),
    UNSAMPLED: ("unknown", ["not_sampled"]),
}


def decide(clips: pa.Table, hands: pa.Table, policy: Policy, run_id: str) -> pa.Table:
    """Decisions (schemas.Decision) that tile every clip of stage robot and every other one with a hands row.

    clips: columns of schemas.Clip, `stage` and `licence`; hands: rows of schemas.Hands (other detectors' are ignored).
    Ordered by clip_id and start; a clip's decisions depend on nothing but its own rows. A null signal rejects
    nothing. Robot clips are unknown: their hands are projected from calibration, never detected; but a licence that
    does not allow the policy's purpose rejects any clip.
    """
    clips = clips.combine_chunks()
    robot = equals(clips["stage"], "robot").to_numpy().astype(bool)
    gates = gates_of(clips, policy)
    at = _clip_of(hands, clips, policy.detector)
    sampled = pc.list_value_length(hands["sample_ns"]).to_numpy() > 0
    look = (at >= 0) & sampled & ~_pick(robot, at, True) & (_pick(gates, at, 1) == 0)
    start_ns, end_ns = clips["start_ns"].to_numpy(), clips["end_ns"].to_numpy()
    tracks = hand_spans.tracks_of(hands, _pick(start_ns, at, 0), _pick(end_ns, at, 0), look)
    seen = hand_spans.spans_of(tracks, policy.rule)
    one, two = hand_spans.shares(tracks, seen)
    judged_whole = robot.copy()
    judged_whole[at[(at >= 0) & ~look]] = True
    whole = np.flatnonzero(judged_whole)
    forbidden, failed = gates[whole] & LICENCES, gates[whole]
    code = np.select(
        [robot[whole] & (forbidden > 0), robot[whole], failed > 0],
        [GATED + forbidden, np.full(len(whole), ROBOT), GATED + failed],
        default=UNSAMPLED,
    )
    nothing = np.full(len(whole), np.nan)
    spans = Spans(
        np.concatenate([at[look][seen.clip], whole]),
        np.concatenate([seen.start_ns, start_ns[whole]]),
        np.concatenate([seen.end_ns, end_ns[whole]]),
        np.concatenate([seen.code, code]),
    )
    table = _table(clips, spans, policy, run_id)
    table = _with_shares(table, np.concatenate([one, nothing]), np.concatenate([two, nothing]), policy)
    return table.sort_by([("clip_id", "ascending"), ("start_ns", "ascending")])


def gates_of(clips: pa.Table, policy: Policy) -> NDArray[np.int64]:
    """Per clip the gates it fails, one bit each in the order of GATES; null signals fail none."""
    seconds = (clips["end_ns"].to_numpy() - clips["start_ns"].to_numpy()) / NS
    damaged = clips["damaged_frames"].to_numpy() / np.maximum(1, clips["frame_count"].to_numpy())
    failed = [
        *licence_gates(clips, policy),
        seconds < policy.clip_least_s,
        _signal(clips, "freeze_share") > policy.freeze_share_most,
        _signal(clips, "brightness") < policy.brightness_least,
        _signal(clips, "sharpness") < policy.sharpness_least,
        _signal(clips, "camera_motion") > policy.camera_motion_most,
        _signal(clips, "text_share") > policy.text_share_most,
        damaged > policy.damaged_share_most,
    ]
    bits: NDArray[np.int64] = np.sum([f.astype(np.int64) << i for i, f in enumerate(failed)], axis=0, dtype=np.int64)
    return bits


def licence_gates(clips: pa.Table, policy: Policy) -> list[NDArray[np.bool_]]:
    """Per reason of licences.REASONS, which clips it refuses."""
    stated = clips["licence"].combine_chunks().dictionary_encode()
    why = [licences.refusal(words, policy.purpose, policy.licences_held) for words in stated.dictionary.to_pylist()]
    at = with_nulls_as(stated.indices, len(why)).to_numpy()
    of_clip = np.array([*why, licences.refusal(None, policy.purpose, policy.licences_held)], dtype=object)[at]
    return [np.asarray(of_clip == reason) for reason in licences.REASONS]


def meaning(code: int) -> tuple[str, list[str]]:
    """Verdict and reasons of a code. Drawn text and damage are worth a second look; any other gate rejects."""
    if code < GATED:
        return MEANING[code]
    bits = code - GATED
    reasons = [gate for bit, gate in enumerate(GATES) if bits >> bit & 1]
    return "reject" if bits & ~DOUBTS else "quarantine", reasons


def _clip_of(hands: pa.Table, clips: pa.Table, detector: str) -> NDArray[np.int64]:
    """Per hands row the index of its clip; -1 for other detectors' and unknown clips' rows."""
    known = clips["clip_id"].combine_chunks()
    clip = with_nulls_as(pc.index_in(hands["clip_id"], value_set=known), -1)
    at: NDArray[np.int64] = clip.to_numpy().astype(np.int64)
    at[~equals(hands["detector"], detector).to_numpy().astype(bool)] = -1
    return at


def _signal(clips: pa.Table, name: str) -> NDArray[Any]:
    """float64 (N,), nan for null: every comparison with it is false."""
    return pc.cast(clips[name], pa.float64()).to_numpy().astype(np.float64)


def _pick(values: NDArray[Any], at: NDArray[np.int64], missing: Any) -> NDArray[Any]:
    """values[at], `missing` where at is -1."""
    return np.append(values, np.array([missing], dtype=values.dtype))[at]


def _table(clips: pa.Table, spans: Spans, policy: Policy, run_id: str) -> pa.Table:
    codes, of = np.unique(spans.code, return_inverse=True)
    meanings = [meaning(int(c)) for c in codes]
    of_code = pa.array(of, pa.int64())
    of_span = pa.array(spans.clip, pa.int64())
    sha256 = clips["sha256"].take(of_span)
    digest = policy.digest
    edges = zip(values_of(sha256, str), spans.start_ns.tolist(), spans.end_ns.tolist(), strict=True)
    span_ids = [clip_id(sha, start, end) for sha, start, end in edges]
    rests = {name: clips[name].take(of_span) for name in ("clip_row_id", "stage", "licence")}
    row_ids, stages = values_of(rests["clip_row_id"], str), values_of(rests["stage"], str)
    keys = zip(span_ids, row_ids, stages, rests["licence"].to_pylist(), strict=True)
    return table_from(
        {
            "decision_id": pa.array([decision_key(*key, digest) for key in keys], pa.string()),
            "span_id": pa.array(span_ids, pa.string()),
            "clip_id": clips["clip_id"].take(of_span),
            **rests,
            "sha256": sha256,
            "start_ns": pa.array(spans.start_ns),
            "end_ns": pa.array(spans.end_ns),
            "verdict": pa.array([verdict for verdict, _ in meanings], pa.string()).take(of_code),
            "reasons": pa.array([reasons for _, reasons in meanings], pa.list_(pa.string())).take(of_code),
            "policy": pa.repeat(digest, len(span_ids)),
            "run_id": pa.repeat(run_id, len(span_ids)),
        }
    )


def _with_shares(table: pa.Table, one: NDArray[Any], two: NDArray[Any], policy: Policy) -> pa.Table:
    unknown = np.isnan(one)
    table = table.append_column("hand_share", pa.array(one, mask=unknown))
    table = table.append_column("bimanual", pa.array(two >= policy.bimanual_share_least, mask=unknown))
    schema = schema_of(Decision)
    return table.select(schema.names).cast(schema)
