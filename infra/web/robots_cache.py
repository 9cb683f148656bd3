"""Each host's robots.txt, read once a run through the same guarded door as everything else."""

from __future__ import annotations

import itertools
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable
from urllib.parse import urlsplit

from infra.web import robots
from infra.web.host_limits import Later
from infra.web.request import USER_AGENT, Visit, exchange
from infra.web.response import BUSY, refusal_of
from infra.web.retry import tried
from infra.web.ssrf import FetchLimits
from infra.web.transport import Net
from schemas.errors import BadMedia, TransientError

AGENT = USER_AGENT.partition("/")[0]
REMEMBERED = 10_000  # hosts
# It is there, and cannot be read; other refusals are as no robots.txt.
UNREAD = ("too_slow", "bad_headers", "bad_http", "content_encoded", "insecure_redirect")
_known: OrderedDict[str, robots.Rules | Later] = OrderedDict()
_asking: dict[str, threading.Lock] = {}
_lock = threading.Lock()


def forget() -> None:
    """A new run reads every robots.txt again."""
    with _lock:
        _known.clear()
        _asking.clear()


def check_of(limits: FetchLimits, net: Net) -> Callable[[str], float]:
    """The check of a visit: BadMedia `robots_disallow`, or seconds between two requests to the URL's host."""
    interval_s = 1 / limits.host_requests_per_s

    def check(url: str) -> float:
        if not limits.robots:
            return interval_s
        rules = _rules_of(url, limits, net)
        if not rules.allow(url):
            raise BadMedia("robots_disallow", f"by {urlsplit(url).netloc}/robots.txt (ingest.fetch.robots)")
        return max(interval_s, min(rules.delay_s, limits.crawl_delay_s))

    return check


def _rules_of(url: str, limits: FetchLimits, net: Net) -> robots.Rules:
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    with _lock:
        asking = _asking.setdefault(origin, threading.Lock())
    with asking:  # one of many threads asks; the others wait for what it hears
        with _lock:
            rules = _known.get(origin)
        if rules is None:
            rules = _heard(origin, limits, net)
            with _lock:
                _known[origin] = rules
                while len(_known) > REMEMBERED:
                    _asking.pop(_known.popitem(last=False)[0], None)
    if isinstance(rules, Later):
        raise Later(*rules.args)
    return rules


def _heard(origin: str, limits: FetchLimits, net: Net) -> robots.Rules | Later:
    """The rules; or why a host that says nothing now is asked for nothing in this run."""
    interval_s = 1 / limits.host_requests_per_s
    failures = itertools.count(1)
    try:
        visit = Visit.of(origin, limits, net, lambda _: interval_s)
        return tried(lambda: _read(origin, visit), lambda: next(failures), visit)
    except Later as e:
        return e
    except TransientError as e:
        return Later(f"{origin}/robots.txt could not be read: {e}")
    except BadMedia as e:
        if e.reason in UNREAD:
            return Later(f"{origin}/robots.txt could not be read: {e.reason}, {e.detail}; run the same command again")
        return robots.Rules()


def _read(origin: str, visit: Visit) -> robots.Rules:
    """RFC 9309: what is not there (4xx, no end of redirects) allows all; what cannot be reached now is tried later."""
    data = bytearray()
    with exchange("GET", f"{origin}/robots.txt", {}, visit) as answer:
        if answer.status in BUSY or answer.status >= 500:
            raise refusal_of(answer, visit.limits)
        if answer.status == 200:
            for block in answer.body:
                data += block
                if len(data) > robots.MOST_BYTES:
                    break
        coding = answer.headers.get("content-encoding", "").strip().lower()
    return robots.parse(_unpacked(bytes(data), coding), AGENT)


def _unpacked(data: bytes, coding: str) -> bytes:
    """What was packed though nobody asked, up to the bound. BadMedia `content_encoded`."""
    if not data or coding in ("", "identity"):
        return data
    try:
        if coding in ("gzip", "x-gzip"):
            return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(data, robots.MOST_BYTES)
    except zlib.error as e:
        raise BadMedia("content_encoded", f"{coding} that cannot be unpacked: {e}") from e
    raise BadMedia("content_encoded", f"the server sends {coding[:40]!r} where identity was asked for")
