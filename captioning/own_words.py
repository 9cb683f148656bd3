"""Originals that are not rewritten: other languages, names of tasks, what is no order. They are quoted as they are.

No model and no download: a text is another language's by its script, or where that language's small words outnumber
the English ones. Where nothing tells, it is quoted: an article in another language's sentence is a fault, a quotation
is not.
"""

from __future__ import annotations

import re
import unicodedata

from captioning.lexicon import PLAIN, VERBS, lemma, tokens, word_set

# Small words that English lacks: German, French, Spanish, Italian, Portuguese, Dutch, Danish, Norwegian, Swedish.
FOREIGN = word_set(
    """
    der den dem das ein eine einen einem einer und auf mit zum zur vom nach unter über le les la un une des du dans sur
    et avec au aux el los las una del de al con por para il lo gli nel nella sul sulla della dello di da na uma em com
    het een op naar og och med til på
    """
)
# Small words that those languages lack.
ENGLISH = word_set(
    """
    the of with into onto from to and it its up out off down is are for by at while his her their both each something
    """
)
ENDS = ".!?。！？…"
QUOTED = re.compile(r"^((?:(?:fail to|attempt to) )?follow the instruction|show) “.*”$", re.DOTALL)


def quote(text: str) -> str:
    """The words as they are, in quotation marks."""
    return f"“{text}”"


def is_foreign(text: str) -> bool:
    """Whether the text is in another language than English, as far as its letters and small words tell."""
    words = tokens(text)
    if any(_is_of_another_script(word) for word in words):
        return True
    english = sum(word in ENGLISH or word in PLAIN for word in words)
    foreign = sum(word in FOREIGN for word in words)
    return foreign > english or (foreign == english and any(not word.isascii() for word in words))


def is_name(text: str, is_task: bool) -> bool:
    """Whether the text is a name that programs give, and no words: pick_place_cube_v3, PnPBottleToCabinetClose.

    is_task: of a robot; narrations may hold a verb of two parts, as EPIC's put_down.
    """
    first, *rest = text.split() or [""]
    if "_" in first and (is_task or first.count("_") > 1):
        return True
    return not rest and bool(re.search(r"[a-z][A-Z]|[A-Za-z][0-9]|[0-9][A-Za-z]", first))


def is_english(text: str) -> bool:
    """Whether anything tells that the text is English."""
    return any(word in ENGLISH or word in PLAIN or lemma(word) in VERBS for word in tokens(text))


def _is_of_another_script(word: str) -> bool:
    """A letter alone may stand for a thing: α."""
    others = [
        c for c in word if c.isalpha() and not unicodedata.name(c, "").startswith(("LATIN", "FEMININE", "MASCULINE"))
    ]
    return len(others) > 1 or any(unicodedata.east_asian_width(c) in "WF" for c in others)
