"""Captions of the scene graph: within their limits, verb first, true to outcome, sides and names."""

from __future__ import annotations

import itertools

import pytest
from simworld.tasks import plan, words
from simworld.tasks.words import LIMITS, TaskFacts

from captioning.lexicon import BANNED, VERBS, tokens, word_count
from schemas.truth import TaskTruth

CASES = [
    (verb, thing, outcome, side, helper)
    for verb in plan.VERBS
    for thing in plan.OBJECTS[verb]
    for outcome in ("success", *(c for c, verbs in plan.CAUSES.items() if verb in verbs))
    for side, helper in itertools.product(("left", "right"), ("helps", "rests", None))
]


def facts(verb: str, thing: str, outcome: str, side: str, helper: str | None) -> TaskFacts:
    other = "left" if side == "right" else "right"
    target = {"place": "white plate", "stack": "blue book", "pour": "green bowl"}.get(verb)
    return TaskFacts(
        verb=verb,
        object=thing,
        colour="red",
        target=target,
        side=side,
        roles={side: "acts"} | ({} if helper is None else {other: helper}),
        outcome=outcome,
        place="on the right side of the table",
        goal="on the left side of the table",
        near=("show the blue mug behind it", "show the black can to the left of it"),
        glove="latex",
    )


@pytest.mark.parametrize(("verb", "thing", "outcome", "side", "helper"), CASES)
def test_captions_of_every_task(verb: str, thing: str, outcome: str, side: str, helper: str | None) -> None:
    texts = words.captions(facts(verb, thing, outcome, side, helper))
    assert tuple(texts) == tuple(LIMITS)
    for level, text in texts.items():
        assert 0 < word_count(text) <= LIMITS[level], text
        assert tokens(text)[0] in VERBS, text
        assert not BANNED & set(tokens(text)), text
        assert ("fail" in tokens(text) or "without success" in text) == (outcome != "success"), text
    for level in ("L3", "L4", "L5"):
        assert f"the {side} hand" in texts[level]
    for level in ("L2", "L3", "L4", "L5"):
        assert f"red {thing}" in texts[level]
    other = "left" if side == "right" else "right"
    assert (f"{other} hand" in texts["L5"]) == (helper is not None)
    assert ("steady" in texts["L5"]) == (helper == "helps")


def test_more_words_at_every_level() -> None:
    for case in CASES:
        counts = [word_count(text) for text in words.captions(facts(*case)).values()]
        assert counts == sorted(counts)


@pytest.mark.parametrize("cause", [None, *plan.CAUSES])
def test_a_narration_names_the_act_and_says_when_it_failed(cause: str | None) -> None:
    verb = plan.CAUSES[cause][0] if cause else "place"
    task = TaskTruth(
        start_ns=0,
        end_ns=1,
        verb=verb,
        object="mug",
        colour="red",
        target="plate",
        roles={"right": "acts"},
        success=cause is None,
        failure_cause=cause,
        failure_frame=None if cause is None else 3,
        captions={},
    )
    text = words.narration(task)
    assert "red mug" in text
    assert text.startswith("try to ") == (cause is not None)


@pytest.mark.parametrize("gesture", plan.AXES["gesture"])
def test_gestures_touch_nothing(gesture: str) -> None:
    texts = words.captions(TaskFacts(verb="gesture", gesture=gesture, side="left", roles={"left": "gestures"}))
    assert "touch nothing" in texts["L4"]
    assert all(tokens(text)[0] in VERBS for text in texts.values())
    assert all(word_count(text) <= LIMITS[level] for level, text in texts.items())


def test_a_table_without_a_person_names_no_hand_of_one() -> None:
    texts = words.captions(TaskFacts(verb="none", roles={}, scene=("the red mug", "a statue of a hand")))
    assert "without a person" in texts["L2"]
    assert "left hand" not in texts["L5"]
    assert "right hand" not in texts["L5"]
