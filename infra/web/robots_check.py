"""Whether a host's robots.txt lets a URL be fetched; it is read through the same guarded door as everything else."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable
from urllib.parse import urlsplit

from infra.web import robots
from infra.web.host_limits import RetryNextRun
from infra.web.request import USER_AGENT, RequestContext, send
from infra.web.response import BUSY, refusal_of
from infra.web.retry import with_retries
from infra.web.session import Session
from schemas.errors import BadMedia, TransientError

AGENT = USER_AGENT.partition("/")[0]
# It is there, and cannot be read; other refusals are as no robots.txt.
UNREADABLE = ("too_slow", "bad_headers", "bad_http", "content_encoded", "insecure_redirect")


def context_of(url: str, session: Session) -> RequestContext:
    """What a download that begins now goes by, robots.txt included. BadMedia `bad_url`."""
    return RequestContext.of(url, session, robots_check(session))


def robots_check(session: Session) -> Callable[[str], float]:
    """The check of a request: seconds between two requests to the URL's host, or BadMedia `robots_disallow`."""
    limits = session.limits
    interval_s = 1 / limits.host_requests_per_s

    def check(url: str) -> float:
        if not limits.robots:
            return interval_s
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        rules = session.memory.robots.rules_of(origin, lambda origin: _read_rules(origin, session))
        if not rules.allow(url):
            raise BadMedia("robots_disallow", f"by {urlsplit(url).netloc}/robots.txt (ingest.fetch.robots)")
        return max(interval_s, min(rules.delay_s, limits.crawl_delay_s))

    return check


def _read_rules(origin: str, session: Session) -> robots.Rules | RetryNextRun:
    """The rules; or why a host that says nothing now is asked for nothing in this run."""
    interval_s = 1 / session.limits.host_requests_per_s
    failures = itertools.count(1)
    try:
        context = RequestContext.of(origin, session, lambda _: interval_s)
        return with_retries(lambda: _request_rules(origin, context), lambda: next(failures), context)
    except RetryNextRun as e:
        return e
    except TransientError as e:
        return RetryNextRun(f"{origin}/robots.txt could not be read: {e}")
    except BadMedia as e:
        if e.reason in UNREADABLE:
            why = f"{e.reason}, {e.detail}; run the same command again"
            return RetryNextRun(f"{origin}/robots.txt could not be read: {why}")
        return robots.Rules()


def _request_rules(origin: str, context: RequestContext) -> robots.Rules:
    """RFC 9309: what is not there (4xx, no end of redirects) allows all; what cannot be reached now is tried later."""
    data = bytearray()
    with send("GET", f"{origin}/robots.txt", {}, context) as answer:
        if answer.status in BUSY or answer.status >= 500:
            raise refusal_of(answer, context)
        if answer.status == 200:
            for block in answer.body:
                data += block
                if len(data) > robots.MAX_BYTES:
                    break
        coding = answer.headers.get("content-encoding", "").strip().lower()
    return robots.parse_rules(_unpack(bytes(data), coding), AGENT)


def _unpack(data: bytes, coding: str) -> bytes:
    """What was packed though nobody asked, up to the bound. BadMedia `content_encoded`."""
    if not data or coding in ("", "identity"):
        return data
    try:
        if coding in ("gzip", "x-gzip"):
            return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(data, robots.MAX_BYTES)
    except zlib.error as e:
        raise BadMedia("content_encoded", f"{coding} that cannot be unpacked: {e}") from e
    raise BadMedia("content_encoded", f"the server sends {coding[:40]!r} where identity was asked for")
