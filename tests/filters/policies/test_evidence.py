"""What a verdict rests on, beside the limits: the words agree with the verdict."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from filters.policies.clip_gates import GATES
from filters.policies.evidence import HandsSeen, hands_seen, measures_of, sentence_of
from filters.policies.policy import FIELD_OF
from schemas import Clip, Decision, Hands
from schemas.arrow import rows_of, schema_of, table_of
from tests.filters.policies.test_decide import POLICY, Row, clip, hands, run


def judged(one: Row, track: Row) -> list[tuple[Decision, str, HandsSeen]]:
    """The clip's decisions, each with its sentence and what was seen."""
    measures = measures_of(pa.Table.from_pylist([one], schema=schema_of(Clip)), POLICY)
    out = []
    for d in rows_of(Decision, run([one], [track])):
        seen = hands_seen(table_of(Hands, [track]), (one["start_ns"], one["end_ns"]), (d.start_ns, d.end_ns))
        out.append((d, sentence_of(d, measures, seen, POLICY), seen))
    return out


@pytest.mark.parametrize(
    ("seconds", "track", "sentences"),
    [
        (4, {}, ["0 of 16 samples show a hand; 2 are needed"]),
        (4, {5: [0.9]}, ["0 of 1 samples show a hand; 2 are needed", "1 of 9 samples shows a hand; 2 are needed"]),
        (2, {i: [0.2] for i in range(8)}, ["8 of 8 samples show a hand; strongest contact 0.20, 0.45 is needed, 0.3"]),
        (2, {i: [0.4, None] for i in range(8)}, ["8 of 8 samples show a hand; strongest contact 0.40, 0.45 is needed"]),
        (2, {i: [None] for i in range(8)}, ["8 of 8 samples show a hand; whether they handle something could not be"]),
        (2, {i: [0.9] for i in range(8)}, ["8 of 8 samples show a hand; strongest contact 0.90, 0.45 is needed"]),
    ],
)  # fmt: skip
def test_what_was_seen_and_what_is_needed(seconds: float, track: Any, sentences: list[str]) -> None:
    one = clip("a", seconds)
    got = [sentence for _, sentence, _ in judged(one, hands(one, track))]
    assert [a.startswith(b) for a, b in zip(got, sentences, strict=False)] == [True] * len(sentences), got


def test_a_part_of_a_long_run_does_not_seem_kept_against_its_limit() -> None:
    one = clip("a", 40)
    first, second = judged(one, hands(one, {i: [0.9 if i < 8 else 0.1] for i in range(160)}))
    assert (first[0].verdict, second[0].verdict) == ("accept", "accept")
    assert first[1] == "80 of 80 samples show a hand; strongest contact 0.90, 0.45 is needed"
    assert second[1] == "80 of 80 samples show a hand, in a longer stretch in which they reach contact 0.45"


def test_what_breaks_a_limit_is_not_why_a_robots_clip_is_undecided() -> None:
    one = clip("a", 4, stage="robot", sharpness=1.0)
    ((decision, words, _),) = judged(one, hands(one, {}))
    assert (decision.reasons, words) == (["no_calibration"], "a robot's hands are never looked for")


def test_the_share_of_samples_is_the_decisions_own() -> None:
    one = clip("a", 10, start_s=3)
    for decision, _, seen in judged(one, hands(one, {12: [0.1], 13: [0.9], 16: [None], 18: [0.2], 30: [0.5]})):
        assert decision.hand_share == seen.with_hand / seen.samples


@pytest.mark.parametrize(
    ("signals", "reasons", "sentence"),
    [
        ({"sharpness": 3.1}, ["blurred"], "sharpness is 3.1; min_sharpness asks for at least 4"),
        ({"freeze_share": 0.97}, ["frozen"], "freeze share is 0.97; max_freeze_share asks for at most 0.9"),
        (
            {"brightness": 3.0, "text_share": 0.2}, ["too_dark", "burned_in_text"],
            "brightness is 3; min_brightness asks for at least 12; "
            "text share is 0.2; max_text_share asks for at most 0.003",
        ),
        (
            {"licence": "CC-BY-ND-4.0"}, ["licence_no_derivatives"],
            "licence 'CC-BY-ND-4.0': licence_no_derivatives for research",
        ),
    ],
)  # fmt: skip
def test_each_broken_limit_is_told(signals: Any, reasons: list[str], sentence: str) -> None:
    one = clip("a", 4, **signals)
    ((decision, words, _),) = judged(one, hands(one, {}))
    assert (decision.reasons, words) == (reasons, sentence)


def test_what_is_not_measured_breaks_nothing_and_says_so() -> None:
    measures = measures_of(pa.Table.from_pylist([clip("a", 0.5)], schema=schema_of(Clip)), POLICY)
    assert [m.name for m in measures] == [FIELD_OF[gate] for gate in GATES]
    assert [m.text() for m in measures if m.is_broken] == ["length 0.5 s (at least 1 s)"]
    assert "sharpness not measured (at least 4)" in [m.text() for m in measures]
    one = clip("a", 4)
    ((_, words, _),) = judged(one, hands(one, {}) | {"sample_ns": []})
    assert words.startswith("its pictures were not looked at for hands: run `handwheel detect`")
