"""Keys: stable hashes of what makes a row itself, the same on every machine."""

from __future__ import annotations

import hashlib
import json
from typing import Any

# One for all calls: json.dumps with options makes a new encoder each time, a third of a key's cost.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def key_of(*parts: object) -> str:
    """32 hex digits of sha256 over the parts' JSON; parts are strings, integers, booleans or None."""
    return digest_of(list(parts))[:32]


def digest_of(value: Any) -> str:
    """64 hex digits of sha256 over canonical JSON (sorted keys, no spaces, no NaN)."""
    return hashlib.sha256(_CANONICAL.encode(value).encode()).hexdigest()


def clip_id(sha256: str, start_ns: int, end_ns: int) -> str:
    """Key of a span of a recording's bytes. A clip and a kept span of it share this formula."""
    return key_of(sha256, start_ns, end_ns)


def salted(identity: str, salt: str) -> str:
    """A wearer, robot or site id as it may be stored: 16 hex digits that the salt's owner alone can match."""
    return key_of("identity", salt, identity)[:16]
