"""What a listing says of an object, and the error of a conditional put."""

from __future__ import annotations

from dataclasses import dataclass


class Conflict(Exception):
    """A conditional put lost: somebody else's bytes are there."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One listed object: where it is and what tells its versions apart."""

    uri: str
    size_bytes: int
    etag: str
    modified_ns: int
