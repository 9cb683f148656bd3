"""The grounded captioner: measured facts and the original's own words. No model, no guess."""

from __future__ import annotations

from captioning.compress import shorten
from captioning.facts import Facts, HandFacts, SideFacts
from captioning.imperative import sentences_of
from captioning.levels import LIMITS, pack, sentence
from captioning.robot_captions import attempt_extras, attempt_gist, attempt_head, instruction_sentence, outcome_sentence
from schemas.keys import digest_of
from schemas.spans import seconds

MODEL = "grounded 4"  # raise it when the same facts give other words: a golden test holds them
RULES = digest_of({"composer": MODEL, "limits": LIMITS})  # stands where a model's captions carry their prompt

STILL_PER_S = 0.08  # picture sizes a second: below, a hand's way is the detector's jitter
NET_MOVE = 0.08  # picture sizes: less displacement than this names no direction
MORE = 1.5  # times the other hand's way
CAMERA_MOVES_PER_S, CAMERA_RESTS_PER_S = 0.1, 0.01  # shares of the long side


def compose(facts: Facts) -> dict[str, str]:
    """Texts by kind: L1..L5, and for an attempt `instruction` and `achieved` where the log has them."""
    gist, heads, extras = _material(facts)
    texts = {"L1": sentence(shorten(gist, LIMITS["L1"]) or "show the scene")}
    previous = texts["L1"]
    for level in ("L2", "L3", "L4", "L5"):
        previous = texts[level] = pack(heads, extras[level], LIMITS[level]) or previous
    if facts.attempt is not None:
        instruction, outcome = instruction_sentence(facts.attempt), outcome_sentence(facts.attempt)
        if instruction is not None:
            texts["instruction"] = instruction
        if outcome is not None:
            texts["achieved"] = outcome
    return texts


def _material(facts: Facts) -> tuple[str, list[str], dict[str, list[str]]]:
    """L1's clause, the clauses that L2 to L5 open with, and what each of those may add, in order of worth."""
    length_s = seconds(facts.end_ns - facts.start_ns)
    ending = [*_camera(facts), f"continue for {length_s:.1f} seconds"]
    if facts.attempt is not None:
        more = attempt_extras(facts.attempt)
        extras = {"L2": [], "L3": more[:1], "L4": more, "L5": [*more, *ending]}
        return attempt_gist(facts.attempt), [attempt_head(facts.attempt)], extras
    roles, moves = _roles(facts.hands, length_s), _moves(facts.hands, length_s)
    detail = [*(roles if len(moves) > 1 else []), *moves, *_contact(facts.hands)]
    extras = {"L2": [], "L3": roles[:1], "L4": detail, "L5": [*detail, *_view(facts.hands), *ending]}
    clauses = sentences_of(facts.narration)
    if clauses:
        return clauses[0], clauses, extras
    if not moves:
        return "show the scene", ["show the scene"], extras
    extras["L3"] = moves[:1]
    return roles[0].partition(" more than")[0], moves if len(moves) == 1 else roles, extras


def _hands_in_view(hands: HandFacts | None) -> list[tuple[str, SideFacts]]:
    if hands is None:
        return []
    pairs = (("left", hands.left), ("right", hands.right))
    return [(name, side) for name, side in pairs if side is not None and side.in_view]


def _is_moving(side: SideFacts, length_s: float) -> bool:
    return side.path >= STILL_PER_S * length_s or max(abs(side.dx), abs(side.dy)) >= NET_MOVE


def _roles(hands: HandFacts | None, length_s: float) -> list[str]:
    """One clause: which hand moves."""
    sides = _hands_in_view(hands)
    if hands is None or not sides:
        return []
    if len(sides) == 1:
        name, side = sides[0]
        return [f"move the {name} hand" if _is_moving(side, length_s) else f"keep the {name} hand steady"]
    (_, left), (_, right) = sides
    moving = [_is_moving(left, length_s), _is_moving(right, length_s)]
    if not hands.together:
        return ["show each hand by itself"]
    if not any(moving):
        return ["keep both hands steady"]
    if moving[1] and right.path > MORE * left.path:
        return ["move the right hand more than the left hand"]
    if moving[0] and left.path > MORE * right.path:
        return ["move the left hand more than the right hand"]
    return ["move both hands"]


def _moves(hands: HandFacts | None, length_s: float) -> list[str]:
    """A clause a hand, the one that moves more first: where it is and where it goes."""
    ordered = sorted(_hands_in_view(hands), key=lambda pair: -pair[1].path)
    return [_move(name, side, length_s) for name, side in ordered]


def _move(name: str, side: SideFacts, length_s: float) -> str:
    if not _is_moving(side, length_s):
        return f"keep the {name} hand steady in the {_place(side)} of the picture"
    return f"move the {name} hand {_direction(side)} in the {_place(side)} of the picture"


def _direction(side: SideFacts) -> str:
    upright = "" if abs(side.dy) < NET_MOVE else "down" if side.dy > 0 else "up"
    across = "" if abs(side.dx) < NET_MOVE else "to the right" if side.dx > 0 else "to the left"
    return " and ".join(w for w in (upright, across) if w) or "back and forth"


def _place(side: SideFacts) -> str:
    row = ("upper", "", "lower")[min(2, int(side.y * 3))]
    column = ("left", "middle", "right")[min(2, int(side.x * 3))]
    return f"{row} {column}".strip()


def _contact(hands: HandFacts | None) -> list[str]:
    handling = [name for name, side in _hands_in_view(hands) if side.handles]
    if len(handling) == 2 and hands is not None and hands.together:
        return ["keep both hands in contact with something"]
    return [f"keep the {name} hand in contact with something" for name in handling]


def _view(hands: HandFacts | None) -> list[str]:
    """How long each hand is in view."""
    out = []
    for name, side in _hands_in_view(hands):
        partly = "most of the time" if side.share >= 0.5 else "part of the time"
        part = "throughout" if side.share >= 0.9 else partly
        out.append(f"keep the {name} hand in view {part}")
    return out


def _camera(facts: Facts) -> list[str]:
    if facts.camera_motion is None:
        return []
    if facts.camera_motion >= CAMERA_MOVES_PER_S:
        return ["move the camera"]
    return ["keep the camera steady"] if facts.camera_motion <= CAMERA_RESTS_PER_S else []
