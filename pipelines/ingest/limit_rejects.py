"""Refusals that a limit led to: they are final while the limits stay, and tried again under other ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from infra.sandbox.sandbox import Limits
from infra.web import FetchLimits
from schemas import Reject
from schemas.keys import as_stored, digest_of, reject_key

OF_A_LIMIT = frozenset(
    [
        "too_large", "too_slow", "too_many_redirects", "private_address", "robots_disallow", "decoder_timeout",
        "decoder_memory",
    ]
)  # fmt: skip
# Those of FetchLimits that refuse; the others make a download slower or later.
REFUSING = (
    "size_bytes", "wall_s", "slowest_bytes_per_s", "slow_window_s", "redirects", "allow_private", "robots",
)  # fmt: skip


def digest(fetch: FetchLimits, decode: Limits) -> str:
    """Digest of every limit that may refuse a recording."""
    return digest_of([[getattr(fetch, name) for name in REFUSING], as_stored(decode)])[:16]


def bounded(reject: Reject, limits: str) -> Reject:
    """The reject under a key that the limits are part of, where it is of a limit."""
    if reject.reason not in OF_A_LIMIT:
        return reject
    return dataclasses.replace(reject, reject_id=reject_key(reject.subject, reject.stage, reject.recipe, limits))


def ids(subject: str, hop: str, recipe: str, limits: str) -> Iterable[str]:
    """Keys of the rejects that are final for a subject under these limits."""
    return reject_key(subject, hop, recipe), reject_key(subject, hop, recipe, limits)
