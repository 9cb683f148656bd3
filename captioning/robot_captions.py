"""A robot's attempt in words: its instruction, and what came of it. A failure never reads as a success."""

from __future__ import annotations

import re

from captioning.compress import shorten
from captioning.facts import AttemptFacts
from captioning.imperative import own_words, sentences_of
from captioning.levels import ACHIEVED_LIMIT, LIMITS, pack, sentence
from captioning.lexicon import BANNED, tokens, word_count
from captioning.own_words import QUOTED, is_foreign, is_name

# Phases that logs name as the last one reached, as the act that the failure interrupted.
PHASES = {
    "hover": "hovering", "reach": "reaching", "approach": "approaching", "lower": "lowering",
    "descend": "descending", "grasp": "grasping", "close": "closing the gripper", "lift": "lifting",
    "traverse": "moving across", "transport": "moving across", "move": "moving", "place": "placing",
    "open": "opening the gripper", "release": "releasing", "retreat": "retreating",
}  # fmt: skip
_LEAD = {"success": "", "failure": "fail to ", "unknown": "attempt to "}
_FOLLOW = "follow the instruction"
_BARE = {"success": "complete the task", "failure": "fail the task", "unknown": "attempt the task"}


def attempt_head(attempt: AttemptFacts) -> str:
    """The clause that every level opens with: the outcome comes first, and no shortening loses it."""
    clause = _instruction_clause(attempt)
    return _bare(attempt) if clause is None else _LEAD[attempt.outcome] + clause


def attempt_gist(attempt: AttemptFacts) -> str:
    """The same in the words of L1."""
    clause, lead = _instruction_clause(attempt), _LEAD[attempt.outcome]
    if clause is None or clause.startswith(_FOLLOW):
        return _bare(attempt)
    if not lead:
        return shorten(clause, LIMITS["L1"]) or _bare(attempt)
    return _act(clause, lead) or shorten(lead + clause, LIMITS["L1"]) or _bare(attempt)


def _bare(attempt: AttemptFacts) -> str:
    if attempt.instruction is None and attempt.outcome == "unknown":
        return "operate the robot"
    return _BARE[attempt.outcome]


def _act(clause: str, lead: str) -> str:
    """The act without its verb's particle ("pick up the cup" as "pick the cup"), or nothing."""
    words = clause.split()
    if "the" not in words[1:3]:
        return ""
    short = shorten(" ".join([words[0], *words[words.index("the") :]]), LIMITS["L1"] - word_count(lead))
    return lead + short if short else ""


def _instruction_clause(attempt: AttemptFacts) -> str | None:
    """The instruction as one verb-first clause; its own words, quoted, where it is no order in English."""
    text = attempt.instruction or ""
    clauses = sentences_of(text)
    if not clauses:
        return None
    if _is_order(text, clauses):
        return " and ".join(clauses)
    return f"{_FOLLOW} {own_words(text)}"


def _is_order(text: str, clauses: list[str]) -> bool:
    if is_foreign(text) or is_name(text, is_task=True):
        return False
    return "show" in tokens(text) or not any(clause.startswith("show ") for clause in clauses)


def attempt_extras(attempt: AttemptFacts) -> list[str]:
    """How it ended, and with which robot."""
    return [*_ending(attempt), *_robot(attempt)]


def _ending(attempt: AttemptFacts) -> list[str]:
    if attempt.outcome == "success":
        return ["succeed, as the log says"]
    if attempt.outcome != "failure":
        return []
    out = []
    if attempt.failure_mode is not None:
        mode = " ".join(t for t in tokens(attempt.failure_mode.replace("_", " ")) if t not in BANNED)
        if mode in PHASES:
            out.append(f"stop while {PHASES[mode]}")
        elif mode and word_count(mode) <= 12:
            out.append(f"end in the failure that the log names {mode}")
    if attempt.failed_after_s is not None:
        out.append(f"fail after {attempt.failed_after_s:.1f} seconds")
    return out


def _robot(attempt: AttemptFacts) -> list[str]:
    words = re.sub(r"[\W_]+", " ", attempt.embodiment).split()
    words = [w for w in words if w.lower() not in BANNED | {"robot"}]
    return [f"use the {' '.join(words)} robot"] if 0 < len(words) <= 6 else []


def outcome_sentence(attempt: AttemptFacts) -> str | None:
    """What came of it; None where the log does not say."""
    if attempt.outcome == "unknown":
        return None
    return pack([attempt_head(attempt)], _ending(attempt), ACHIEVED_LIMIT)


def instruction_sentence(attempt: AttemptFacts) -> str | None:
    """What it was told to do, as one sentence, or in its own words; None where the log has none."""
    clause = _instruction_clause(attempt)
    if clause is None or attempt.instruction is None:
        return None
    return " ".join(attempt.instruction.split()) if QUOTED.match(clause) else sentence(clause)
