"""Original narrations and instructions as verb-first clauses: "#C C picks up a cup" -> "pick up the cup"."""

from __future__ import annotations

import re

from captioning.lexicon import (
    BANNED,
    DETERMINERS,
    FUNCTION,
    PERSONS,
    PLAIN,
    POSSESSIVES,
    PREPOSITIONS,
    TOKEN,
    VERBS,
    lemma,
    tokens,
)
from captioning.own_words import is_english, is_foreign, is_name, quote

# Of 100 words this many may repeat the original: room is left for its articles and for what was measured.
NARRATION_WORDS = 60

_TAG = re.compile(r"#\s*(?:unsure|[a-z]+)\b[.:]?", re.IGNORECASE)
_WEARER = re.compile(
    r"^(?:(?:the |a )?(?:camera )?(?:wearer|operator|robot(?: arm)?)|c|x|(?:the |a |an |one |some |this )?"
    r"(?:(?:young|old|older|elderly) )?"
    r"(?:man|woman|person|lady|guy|boy|girl|people|worker|someone|somebody|human)"
    r"(?: [a-z](?= ))?|he|she|they|i|we|you)\s+(?:is |are |was |were |has |can be seen )?",
    re.IGNORECASE,
)
_LEADING = re.compile(r"^(?:and|also|just|still|slowly|quickly|carefully|gently)\s+", re.IGNORECASE)
_HAND = re.compile(
    r"^(?:the |a |an |his |her |one |two )?(?P<side>left |right |both )?hands?\s+(?:is |are |was |were )?",
    re.IGNORECASE,
)
_PHRASES = (
    (re.compile(r"(?:,\s*|\b(?:and|but)\s+)?\bthen\b,?", re.IGNORECASE), " and "),
    (re.compile(r"\bnext to\b", re.IGNORECASE), "beside"),
    (re.compile(r"\b(?:his|her|their|my|your|our|its)\s+(?=own\b)", re.IGNORECASE), "the "),
    (re.compile(r"(?<=[a-z])/(?=[a-z])", re.IGNORECASE), " and "),
)
_TRYING = frozenset(["try", "tries", "attempt", "attempts", "fail", "fails"])  # "try to pick", not "to the pick"
_FIXED_PAIRS = {("in", "half"), ("in", "place"), ("in", "front"), ("by", "hand"), ("on", "top")}
_FIXED_PAIRS |= {("at", "home"), ("away", "empty")}
_KEEP_BARE = FUNCTION | DETERMINERS | {"something", "everything", "nothing", "anything", "camera's"}
JOINTS = frozenset(["and", "or", "while"])


def sentences_of(text: str | None) -> list[str]:
    """Verb-first clauses of an original's sentences, its first NARRATION_WORDS words at most; may be none.

    Of another language, a program's name, and what without a verb nothing shows to be English: one of its own words.
    """
    if not text or not tokens(text):
        return []
    if is_foreign(text) or is_name(text, is_task=False):
        return [f"show {own_words(text)}"]
    out: list[str] = []
    left = NARRATION_WORDS
    for part in re.split(r"[.!?;\n]+(?:\s|$)", text):
        part = " ".join(part.split()[:left])
        left -= len(part.split())
        clause = clause_of(part)
        if clause:
            out.append(clause)
    if any(c.startswith("show ") for c in out) and not is_english(text):
        return [f"show {own_words(text)}"]
    return out


def own_words(text: str) -> str:
    """An original's first NARRATION_WORDS words as they are, quoted."""
    words = text.split()
    return quote(" ".join(words[:NARRATION_WORDS]) + ("…" if len(words) > NARRATION_WORDS else ""))


def owed_words(text: str | None) -> str:
    """The part of an original that its captions owe: what `sentences_of` can keep."""
    return " ".join((text or "").split()[:NARRATION_WORDS])


def clause_of(text: str) -> str:
    """One verb-first clause with definite articles, no subject and no banned word; may be empty."""
    other = bool(re.search(r"#\s*o\b", text, re.IGNORECASE))
    text = re.sub(r"#\s*unsure\b", "something", text, flags=re.IGNORECASE)
    text = _TAG.sub(" ", text)
    for pattern, instead in _PHRASES:
        text = pattern.sub(instead, text)
    text = " ".join(text.split()).strip(" -–—.,:;!?\"'")
    body, side = _without_subject(text)
    words = _imperative(body.split(), other, finite=body != text)
    if words is None:
        words = ["show", *_imperative_rest(text.split())]
    words = _plain(_articles(words))
    if side and words and words[0] != "show":
        words += ["with", *side.split()]
    clause = re.sub(r"\s+", " ", " ".join(words)).strip(" ,-")
    return clause if len(tokens(clause)) >= 1 and clause != "show" else ""


