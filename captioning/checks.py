"""What a caption set must pass: pure checks, of which the first that fails names the reject's reason."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from captioning.captioner import Captions, Refusal
from captioning.facts import Facts
from captioning.imperative import owed_words, own_words, sentences_of
from captioning.levels import ACHIEVED_LIMIT, LIMITS
from captioning.lexicon import (
    BANNED,
    DETERMINERS,
    FUNCTION,
    GENERIC_NOUNS,
    PERSONS,
    PLAIN,
    PLAIN_VERBS,
    VERBS,
    content,
    lemma,
    tokens,
    word_count,
)
from schemas.keys import clip_id

COVERAGE = 0.9  # of the original's nouns and verbs, in the level that has room for all of them
SUPPORTED = 0.9  # of a caption's nouns, and of its verbs
LEVELS = tuple(LIMITS)

FAILED = frozenset(["fail", "failure", "miss", "unsuccessful", "unsuccessfully", "unable", "without"])
SUCCEEDED = frozenset(["success", "succeed", "successful", "successfully", "complete"])
ATTEMPTED = frozenset(["attempt", "try", "operate"])


@dataclass(frozen=True, slots=True)
class CaptionSet:
    """The texts that one writer gave one span, by kind, with the hash of the span it says they are about."""

    content_hash: str
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """score: 0 (worst) to 1; name: the reject's reason where it did not pass."""

    name: str
    score: float
    passed: bool


@dataclass(frozen=True, slots=True)
class CheckedCaptions:
    """Texts by kind that passed every check, with the results."""

    texts: Mapping[str, str]
    results: list[CheckResult]


Scored = tuple[float, bool]


def content_hash_agrees(captions: CaptionSet, facts: Facts) -> Scored:
    """The reply is about this span, and the span is what its hash says."""
    true = clip_id(facts.sha256, facts.start_ns, facts.end_ns)
    return _all([captions.content_hash == facts.span_id, facts.span_id == true])


def levels_present(captions: CaptionSet, facts: Facts) -> Scored:
    """All five levels, and `achieved` where the log says what came of an attempt; none of them empty."""
    known = facts.attempt is not None and facts.attempt.outcome != "unknown"
    kinds = (*LEVELS, "achieved") if known else LEVELS
    return _all([bool(tokens(captions.texts.get(kind, ""))) for kind in kinds])


def length_within(captions: CaptionSet, facts: Facts) -> Scored:
    """No level is longer than its limit."""
    limits = {**LIMITS, "achieved": ACHIEVED_LIMIT}
    return _all([word_count(text) <= limits[kind] for kind, text in _own_texts(captions).items()])


def verb_first(captions: CaptionSet, facts: Facts) -> Scored:
    """Every level opens with a verb in its base form."""
    return _all([_opens_with_verb(text, facts) for text in _own_texts(captions).values()])


def no_banned_words(captions: CaptionSet, facts: Facts) -> Scored:
    """No word of sequence, no hedge, no guess at identity or intent, but in words of the original that are quoted."""
    quoted = own_words(facts.original or "")
    return _all([not BANNED & set(tokens(text.replace(quoted, ""))) for text in _own_texts(captions).values()])


def narration_covered(captions: CaptionSet, facts: Facts) -> Scored:
    """L5 has the original's nouns and verbs."""
    owes = set(content(owed_words(facts.original)))
    share = len(owes & set(content(captions.texts["L5"]))) / len(owes) if owes else 1.0
    return share, share >= COVERAGE


def hand_words_agree(captions: CaptionSet, facts: Facts) -> Scored:
    """Sides that a text names are in the track or in the original; a hand in view is not called absent."""
    return _all([_hands_agree(text, facts) for text in _own_texts(captions).values()])


def nouns_supported(captions: CaptionSet, facts: Facts) -> Scored:
    """Nouns are the original's, the facts', or words of seeing; the worst level counts."""
    allowed = _original_words(facts) | GENERIC_NOUNS
    scores = [_share([w in allowed for w in _nouns(text)]) for text in _own_texts(captions).values()]
    return min(scores), min(scores) >= SUPPORTED


def verbs_supported(captions: CaptionSet, facts: Facts) -> Scored:
    """Verbs are the original's or say no more than how hands are seen to be; the worst level counts."""
    allowed = _original_words(facts) | PLAIN_VERBS | GENERIC_NOUNS
    scores = [_share([w in allowed for w in _verbs(text)]) for text in _own_texts(captions).values()]
    return min(scores), min(scores) >= SUPPORTED


def outcome_agrees(captions: CaptionSet, facts: Facts) -> Scored:
    """A failure reads as one at every length, a success never as a failure, an unknown outcome as neither."""
    attempt = facts.attempt
    if attempt is None:
        return 1.0, True
    given = set(content(attempt.instruction or "")) | set(tokens(attempt.instruction or ""))
    own = [_outcome_words(text) - given for text in _own_texts(captions).values()]
    if attempt.outcome == "failure":
        return _all([bool(words & FAILED) and not words & SUCCEEDED for words in own])
    if attempt.outcome == "success":
        return _all([not words & (FAILED | {"not"}) for words in own])
    return _all([bool(words & ATTEMPTED) and not words & (FAILED | SUCCEEDED) for words in own])


