"""What a server says of the bytes behind a URL, and what a download of them gives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServedRevision:
    """What a server says of the bytes behind a URL.

    revision: the ETag without its quotes, or Last-Modified (Unix s) and size; empty where the server gives neither.
    size_bytes: None where it does not say. modified_ns: Last-Modified; without one the server's Date, Unix ns, so that
    of two ETags the later one is newer; 0 where it gives neither.
    """

    revision: str
    size_bytes: int | None
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Download:
    """A download: its bytes' sha256 and size, and what the server said with the response that brought them."""

    sha256: str
    size_bytes: int
    served: ServedRevision


@dataclass(frozen=True, slots=True)
class Document:
    """A small document. url: after redirects; media_type: in small letters, empty where the server says none."""

    url: str
    body: bytes
    media_type: str