def _without_subject(text: str) -> tuple[str, str]:
    """The text after its subject, and the hand that the subject names ("the left hand"), or nothing."""
    hand = _HAND.match(text)
    if hand:
        side = (hand["side"] or "").strip().lower()
        named = {"left": "the left hand", "right": "the right hand", "both": "both hands"}
        return text[hand.end() :], named.get(side, "")
    previous = None
    while previous != text:
        previous, text = text, _LEADING.sub("", _WEARER.sub("", text, count=1))
    return text, ""


def bare_word(word: str) -> str:
    """The word in lower case without its punctuation; empty where it has no letter or digit."""
    letters = TOKEN.search(word)
    return letters[0].lower() if letters else ""


def _as_verb(word: str) -> str | None:
    """The base form with the word's punctuation, or None where the lexicon has no such verb."""
    bare = bare_word(word)
    base = lemma(bare)
    return TOKEN.sub(base, word, count=1) if base in VERBS else None


def _imperative(words: list[str], other: bool, finite: bool) -> list[str] | None:
    """Base forms for the first verb and for verbs joined to it; None where the text begins with no verb.

    finite: a subject stood before, so that a word in -s is a verb though the lexicon lacks it.
    """
    if not words:
        return None
    # EPIC writes take:plate, put-down:plate and put_down.
    first = re.split(r"[:_/]|-(?=down|up|on|off|in|out|away|back|into)", words[0])
    words = [p for p in first if p] + words[1:]
    verb = _as_verb(words[0]) if words else None
    if verb is None and finite and words and re.fullmatch(r"[a-z]{3,}[^isu]s", words[0]):
        verb = lemma(words[0])
    if verb is None:
        return None
    rest = _imperative_rest(words[1:])
    return ["watch", "the", "person", verb, *rest] if other else [verb.lower(), *rest]


def _imperative_rest(words: list[str]) -> list[str]:
    """Base forms of the finite verbs that a joint introduces ("and places")."""
    out: list[str] = []
    for i, word in enumerate(words):
        bare = bare_word(word)
        after = bare_word(words[i + 1]) if i + 1 < len(words) else "the"
        joined = i > 0 and bare_word(words[i - 1]) in JOINTS
        listed = i > 0 and words[i - 1].endswith(",") and after in FUNCTION | PLAIN and after not in JOINTS
        if (joined or listed) and bare.endswith("s") and lemma(bare) in VERBS:
            word = _as_verb(word) or word
        out.append(word)
    return out


def _articles(words: list[str]) -> list[str]:
    """Definite articles: "a" becomes "the"; a bare noun after a verb or a preposition gets one."""
    out: list[str] = []
    for i, word in enumerate(words):
        bare, before = bare_word(word), bare_word(words[i - 1]) if i else ""
        if bare in {"a", "an"} or bare in POSSESSIVES:
            word = TOKEN.sub("the", word, count=1)
        elif i and _wants_article(words, i, bare, before):
            out.append("the")
        out.append(word)
    return out


def _wants_article(words: list[str], i: int, bare: str, before: str) -> bool:
    opens = i == 1 or (before in PREPOSITIONS and before != "of") or (i > 1 and _opens_joined(words, i))
    if not opens or not bare or bare in _KEEP_BARE | BANNED or bare.isdigit():
        return False
    if (before, bare) in _FIXED_PAIRS:
        return False
    if bare.endswith("ly") or (bare.endswith("ing") and lemma(bare) in VERBS):
        return False
    if before == "to" and bare in VERBS and (i + 1 < len(words)) and bare_word(words[i + 1]) in DETERMINERS:
        return False
    if before == "to" and lemma(bare) in VERBS and bare_word(words[i - 2]) in _TRYING:
        return False
    return not (bare in PLAIN and i + 1 == len(words) and i == 1)


def _opens_joined(words: list[str], i: int) -> bool:
    """Whether the word before is a verb that "and" joins: "pick the cup and wash | plate"."""
    return bare_word(words[i - 2]) in JOINTS and bare_word(words[i - 1]) in VERBS


def _plain(words: list[str]) -> list[str]:
    """Without guesses at identity, hedges and words of sequence; persons become "the person"."""
    out: list[str] = []
    for word in words:
        bare = bare_word(word)
        if not bare and word in {"-", "&", "+", "/", "|"}:
            continue
        if bare in PERSONS and bare not in {"person", "people"}:
            if out and bare_word(out[-1]) not in DETERMINERS:
                out.append("the")
            out.append(TOKEN.sub("person", word, count=1))
        elif not (BANNED & set(tokens(word)) or (len(bare) == 1 and _after_person(out))):
            out.append(word)
    return out


def _after_person(words: list[str]) -> bool:
    """Ego4D tells persons apart by a letter: "man X"."""
    return bool(words) and bare_word(words[-1]) in {"person", "people"}
