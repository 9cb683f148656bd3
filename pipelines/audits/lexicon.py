"""What a text says, read without the captioner's own lexicon: an audit that shared it would share its mistakes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
SENTENCE = re.compile(r"[.;!?]+")
CLAUSE = re.compile(r"\bwhile\b|\bbut\b|,\s*and\b|,\s*(?=the (?:left|right)\b)")

# Verbs of the truth and what people call them.
VERBS: dict[str, tuple[str, ...]] = {
    "reach": ("reach", "extend", "stretch"),
    "grasp": ("grasp", "grab", "take", "pick", "hold", "grip"),
    "move": ("move", "push", "slide", "shift", "carry", "place", "put"),
    "take": ("take", "get", "receive", "accept", "grab", "grasp", "pick"),
    "lift": ("lift", "raise", "pick", "hold"),
    "pick": ("pick", "take", "grab", "grasp", "lift", "get", "collect", "raise"),
    "place": ("place", "put", "set", "lay", "deposit", "position"),
    "pour": ("pour", "tip", "empty", "fill"),
    "push": ("push", "slide", "shove", "nudge"),
    "pull": ("pull", "drag", "draw"),
    "turn": ("turn", "rotate", "twist"),
    "open": ("open", "uncover"),
    "close": ("close", "shut", "cover"),
    "wipe": ("wipe", "clean", "rub", "scrub"),
    "hand over": ("hand", "give", "pass"),
    "stack": ("stack", "pile"),
    "gesture": ("gesture", "wave", "show", "sign", "point", "move", "count", "raise"),
}
NOUNS: dict[str, tuple[str, ...]] = {
    "mug": ("mug", "cup"),
    "cup": ("cup", "mug", "beaker", "glass"),
    "can": ("can", "tin"),
    "box": ("box", "carton"),
    "plate": ("plate", "dish"),
    "bowl": ("bowl", "dish"),
    "lid": ("lid", "cover", "cap"),
    "block": ("block", "cube", "brick"),
    "cloth": ("cloth", "rag", "towel"),
    "jar": ("jar", "pot"),
    "knob": ("knob", "dial"),
}
COLOURS: dict[str, str] = {
    name: name for name in (
        "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey", "teal",
    )
} | {"gray": "grey", "violet": "purple", "turquoise": "teal", "cyan": "teal", "silver": "grey"}  # fmt: skip
FAILING = (
    "fail", "miss", "drop", "slip", "fall", "attempt", "try", "without", "unable", "not", "unsuccessful", "never",
    "failure", "unsuccessfully", "cannot", "short", "spill", "topple", "lose", "knock", "leave", "remain", "empty",
)  # fmt: skip
# What no success is told with; a success may be dropped into a bowl, or come after a try.
FAILED = ("fail", "miss", "slip", "unable", "not", "unsuccessful", "never", "failure", "unsuccessfully", "cannot")
RESTING = ("rest", "idle", "still", "free", "hang", "wait", "unused", "stay", "absent", "nothing")
IRREGULAR = {
    "took": "take", "taken": "take", "gave": "give", "given": "give", "got": "get", "laid": "lay", "slid": "slide",
    "shown": "show", "fell": "fall", "fallen": "fall", "drew": "draw", "drawn": "draw", "lost": "lose", "tried": "try",
    "tries": "try", "shut": "shut", "put": "put", "set": "set",
}  # fmt: skip
BOTH = re.compile(r"\b(?:both|two) hands\b|\bhands together\b")
SIDE = re.compile(r"\b(left|right)(?=(?: and (?:left|right))?[- ](?:hands?|palm|fingers|fist|thumb)\b)")


def words(text: str) -> list[str]:
    """Words in lower case."""
    return [w.lower() for w in WORD.findall(text)]


@lru_cache(maxsize=4096)
def stems(word: str) -> frozenset[str]:
    """What a word may be a form of, itself included."""
    named = {word, IRREGULAR.get(word, word)}
    for ending, cut in (("ing", 3), ("ed", 2), ("es", 2), ("s", 1)):
        if word.endswith(ending) and len(word) - cut >= 2:
            stem = word[:-cut]
            named |= {stem, stem + "e"}
            if len(stem) > 2 and stem[-1] == stem[-2]:
                named.add(stem[:-1])
    if word.endswith(("ies", "ied")):
        named.add(word[:-3] + "y")
    return frozenset(named)


def says(text: str, any_of: Iterable[str]) -> bool:
    """Whether a form of any of these words is in the text."""
    wanted = frozenset(any_of)
    return any(stems(word) & wanted for word in words(text))


def verb_said(text: str, verb: str) -> bool:
    """Whether the truth's verb is said, in these or other words."""
    return says(text, VERBS.get(verb, (verb.split()[0],)))


def noun_said(text: str, noun: str) -> bool:
    """Whether the object is named; of a name of several words the last one counts."""
    head = noun.split()[-1]
    return says(text, NOUNS.get(head, (head,)))


def colours_of(text: str, noun: str) -> list[str]:
    """Colours said of the object: colour words at most two words before its noun."""
    spoken, head = words(text), noun.split()[-1]
    names = frozenset(NOUNS.get(head, (head,)))
    near = [w for i, word in enumerate(spoken) if stems(word) & names for w in spoken[max(0, i - 2) : i]]
    return [COLOURS[w] for w in near if w in COLOURS]


def sides_said(text: str, noun: str) -> frozenset[str]:
    """Hands that a text lets act on an object: named in a sentence about it, in a clause that lets them not rest.

    How the hands move ("move both hands", "keep the left hand in view") says nothing of who acts.
    """
    acting: set[str] = set()
    clauses = [c for s in SENTENCE.split(text.lower()) if noun_said(s, noun) for c in CLAUSE.split(s)]
    for clause in clauses:
        if says(clause, RESTING):
            continue
        acting |= set(SIDE.findall(clause))
        if BOTH.search(clause):
            acting |= {"left", "right"}
    return frozenset(acting)
