"""What the verdicts of a life rest on: hands and signals as they were judged, beside the policy's limits."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from filters.policies.evidence import hands_seen, measures_of, sentence_of
from filters.policies.policy import Policy
from infra.storage.tables import Store
from schemas import Clip, Decision
from schemas.arrow import rows_of, schema_of
from schemas.columns import equals

_HEAVY = ("fingerprints", "faces")


def evidence_of(
    store: Store, policy: Policy, decision_ids: Iterable[str]
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """A sentence for each of these decisions, all of this policy; and by clip_id its values beside their limits."""
    decisions = rows_of(Decision, store.read_keys("decisions", "decision_id", sorted(decision_ids)))
    row_ids = sorted({d.clip_row_id for d in decisions})
    columns = [name for name in schema_of(Clip).names if name not in _HEAVY]
    clips = store.read_keys("clips", "clip_row_id", row_ids, columns)
    hands = store.read_keys("hands", "clip_row_id", row_ids)
    hands = hands.filter(equals(hands["detector"], policy.detector))
    clip_at = {key: i for i, key in enumerate(clips["clip_row_id"].to_pylist())}
    hands_at = {key: i for i, key in enumerate(hands["clip_row_id"].to_pylist())}
    sentences: dict[str, str] = {}
    measures: dict[str, list[str]] = {}
    for decision in decisions:
        if (at := clip_at.get(decision.clip_row_id)) is None:
            continue
        clip = clips.slice(at, 1)
        values = measures_of(clip, policy)
        row = hands_at.get(decision.clip_row_id)
        on_view = (
            None if row is None else hands_seen(hands.slice(row, 1), _span(clip), (decision.start_ns, decision.end_ns))
        )
        sentences[decision.decision_id] = sentence_of(decision, values, on_view, policy)
        measures[decision.clip_id] = [measure.text() for measure in values]
    return sentences, measures


def _span(clip: pa.Table) -> tuple[int, int]:
    return clip["start_ns"][0].as_py(), clip["end_ns"][0].as_py()
