"""What a captioner is: spans with what is known of them -> captions, or why there are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from captioning.facts import Facts


@dataclass(frozen=True, slots=True)
class MeasuredSpan:
    """One span: what was measured of it, and pictures of it."""

    facts: Facts
    pictures: tuple[bytes, ...] = ()  # JPEG files in the order of time, at most the captioner's max_images


@dataclass(frozen=True, slots=True)
class Captions:
    """Texts by kind: L1..L5, and of a robot's attempt `instruction` and `achieved` where its log has them."""

    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a span has no captions: reason and detail of its reject, which is final for this signature."""

    reason: str
    detail: str


class Signature(NamedTuple):
    """What captions are signed with; with the source's words it is their key: another prompt, other captions."""

    model: str  # captions.model: backend, model and version
    prompt: str  # captions.prompt: digest of the prompt or of the composing rules


class Captioner(Protocol):
    """Writes captions. Everything but `write` is known from the settings: it loads no model and asks no server."""

    @property
    def decoding(self) -> str:
        """JSON of temperature, seed and the like: captions.decoding."""
        ...

    @property
    def max_images(self) -> int:
        """How many pictures of a span it looks at; 0: none are read."""
        ...

    def signature(self, stage: str) -> Signature:
        """What its captions of spans of a stage (web, ego, robot) are signed with."""
        ...

    def write(self, spans: Sequence[MeasuredSpan]) -> list[Captions | Refusal]:
        """One answer a span, in order. Checks are not its business: what it returns is checked like any other's.

        TransientError: it gave up after its retries; nothing of the batch counts. UsageError: wrong settings.
        """
        ...
