"""audit captions: verbs, objects, colours, sides and endings that texts tell, against the task that was done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.audits import lexicon
from pipelines.audits.captions import audit, checks_of, task_of
from pipelines.audits.corpus_truth import Recording, Truth, join, truths_below
from schemas.spans import NS
from tests.support.audits import TASK, shot, truth, truths, write
from tests.support.corpus import POLICY, RECIPE, corpus

PICK = replace(TASK, verb="pick", object="mug", colour="red", roles={"right": "acts", "left": "rests"})
FAILED = replace(PICK, success=False, failure_cause="slip")


@pytest.mark.parametrize(
    ("text", "verb", "said"),
    [
        ("Pick up the mug.", "pick", True),
        ("The hand is grabbing a mug.", "pick", True),
        ("It took the mug.", "pick", True),
        ("Lifts the mug", "pick", True),
        ("Wiping the table", "wipe", True),
        ("Put the lid down.", "place", True),
        ("Give the ball away.", "hand over", True),
        ("Look at the mug.", "pick", False),
        ("The picture of a mug.", "pick", False),
        ("Juggle the balls.", "juggle", True),
    ],
)
def test_verbs_in_other_words_and_forms(text: str, verb: str, said: bool) -> None:
    assert lexicon.verb_said(text, verb) is said


@given(st.sampled_from(sorted(lexicon.VERBS)), st.sampled_from(["", "s", "ing", "ed"]))
def test_every_verb_is_known_by_its_forms(verb: str, ending: str) -> None:
    base = verb.split()[0]
    form = base[:-1] + ending if base.endswith("e") and ending in ("ing", "ed") else base + ending
    assert lexicon.verb_said(f"They {form} it.", verb)


def test_colours_belong_to_their_noun() -> None:
    assert lexicon.colours_of("the red mug on the blue plate", "mug") == ["red"]
    assert lexicon.colours_of("the big gray cup", "mug") == ["grey"]
    assert lexicon.colours_of("the mug near a blue plate", "mug") == []


@pytest.mark.parametrize(
    ("text", "sides"),
    [
        ("Pick up the mug with the right hand while the left hand rests.", {"right"}),
        ("The left hand holds the jar, the right hand turns the mug.", {"left", "right"}),
        ("Lift the mug with both hands.", {"left", "right"}),
        ("Turn the mug right.", set()),
        ("Pick up the mug with the right hand. Move both hands. Keep the left hand in view.", {"right"}),
        ("The left and right hands lift the mug.", {"left", "right"}),
    ],
)
def test_sides_that_act(text: str, sides: set[str]) -> None:
    assert lexicon.sides_said(text, "mug") == sides


def test_checks_of_a_good_and_a_bad_caption() -> None:
    good = checks_of("L3", "Pick up the red mug with the right hand.", PICK)
    assert good == dict.fromkeys(("verb", "object", "colour", "side", "success_told", "length"), True)
    bad = checks_of("L1", "Fail to wipe the blue mug with the left hand.", PICK)
    assert bad == dict.fromkeys(good, False) | {"object": True}


def test_a_failure_told_as_success_is_found() -> None:
    assert checks_of("L2", "Pick up the red mug.", FAILED)["failure_told"] is False
    assert checks_of("L2", "Reach for the red mug and drop it.", FAILED)["failure_told"] is True
    assert "failure_told" not in checks_of("instruction", "Pick up the red mug.", FAILED)
    assert "failure_told" not in checks_of("original", "Pick up the red mug.", FAILED)


def test_long_captions_tell_steps_and_a_short_one_may_name_the_target() -> None:
    poured = replace(PICK, verb="pour", object="mug", target="blue bowl")
    assert "verb" not in checks_of("L4", "Grip the mug and tilt it over the bowl.", poured)
    assert checks_of("L1", "Fill the bowl.", poured)["object"]
    assert not checks_of("L2", "Fill the bowl.", poured)["object"]


def test_what_is_not_said_is_not_judged() -> None:
    checks = checks_of("L1", "Pick up the mug.", PICK)
    assert not {"colour", "side"} & set(checks)


def test_a_helping_hand_may_be_named_but_not_alone() -> None:
    helped = replace(PICK, roles={"right": "acts", "left": "helps"})
    assert checks_of("L2", "Open the mug with both hands.", helped)["side"]
    assert not checks_of("L2", "Open the mug with the left hand.", helped)["side"]
    assert not checks_of("L2", "Open the mug with both hands.", PICK)["side"]


def test_the_task_is_the_one_that_overlaps_most() -> None:
    tasks = tuple(replace(TASK, verb=v, start_ns=a * NS, end_ns=b * NS) for v, a, b in (("pick", 0, 4), ("pour", 4, 9)))
    rest = replace(TASK, verb="none", start_ns=9 * NS, end_ns=20 * NS)
    head = truth("u", [shot(0, 20, tasks=(*tasks, rest))])
    recording = Recording("s", "u", "ego", Truth(Path("t"), head), ())
    verbs = [task_of(recording, a * NS, b * NS) for a, b in ((0, 5), (3, 9), (8, 20), (10, 20))]
    assert [t.verb if t else None for t in verbs] == ["pick", "pour", "pour", None]


def test_a_corpus(tmp_path: Path) -> None:
    joined = join(corpus(tmp_path / "root"), RECIPE, POLICY, truths_below(write(tmp_path / "truth", truths())))
    result = audit(joined)
    found = result.metrics
    assert result.n == 2  # the kitchen's kept span and the robot's failed attempt
    assert (found["verb"].estimate, found["verb"].n) == (round(4 / 7, 6), 7)  # the kitchen, and the instruction
    assert result.by["kind"]["L5"]["object"].estimate == 0.0
    assert result.by["stage"]["ego"]["object"].estimate == 0.75
    assert result.by["kind"]["achieved"]["failure_told"].estimate == 1.0
    assert result.by["kind"]["L1"]["failure_told"].estimate == 0.0
    assert result.unmatched["spans_without_task"] > 0
    assert any(dict(e.texts).get("truth") == "Move the cup." or "failure (drop)" in dict(e.texts)["truth"]
               for e in result.examples)  # fmt: skip
