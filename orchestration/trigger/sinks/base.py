"""What a sink is: something that takes an event, or raises Undelivered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Undelivered(Exception):
    """A sink did not take the event, which stays in the outbox. The message says what to mend."""


@dataclass(frozen=True, slots=True)
class Event:
    """A rule fired: what a sink delivers. `key` is the same however often it is delivered."""

    key: str
    rule: str
    lane: str
    release: str
    pin: str  # path or URL of the pin
    root: str
    reason: str
    at_ns: int


class Sink(Protocol):
    """Delivers events to one receiver."""

    def deliver(self, event: Event) -> str:
        """Returns where the event went, for the record. Undelivered where the receiver did not take it."""
        ...