CHECKS: tuple[tuple[str, Callable[[CaptionSet, Facts], Scored]], ...] = (
    ("wrong_clip", content_hash_agrees),
    ("levels_missing", levels_present),
    ("too_long", length_within),
    ("not_verb_first", verb_first),
    ("banned_words", no_banned_words),
    ("outcome_disagrees", outcome_agrees),
    ("hands_disagree", hand_words_agree),
    ("narration_not_covered", narration_covered),
    ("nouns_unsupported", nouns_supported),
    ("verbs_unsupported", verbs_supported),
)


def check(captions: CaptionSet, facts: Facts) -> list[CheckResult]:
    """Every check's result in CHECKS' order; those after a failed `levels_missing` are left out."""
    results: list[CheckResult] = []
    for name, judge in CHECKS:
        score, passed = judge(captions, facts)
        results.append(CheckResult(name, round(score, 6), passed))
        if name == "levels_missing" and not passed:
            break
    return results


def first_failure(results: list[CheckResult]) -> CheckResult | None:
    """The result that names the reject's reason, or None where all passed."""
    return next((r for r in results if not r.passed), None)


def judge_captions(captions: Captions, facts: Facts) -> CheckedCaptions | Refusal:
    """The captions with their checks' results where all passed, else the first failed check as the refusal."""
    results = check(CaptionSet(facts.span_id, captions.texts), facts)
    failed = first_failure(results)
    if failed is None:
        return CheckedCaptions(captions.texts, results)
    texts = json.dumps(dict(captions.texts), ensure_ascii=False)[:600]
    return Refusal(failed.name, f"score {failed.score:.2f}: {texts}")


def _all(passes: list[bool]) -> Scored:
    return sum(passes) / len(passes), all(passes)


def _share(passes: list[bool]) -> float:
    return sum(passes) / len(passes) if passes else 1.0


def _own_texts(captions: CaptionSet) -> dict[str, str]:
    """What the writer answers for: the levels and `achieved`, not the log's own instruction."""
    return {kind: text for kind, text in captions.texts.items() if kind in LIMITS or kind == "achieved"}


def _opens_with_verb(text: str, facts: Facts) -> bool:
    words = tokens(text)
    if not words:
        return False
    if words[0] in VERBS:
        return True
    # A verb that the lexicon lacks: the original's own first word, or what stands before an article.
    first = {tokens(s)[0] for s in sentences_of(facts.original)}
    if words[0] in first:
        return True
    follows = words[1] if len(words) > 1 else ""
    noun_like = words[0] in FUNCTION | PLAIN | PERSONS | GENERIC_NOUNS or words[0].endswith(("ing", "s"))
    return not noun_like and follows in DETERMINERS


_SIDE = re.compile(r"\b(left|right)(?:\s+or\s+(?:left|right))?[\s-]+hand(?:ed|s)?\b", re.IGNORECASE)
_BOTH = re.compile(r"\b(?:both|two|each)\s+(?:of\s+the\s+)?hands?\b|\bhands\s+together\b", re.IGNORECASE)
_NONE = re.compile(r"\b(?:no|without(?:\s+any)?)\s+hands?\b|\bnot\s+visible\b", re.IGNORECASE)


def _hands_agree(text: str, facts: Facts) -> bool:
    original = facts.original or ""
    sides = set(facts.hands.sides) if facts.hands is not None and facts.attempt is None else set()
    may_both = len(sides) == 2 or bool(_BOTH.search(original))
    sides |= {m.lower() for m in _SIDE.findall(original)}
    if _BOTH.search(original):
        sides |= {"left", "right"}
    named = {m.lower() for m in _SIDE.findall(text)}
    if named - sides or (_BOTH.search(text) and not may_both):
        return False
    return not (sides and _NONE.search(text))


def _outcome_words(text: str) -> set[str]:
    words = tokens(text)
    return set(words) | {lemma(w) for w in words}


def _original_words(facts: Facts) -> set[str]:
    """Lemmas that the original and the log support."""
    parts = [facts.original or "", facts.narration or ""]
    if facts.attempt is not None:
        parts += [facts.attempt.embodiment, facts.attempt.failure_mode or ""]
        parts += ["complete fail succeed task log instruction phase name the attempt to follow"]
    elif facts.original is None:
        parts += ["show the scene"]
    text = re.sub(r"_", " ", " ".join(parts))
    words = tokens(text)
    pieces = [p for w in words for p in re.split(r"[-'’]", w)]
    return {lemma(w) for w in (*words, *pieces)}


def _nouns(text: str) -> set[str]:
    return {w for w in content(text) if w not in VERBS}


def _verbs(text: str) -> set[str]:
    return {w for w in content(text) if w in VERBS}
