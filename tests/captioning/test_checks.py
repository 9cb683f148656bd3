"""Each check fails when it should, for its own reason."""

from __future__ import annotations

import pytest

from captioning.checks import CHECKS, CaptionSet, check, first_failure
from captioning.facts import Facts
from captioning.grounded import compose
from tests.support.caption_facts import BOTH, RIGHT_ONLY, facts, robot

CUP = facts(narration="#C C picks up the cup from the table", hands=RIGHT_ONLY)
NO_TIME = facts(narration="#C C picks up the cup", span_id="0" * 32)


def reason(known: Facts, content_hash: str | None = None, **changes: str | None) -> str | None:
    """The first failed check over the grounded texts with some replaced (None: taken out)."""
    texts = {k: t for k, t in (compose(known) | changes).items() if t is not None}
    failed = first_failure(check(CaptionSet(content_hash or known.span_id, texts), known))
    return failed.name if failed else None


@pytest.mark.parametrize(
    ("known", "changes", "expected"),
    [
        (CUP, {}, None),
        (CUP, {"content_hash": "f" * 32}, "wrong_clip"),
        (NO_TIME, {}, "wrong_clip"),
        (CUP, {"L3": None}, "levels_missing"),
        (CUP, {"L1": "  ..."}, "levels_missing"),
        (robot(), {"achieved": None}, "levels_missing"),
        (CUP, {"L1": "Pick up the cup from the table."}, "too_long"),
        (CUP, {"L2": "The cup is picked up."}, "not_verb_first"),
        (CUP, {"L2": "Picking up the cup."}, "not_verb_first"),
        (CUP, {"L2": "Cups on the table."}, "not_verb_first"),
        (CUP, {"L4": "Pick up the cup and then hold it."}, "banned_words"),
        (CUP, {"L4": "Watch the woman pick up the cup."}, "banned_words"),
        (CUP, {"L4": "Pick up the cup, probably to drink."}, "banned_words"),
        (CUP, {"L4": "Pick up the cup with the left hand."}, "hands_disagree"),
        (CUP, {"L4": "Pick up the cup with both hands."}, "hands_disagree"),
        (CUP, {"L3": "Pick up the cup with no hands."}, "hands_disagree"),
        (CUP, {"L5": "Move the right hand."}, "narration_not_covered"),
        (CUP, {"L5": "Hold the cup above the table."}, "narration_not_covered"),
        (CUP, {"L3": "Pick up the cup with coffee and sugar."}, "nouns_unsupported"),
        (CUP, {"L3": "Pick up the cup and pour from it."}, "verbs_unsupported"),
        (robot(), {"achieved": "Pick the pink block and place it at the goal."}, "outcome_disagrees"),
        (robot(), {"L2": "Pick the pink block successfully."}, "outcome_disagrees"),
        (robot(outcome="success"), {"L2": "Fail to pick the pink block."}, "outcome_disagrees"),
        (robot(outcome="unknown"), {"L2": "Pick the pink block."}, "outcome_disagrees"),
        (robot(outcome="unknown"), {"L2": "Attempt to pick the block and succeed."}, "outcome_disagrees"),
        (robot(), {"L3": "Fail to pick the pink block with the left hand."}, "hands_disagree"),
    ],
)
def test_the_first_failed_check_is_the_reason(
    known: Facts, changes: dict[str, str | None], expected: str | None
) -> None:
    content_hash = changes.get("content_hash")
    texts = {k: t for k, t in changes.items() if k != "content_hash"}
    assert reason(known, content_hash, **texts) == expected


def test_every_check_has_a_failing_example() -> None:
    marks = test_the_first_failed_check_is_the_reason.pytestmark  # type: ignore[attr-defined]
    failing = {case[2] for case in marks[0].args[1]}
    assert failing == {name for name, _ in CHECKS} | {None}


def test_next_to_is_a_place_only_in_the_original() -> None:
    beside = facts(narration="#C C puts the cup next to the sink", hands=BOTH)
    assert reason(beside) is None
    assert reason(beside, L2="Put the cup next to the sink.") == "banned_words"


def test_an_original_may_name_a_hand_that_the_track_missed() -> None:
    named = facts(narration="#C C lifts the lid with the left hand", hands=RIGHT_ONLY)
    assert reason(named, L4="Lift the lid with the left hand.") is None


def test_scores_are_shares() -> None:
    texts = compose(CUP) | {"L1": "Pick up the cup from the table."}
    results = {r.name: r for r in check(CaptionSet(CUP.span_id, texts), CUP)}
    assert results["too_long"].score == pytest.approx(0.8)
    assert list(results) == [name for name, _ in CHECKS]
