"""Tasks and narrations in other languages, names, and what is no order: they stay their own words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captioning.checks import CaptionSet, check, first_failure
from captioning.facts import Facts
from captioning.grounded import compose
from captioning.levels import LIMITS
from captioning.lexicon import word_count
from captioning.own_words import is_foreign, is_name, quote
from tests.support.caption_facts import facts, narrations, robot

OTHER = [
    "把方块放进箱子。",
    "キューブを箱に入れる",
    "큐브를 상자에 넣으세요.",
    "Возьми куб и положи в ящик.",
    "ضع المكعب في الصندوق",
    "Lege den Würfel in die Kiste.",
    "Pack den Ball in die Box.",  # its verb is an English one too
    "Place le cube dans la boîte.",
    "Abra a gaveta.",
    "Pon el cubo en la caja.",
    "Open de lade.",
    "Læg terningen i kassen.",
    "i her man lægger den",  # words that are not written of anyone in English
    "Pick 杯子 now.",
]
NAMES = ["pick_place_cube_v3", "PnPBottleToCabinetClose", "lift_red_block", "task01"]
NO_ORDERS = ["cube into bin", "The block is on the table.", "Pick the cube. The cube is red."]
ENGLISH = ["Pick up the cup.", "open drawer", "put carrot on plate", "Place the café cup on the tray.", "turn on LED"]


def passing(known: Facts) -> dict[str, str]:
    """The texts, which pass every check."""
    texts = compose(known)
    failed = first_failure(check(CaptionSet(known.span_id, texts), known))
    assert failed is None, (failed, texts)
    return texts


@pytest.mark.parametrize("task", [*OTHER, *NAMES, *NO_ORDERS])
@pytest.mark.parametrize("outcome", ["success", "failure", "unknown"])
def test_a_task_that_is_no_order_in_english_stays_its_own_words(task: str, outcome: str) -> None:
    texts = passing(robot(instruction=task, outcome=outcome, failure_mode=None))
    assert texts["instruction"] == task
    for level in ("L2", "L3", "L4", "L5"):
        assert quote(task) in texts[level]
    assert not any(word in text for text in texts.values() for word in ("..", "。.", "。”.", ".”."))
    lead = {"success": "Follow", "failure": "Fail to follow", "unknown": "Attempt to follow"}[outcome]
    assert texts["L2"].startswith(f"{lead} the instruction “")
    assert texts["L1"] in ("Complete the task.", "Fail the task.", "Attempt the task.")


@pytest.mark.parametrize("task", ENGLISH)
def test_an_order_in_english_is_written_as_before(task: str) -> None:
    texts = passing(robot(instruction=task, outcome="success", failure_mode=None))
    assert not any("“" in text for text in texts.values())
    assert not is_foreign(task)
    assert not is_name(task, is_task=True)


@pytest.mark.parametrize("words", [*OTHER, "pick_place_cube_v3", "PnPBottleToCabinetClose"])
def test_a_narration_in_another_language_is_quoted(words: str) -> None:
    texts = passing(facts(narration=words))
    assert quote(words) in texts["L5"]
    assert " the " not in texts["L2"].replace("Show the scene.", "")


@settings(deadline=None)
@given(narrations)
def test_narrations_in_english_are_not_taken_for_others(text: str) -> None:
    assert not is_foreign(text)


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=300), st.sampled_from(["success", "failure", "unknown"]), st.booleans())
def test_any_task_composes_within_the_limits(text: str, outcome: str, narrated: bool) -> None:
    known = facts(narration=text) if narrated else robot(instruction=text, outcome=outcome, failure_mode=None)
    texts = compose(known)
    assert all(0 < word_count(texts[level]) <= limit for level, limit in LIMITS.items())


def test_a_long_task_is_left_out_where_it_does_not_fit_and_never_cut_within() -> None:
    task = " ".join(["pon el cubo en la caja"] * 20)
    texts = passing(robot(instruction=task, outcome="failure", failure_mode=None))
    assert texts["L2"] == "Fail to follow the instruction."
    assert texts["L5"].startswith("Fail to follow the instruction “pon el cubo en la caja pon")
    assert "…”." not in texts["L5"]
    assert texts["instruction"] == task
