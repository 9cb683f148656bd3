"""Each host's robots.txt, read once a run through the same guarded door as everything else."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from urllib.parse import urlsplit

from infra import robots
from infra.exchange import USER_AGENT, Visit, exchange
from infra.guard import FetchLimits
from infra.line import Net
from schemas.errors import BadMedia, TransientError

AGENT = USER_AGENT.partition("/")[0]
REMEMBERED = 10_000  # hosts
_known: OrderedDict[str, robots.Rules] = OrderedDict()
_asking: dict[str, threading.Lock] = {}
_lock = threading.Lock()


def forget() -> None:
    """A new run reads every robots.txt again."""
    with _lock:
        _known.clear()


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
            if (rules := _known.get(origin)) is not None:
                return rules
        rules = _read(origin, limits, net)
        with _lock:
            _known[origin] = rules
            while len(_known) > REMEMBERED:
                _asking.pop(_known.popitem(last=False)[0], None)
        return rules


def _read(origin: str, limits: FetchLimits, net: Net) -> robots.Rules:
    """RFC 9309: what is not there (4xx, no end of redirects) allows all; what cannot be reached now is tried later."""
    interval_s = 1 / limits.host_requests_per_s
    data = bytearray()
    try:
        with exchange("GET", f"{origin}/robots.txt", {}, Visit.of(limits, net, lambda _: interval_s)) as answer:
            if answer.status == 429 or answer.status >= 500:
                raise TransientError(f"{origin}/robots.txt: status {answer.status}; run the same command again")
            if answer.status == 200:
                for block in answer.body:
                    data += block
                    if len(data) > robots.MOST_BYTES:
                        break
    except BadMedia:
        return robots.Rules()
    return robots.parse(bytes(data), AGENT)
