"""Who is told when a rule fires: one file a sink."""

from __future__ import annotations

from collections.abc import Callable

from orchestration.trigger.options import TriggerOptions
from orchestration.trigger.sinks import command, webhook
from orchestration.trigger.sinks.base import Sink

# In order of delivery: each makes its sink, or None where the options configure none.
SINKS: tuple[Callable[[TriggerOptions], Sink | None], ...] = (
    command.sink_of,
    webhook.sink_of,
)


def sinks_of(options: TriggerOptions) -> tuple[Sink, ...]:
    """The sinks that the options configure, in order of delivery."""
    return tuple(sink for make in SINKS if (sink := make(options)) is not None)
