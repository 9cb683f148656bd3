"""The verdict: clips and their hand tracks in, decisions out, on columns and without reading a frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from filters import hand_spans
from filters.hand_spans import SpanCode, Spans
from filters.policies.clip_gates import LICENCE_BITS, broken_gates, reasons_of
from filters.policies.policy import Policy
from schemas import Decision
from schemas.arrow import schema_of
from schemas.columns import equals, table_from, values_of, with_nulls_as
from schemas.keys import clip_id, decision_key

VERDICT_OF = {
    SpanCode.CONTACT: "accept",
    SpanCode.WEAK_CONTACT: "quarantine",
    SpanCode.CONTACT_UNMEASURED: "quarantine",
    SpanCode.NO_CONTACT: "reject",
    SpanCode.BRIEF_HANDS: "reject",
    SpanCode.NO_HANDS: "reject",
    SpanCode.NO_CALIBRATION: "unknown",
    SpanCode.NOT_SAMPLED: "unknown",
}
GATED = 16  # codes from here on are of gated clips: less this, the bits of the gates they break


def decide(clips: pa.Table, hands: pa.Table, policy: Policy, run_id: str) -> pa.Table:
    """Decisions (schemas.Decision) that tile every clip of stage robot and every other one with a hands row.

    clips: columns of schemas.Clip, `stage` and `licence`; hands: rows of schemas.Hands (other detectors' are ignored).
    Ordered by clip_id and start; a clip's decisions depend on nothing but its own rows. A null signal rejects
    nothing. Robot clips are unknown: their hands are projected from calibration, never detected; but a licence that
    does not allow the policy's purpose rejects any clip.
    """
    clips = clips.combine_chunks()
    robot = equals(clips["stage"], "robot").to_numpy().astype(bool)
    gates = broken_gates(clips, policy)
    at = _clip_of(hands, clips, policy.detector)
    sampled = pc.list_value_length(hands["sample_ns"]).to_numpy() > 0
    look = (at >= 0) & sampled & ~_pick(robot, at, True) & (_pick(gates, at, 1) == 0)
    start_ns, end_ns = clips["start_ns"].to_numpy(), clips["end_ns"].to_numpy()
    tracks = hand_spans.tracks_of(hands, _pick(start_ns, at, 0), _pick(end_ns, at, 0), look)
    of_hands = hand_spans.spans_of(tracks, policy.span_rule)
    one, two = hand_spans.hand_shares(tracks, of_hands)
    judged_whole = robot.copy()
    judged_whole[at[(at >= 0) & ~look]] = True
    whole = np.flatnonzero(judged_whole)
    forbidden, failed = gates[whole] & LICENCE_BITS, gates[whole]
    code = np.select(
        [robot[whole] & (forbidden > 0), robot[whole], failed > 0],
        [GATED + forbidden, np.full(len(whole), SpanCode.NO_CALIBRATION), GATED + failed],
        default=SpanCode.NOT_SAMPLED,
    )
    nothing = np.full(len(whole), np.nan)
    spans = Spans(
        np.concatenate([at[look][of_hands.clip], whole]),
        np.concatenate([of_hands.start_ns, start_ns[whole]]),
        np.concatenate([of_hands.end_ns, end_ns[whole]]),
        np.concatenate([of_hands.code, code]),
    )
    table = _table(clips, spans, policy, run_id)
    table = _with_shares(table, np.concatenate([one, nothing]), np.concatenate([two, nothing]), policy)
    return table.sort_by([("clip_id", "ascending"), ("start_ns", "ascending")])


def meaning(code: int) -> tuple[str, list[str]]:
    """Verdict and reasons of a code: a span's, or a gated clip's."""
    if code >= GATED:
        return reasons_of(code - GATED)
    span_code = SpanCode(code)
    return VERDICT_OF[span_code], [] if span_code is SpanCode.CONTACT else [span_code.name.lower()]


def _clip_of(hands: pa.Table, clips: pa.Table, detector: str) -> NDArray[np.int64]:
    """Per hands row the index of its clip; -1 for other detectors' and unknown clips' rows."""
    known = clips["clip_id"].combine_chunks()
    clip = with_nulls_as(pc.index_in(hands["clip_id"], value_set=known), -1)
    at: NDArray[np.int64] = clip.to_numpy().astype(np.int64)
    at[~equals(hands["detector"], detector).to_numpy().astype(bool)] = -1
    return at


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
    table = table.append_column("bimanual", pa.array(two >= policy.min_bimanual_share, mask=unknown))
    schema = schema_of(Decision)
    return table.select(schema.names).cast(schema)
