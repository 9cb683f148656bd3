"""How recordings and robots' logs come in: what ingest and fold share, the section `ingest` of the config."""

from __future__ import annotations

from dataclasses import dataclass, field

from infra.sandbox import sandbox
from infra.web import FetchLimits
from pipelines.media.options import PassOptions


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How recordings come in."""

    cutting: PassOptions = field(default_factory=PassOptions)
    limits: sandbox.Limits = field(default_factory=sandbox.Limits)
    fetch: FetchLimits = field(default_factory=FetchLimits)
    batch_bytes: int = 256 << 20  # of recordings in one commit
    batch_items: int = 256  # recordings in one commit
    # More refused than taken: the source or the network is wrong, rather than a file here and there.
    max_reject_share: float = 0.5
    min_rejects: int = 20  # before the share counts: a few are read by a person, and 1 of 2 says nothing
    ask_again: bool = True  # False: a URL that was taken once is never asked for a newer revision
