"""The grounded captioner says only what was measured, in five lengths, and passes its own checks."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captioning.checks import CaptionSet, check, first_failure
from captioning.compress import shorten
from captioning.facts import Facts, facts_of
from captioning.grounded import compose
from captioning.imperative import clause_of, sentences_of
from captioning.levels import LIMITS
from captioning.lexicon import VERBS, lemma, tokens, word_count
from tests.support.caption_facts import BOTH, RIGHT_ONLY, any_facts, attempt, facts, narrations, robot


@settings(deadline=None, max_examples=300)
@given(any_facts())
@pytest.mark.slow
def test_what_it_composes_passes_every_check(known: Facts) -> None:
    texts = compose(known)
    failed = first_failure(check(CaptionSet(known.span_id, texts), known))
    assert failed is None, (failed, texts, known.original)


@settings(deadline=None, max_examples=100)
@given(any_facts())
@pytest.mark.slow
def test_longer_levels_say_no_less(known: Facts) -> None:
    counts = [word_count(compose(known)[level]) for level in LIMITS]
    assert counts == sorted(counts)


@pytest.mark.parametrize(
    ("original", "clause"),
    [
        ("#C C picks up the cup", "pick up the cup"),
        ("#C C picks up a cup with his left hand and places it on the table.",
         "pick up the cup with the left hand and place it on the table"),
        ("open drawer", "open the drawer"),
        ("try to pick up the blue bottle and miss it", "try to pick up the blue bottle and miss it"),
        ("take:plate", "take the plate"),
        ("put-down plate", "put down the plate"),
        ("-put cup from counter or drying rack into sink",
         "put the cup from the counter or drying rack into the sink"),
        ("turn lever vertical to front", "turn the lever vertical to the front"),
        ("#O man X picks a cup from the table", "watch the person pick the cup from the table"),
        ("#C C stares at #unsure", "stare at something"),
        ("C then washes the plate next to the sink, then dries it",
         "wash the plate beside the sink and dry it"),
        ("A man is chopping vegetables in the kitchen", "chop the vegetables in the kitchen"),
        ("The right hand reaches for a blue box, closes short of it and lifts away empty.",
         "reach for the blue box, close short of it and lift away empty with the right hand"),
        ("Aerial view of the city", "show the Aerial view of the city"),
        ("#C", ""),
        ("...", ""),
    ],
)  # fmt: skip
def test_originals_become_verb_first_clauses(original: str, clause: str) -> None:
    assert clause_of(original) == clause


@settings(deadline=None)
@given(narrations, st.integers(1, 30))
def test_shortening_keeps_words_and_limit(text: str, limit: int) -> None:
    for clause in sentences_of(text):
        short = shorten(clause, limit)
        assert word_count(short) <= limit
        unnamed = {"object"} if short.endswith(" the object") else set()  # what has no short name
        assert set(tokens(short)) <= set(tokens(clause)) | unnamed
        assert short != "watch the object"


@pytest.mark.parametrize(
    ("limit", "short"),
    [(2, ""), (3, "watch the person"), (4, "watch the person"), (7, "watch the person open the drawer")],
)
def test_a_person_who_is_watched_stays_one(limit: int, short: str) -> None:
    assert shorten("watch the person open the drawer on the table", limit) == short


@given(st.text(max_size=400))
@settings(deadline=None)
def test_any_text_composes_within_the_limits(text: str) -> None:
    texts = compose(facts(narration=text, hands=RIGHT_ONLY))
    assert all(0 < word_count(texts[level]) <= limit for level, limit in LIMITS.items())


@pytest.mark.parametrize(
    ("clause", "gist"),
    [
        ("pick up the cup from the table", "pick up the cup"),
        ("pick up the metal slotted spatula from the bowl", "pick up the slotted spatula"),
        ("pick up and gather the wooden pieces", "gather the wooden pieces"),
        ("roll the dough using the rolling pin", "roll the dough"),
        ("dip the paintbrush into the water jar, load it with the paint", "dip the paintbrush"),
        ("watch the person pick the cup from the table", "watch the person"),
        ("pick up the blue and striped piece of the clothing", "pick up the object"),
    ],
)
def test_the_gist_is_verb_and_object(clause: str, gist: str) -> None:
    assert shorten(clause, 5) == gist


def test_lemmas_are_stable() -> None:
    assert {v for v in VERBS if lemma(v) != v} == set()
    pairs = "picks pick,picking pick,dipped dip,cutting cut,tries try,dishes dish,boxes box,leaves leaf"
    for word, base in (pair.split() for pair in pairs.split(",")):
        assert lemma(word) == base


def test_hands_alone_are_described_by_what_was_measured() -> None:
    texts = compose(facts(hands=BOTH))
    assert texts["L1"] == "Move the right hand."
    assert texts["L2"] == "Move the right hand more than the left hand."
    assert texts["L5"] == (
        "Move the right hand more than the left hand. Move the right hand to the left in the lower right "
        "of the picture. Keep the left hand steady in the lower left of the picture. "
        "Keep the right hand in contact with something. "
        "Keep the left hand in view most of the time. Keep the right hand in view most of the time. "
        "Keep the camera steady. Continue for 4.2 seconds."
    )


def test_a_failure_is_told_as_one_and_a_success_as_one() -> None:
    failed = compose(robot())
    assert failed["instruction"] == "Pick the pink block and place it at the goal."
    assert failed["achieved"] == "Fail to pick the pink block and place it at the goal. Stop while lowering."
    assert failed["L1"] == "Fail to pick the block."
    done = compose(robot(outcome="success", failure_mode=None))
    assert done["L2"] == "Pick the pink block and place it at the goal."
    assert done["achieved"].endswith("Succeed, as the log says.")
    unknown = compose(robot(outcome="unknown", failure_mode=None, instruction="put carrot on plate"))
    assert unknown["L2"] == "Attempt to put the carrot on the plate."
    assert "achieved" not in unknown


def test_facts_take_the_track_within_the_span_only() -> None:
    def hand(sample: int, name: str, x: float, contact: float | None) -> dict[str, object]:
        return {"sample": sample, "side": name, "score": 0.9, "x0": x, "x1": x + 0.2, "y0": 0.4, "y1": 0.6,
                "contact": contact}  # fmt: skip

    span = SimpleNamespace(span_id="s", sha256="h", start_ns=10, end_ns=30)
    track = SimpleNamespace(
        sample_ns=[0, 10, 20, 30],
        hands=[
            hand(0, "left", 0.0, 1.0),
            hand(1, "right", 0.1, 0.9),
            hand(2, "right", 0.5, 0.2),
            hand(3, "left", 0, 1),
        ],
    )
    found = facts_of(span, track, None, None, "ego", [])
    assert found.narration is None
    assert found.hands is not None
    assert (found.hands.samples, found.hands.sides, found.hands.both_share) == (2, ("right",), 0.0)
    right = found.hands.right
    assert right is not None
    assert right.share == 1.0
    assert right.dx == pytest.approx(0.4)
    assert right.contact_share == 0.5
    assert attempt().instruction is not None


def test_a_can_is_a_thing() -> None:
    assert shorten("push the black can to the left", LIMITS["L1"]) == "push the black can"
