"""Prompts as hashed files: load, fill in a span's facts, read the reply."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template

from captioning.captioner import Captions, Refusal
from captioning.facts import Facts, SideFacts
from captioning.grounded import compose
from captioning.levels import LIMITS
from schemas.errors import BadMedia
from schemas.spans import seconds

MAX_REPLY_CHARS = 20_000


@dataclass(frozen=True, slots=True)
class Prompt:
    """A template; digest: sha256 of its file's bytes, which captions.prompt keeps."""

    name: str
    text: str
    digest: str


@cache
def load(name: str) -> Prompt:
    """The prompt of captioning/prompts/<name>.txt: `human` or `robot`."""
    data = (files("captioning") / "prompts" / f"{name}.txt").read_bytes()
    return Prompt(name, data.decode(), hashlib.sha256(data).hexdigest())


def prompt_for(stage: str) -> Prompt:
    """The prompt of a stage."""
    return load("robot" if stage == "robot" else "human")


def render(prompt: Prompt, facts: Facts) -> str:
    """The request's text. The span's hash travels in it and must come back."""
    known = json.dumps(_known(facts), ensure_ascii=False, indent=1)
    return Template(prompt.text).substitute(facts=known, content_hash=facts.span_id)


def parse(reply: str, facts: Facts) -> dict[str, str]:
    """Texts by kind from a model's reply, spaces made single. BadMedia: bad_reply, wrong_clip.

    What is missing stays missing: the checks name it. `achieved` counts only where the log knows the outcome.
    """
    if len(reply) > MAX_REPLY_CHARS:
        raise BadMedia("bad_reply", f"{len(reply)} characters, at most {MAX_REPLY_CHARS}")
    start, end = reply.find("{"), reply.rfind("}")
    try:
        answer = json.loads(reply[start : end + 1])
    except (ValueError, RecursionError) as error:
        raise BadMedia("bad_reply", f"no JSON object: {reply[:80]!r}") from error
    if not isinstance(answer, dict):
        raise BadMedia("bad_reply", "the JSON is no object")
    if answer.get("content_hash") != facts.span_id:
        other = str(answer.get("content_hash"))[:64]
        raise BadMedia("wrong_clip", f"the reply is about {other!r}, the request was about {facts.span_id}")
    known = facts.attempt is not None and facts.attempt.outcome != "unknown"
    kinds = (*LIMITS, "achieved") if known else tuple(LIMITS)
    texts = {kind: answer[kind] for kind in kinds if kind in answer}
    if not all(isinstance(text, str) for text in texts.values()):
        raise BadMedia("bad_reply", "a level is no text")
    return {kind: " ".join(text.split()) for kind, text in texts.items()}


def read_reply(reply: str, facts: Facts) -> Captions | Refusal:
    """A model's reply as captions, with the log's instruction beside, or why it is refused."""
    try:
        texts = parse(reply, facts)
    except BadMedia as bad:
        return Refusal(bad.reason, bad.detail)
    instruction = compose(facts).get("instruction")
    return Captions(texts | ({"instruction": instruction} if instruction else {}))


def _known(facts: Facts) -> dict[str, object]:
    length = {"seconds": round(seconds(facts.end_ns - facts.start_ns), 1)}
    if facts.attempt is not None:
        attempt = facts.attempt
        return {
            "instruction": attempt.instruction, "outcome": attempt.outcome, "failure_mode": attempt.failure_mode,
            "robot": attempt.embodiment, **length,
        }  # fmt: skip
    hands = facts.hands
    if hands is None:
        return {"original": facts.narration, "hands_in_view": "not measured", **length}
    return {
        "original": facts.narration,
        "hands_in_view": list(hands.sides),
        "both_at_once": round(hands.both_share, 2),
        "left": _side(hands.left),
        "right": _side(hands.right),
        **length,
    }


def _side(side: SideFacts | None) -> dict[str, float | None] | None:
    if side is None or not side.in_view:
        return None
    contact = None if side.contact_share is None else round(side.contact_share, 2)
    moved = {"moved_right": round(side.dx, 2), "moved_down": round(side.dy, 2)}
    return {"x": round(side.x, 2), "y": round(side.y, 2), **moved, "contact": contact}
