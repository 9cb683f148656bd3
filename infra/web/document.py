"""A small document of the web in memory: a feed, a sitemap, a page. Bounded, and unpacked where it is gzip."""

from __future__ import annotations

import itertools
import zlib

from infra.web.request import RequestContext, send
from infra.web.response import length_of, refusal_of
from infra.web.retry import with_retries
from infra.web.revision import Document
from infra.web.robots_check import context_of
from infra.web.session import Session
from infra.web.urls import redacted_url
from schemas.errors import BadMedia, TransientError

GZIP = b"\x1f\x8b"


def read_document(url: str, session: Session, max_bytes: int) -> Document:
    """See Client.read."""
    context = context_of(url, session)
    failures = itertools.count(1)
    return with_retries(lambda: _read_once(url, context, max_bytes), lambda: next(failures), context)


def _read_once(url: str, context: RequestContext, max_bytes: int) -> Document:
    body = bytearray()
    with send("GET", url, {}, context) as answer:
        if answer.status != 200:
            raise refusal_of(answer, context)
        total = length_of(answer.headers)
        _check_size(total or 0, max_bytes)
        for block in answer.body:
            body += block
            _check_size(len(body), max_bytes)
        coding = answer.headers.get("content-encoding", "").strip().lower()
        media_type = answer.headers.get("content-type", "").split(";")[0].strip().lower()
    if total not in (None, len(body)):
        raise TransientError(f"{redacted_url(url)}: {len(body)} of {total} bytes came; run the same command again")
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise BadMedia("content_encoded", f"the server sends {coding[:40]!r} where identity was asked for")
    data = bytes(body)
    return Document(answer.url, _unpacked(data, max_bytes) if data.startswith(GZIP) else data, media_type)


def _check_size(size_bytes: int, max_bytes: int) -> None:
    if size_bytes > max_bytes:
        raise BadMedia("too_large", f"more than {max_bytes} bytes for a feed, sitemap or page")


def _unpacked(data: bytes, max_bytes: int) -> bytes:
    """The gzip's one member, as far as the bound. BadMedia: too_large, bad_gzip."""
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        plain = unpacker.decompress(data, max_bytes + 1)
    except zlib.error as e:
        raise BadMedia("bad_gzip", str(e)[:200]) from e
    _check_size(len(plain), max_bytes)
    if not unpacker.eof:
        raise BadMedia("bad_gzip", f"it ends early, after {len(plain)} unpacked bytes")
    return plain
