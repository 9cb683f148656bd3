"""The five lengths of a caption, and how sentences are packed into one."""

from __future__ import annotations

from collections.abc import Iterable

from captioning.compress import shorten
from captioning.lexicon import word_count
from captioning.own_words import ENDS

# Words at most: verb and object, gist, object, the hands' roles, dense sequence with places and the outcome.
LIMITS = {"L1": 5, "L2": 15, "L3": 30, "L4": 50, "L5": 100}
ACHIEVED_LIMIT = 50


def sentence(clause: str) -> str:
    """The clause with a capital and a full stop; a quotation has its own."""
    if clause.endswith("”"):
        return clause[:1].upper() + clause[1:] + ("" if clause[-2:-1] in ENDS else ".")
    return clause[:1].upper() + clause[1:].rstrip(" .,;") + "."


def pack(heads: Iterable[str], extras: Iterable[str], limit: int) -> str:
    """The heads as sentences, shortened where they must be, then each extra that fits; `limit` words at most.

    Empty where not even the first head fits.
    """
    chosen: list[str] = []
    room = limit
    for head in heads:
        short = shorten(head, room)
        if not short:
            break
        chosen.append(short)
        room -= word_count(short)
        if short != head:
            break
    for extra in extras if chosen else ():
        if word_count(extra) <= room and extra not in chosen:
            chosen.append(extra)
            room -= word_count(extra)
    return " ".join(sentence(c) for c in chosen)
