"""A verb-first clause in fewer words: the same act with less said about it."""

from __future__ import annotations

from captioning.imperative import JOINTS, bare_word
from captioning.lexicon import DETERMINERS, FUNCTION, PLAIN, PREPOSITIONS, VERBS, word_count
from captioning.own_words import QUOTED

_WORDS = FUNCTION - {"can"}  # a clause is an order: its can is a thing
_LINKS = frozenset(["but", "more", "than", "using"])
_PARTICLES = frozenset(
    ["up", "down", "off", "out", "away", "over", "back", "around", "on", "in", "through", "apart", "together",
     "above", "below"]
)  # fmt: skip
_WATCHED = "watch the person"  # whose act may follow without a joint


def shorten(clause: str, limit: int) -> str:
    """The clause in at most `limit` words, cut before a joint, modifiers dropped; may be empty."""
    if word_count(clause) <= limit:
        return clause
    if (quoted := QUOTED.match(clause)) is not None:  # words that are quoted stay whole, or are left out
        return quoted[1] if 1 < word_count(quoted[1]) <= limit else ""
    watched = clause.startswith(f"{_WATCHED} ")
    if watched and limit == 5:
        return _WATCHED
    words = clause.split()
    breaks = [i for i in range(2, len(words)) if _is_break(words, i)]
    fitting = [i for i in breaks if word_count(" ".join(words[:i])) <= limit]
    if fitting:
        return _trimmed(words[: fitting[-1]])
    if watched:  # no modifier stands before the person, and no person is an object
        return _WATCHED if word_count(_WATCHED) <= limit else ""
    core = _without_modifiers(words[: breaks[0]] if breaks else words, limit)
    if word_count(" ".join(core)) <= limit:
        return _trimmed(core)
    # "pick up and gather the pieces": the last of the joined acts alone.
    ands = [i for i, word in enumerate(words[:4]) if word == "and"]
    joint = next((i for i in ands if bare_word(words[i + 1]) in VERBS), None)
    if joint is not None:
        return shorten(" ".join(words[joint + 1 :]), limit)
    return _of_something(words, limit)


def _of_something(words: list[str], limit: int) -> str:
    """The verb alone, where its object has no short name: "pick up the object"; else nothing."""
    if "the" not in words[1:4]:
        return ""
    clause = " ".join([*words[: words.index("the")], "the object"])
    return clause if word_count(clause) <= limit else ""


def _is_break(words: list[str], i: int) -> bool:
    """Whether words[:i] can stand alone: before a joint with its object whole, or after a comma."""
    if words[i - 1].endswith(","):
        return True
    bare_object = bare_word(words[i - 1]) in PLAIN and bare_word(words[i - 2]) in DETERMINERS
    return i > 2 and not bare_object and bare_word(words[i]) in PREPOSITIONS | JOINTS | _LINKS


def _without_modifiers(words: list[str], limit: int) -> list[str]:
    """Words between "the" and its noun dropped, the first ones first, until the rest fits or none is left."""
    at = words.index("the") + 1 if "the" in words else len(words)
    while word_count(" ".join(words)) > limit and at + 1 < len(words):
        if bare_word(words[at + 1]) in _WORDS:
            break
        words = [*words[:at], *words[at + 1 :]]
    return words


def _trimmed(words: list[str]) -> str:
    """Without joints, articles and prepositions left hanging at its end."""
    while words and bare_word(words[-1]) in (_WORDS - _PARTICLES) | {""}:
        words = words[:-1]
    return " ".join(words).rstrip(" ,-:")
