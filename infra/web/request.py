"""One question to the web and its answer, through redirects, each of which is checked like the first URL."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpcore
import httpx

from infra.web.host_limits import turn
from infra.web.ssrf import FetchLimits, host_and_port, told
from infra.web.transport import Clock, Guard, Net, Pace
from schemas.errors import BadMedia, TransientError

USER_AGENT = "handwheel/0.1 (a data engine for robot world models; it keeps to robots.txt, as `handwheel`)"
REDIRECTS = (301, 302, 303, 307, 308)
# A body that ends early comes as one of these; any other fault of protocol is the server's own making.
CUT_OFF = ("peer closed connection", "disconnected without")

Check = Callable[[str], float]


class Odd(TransientError):
    """May pass, but need not: after the last attempt it is a refusal with this reason."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


class CutOff(TransientError):
    """The other side ended the connection before the answer was whole."""


@dataclass(slots=True)
class Visit:
    """What one download goes by, and the host (host:port) that it asked last.

    check: refuses a URL by raising; returns seconds between two requests.
    """

    host: str
    limits: FetchLimits
    net: Net
    clock: Clock
    check: Check

    @staticmethod
    def of(url: str, limits: FetchLimits, net: Net, check: Check) -> Visit:
        """A download that begins now. BadMedia `bad_url`."""
        return Visit(host_and_port(url), limits, net, Clock(limits.wall_s), check)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response's head, where it came from after redirects (host is host:port), and its body as it comes."""

    url: str
    host: str
    status: int
    headers: httpx.Headers
    body: Iterator[bytes]


@contextmanager
def exchange(method: str, url: str, headers: Mapping[str, str], visit: Visit) -> Iterator[Answer]:
    """The answer to a request without a body.

    BadMedia: bad_url, private_address, insecure_redirect, too_many_redirects, too_slow, bad_headers, and what the
    visit's check refuses. TransientError: what may pass.
    """
    limits = visit.limits
    for _ in range(limits.redirects + 1):
        visit.host = host = host_and_port(url)
        interval_s = visit.check(url)
        rest = turn(host, limits.host_connections, interval_s, max(limits.retry_after_s, interval_s))
        with rest, _open(visit) as (pool, pace), _errors(url):
            asked = pool.stream(method, _target(url), headers=_headers(headers), extensions=_waits(limits))
            with asked as got:
                pace.heading = False
                answer = Answer(url, host, got.status, httpx.Headers(got.headers), got.iter_stream())
                if got.status not in REDIRECTS or "location" not in answer.headers:
                    yield answer
                    return
        url = _next(url, answer.headers["location"])
    raise BadMedia("too_many_redirects", f"more than {limits.redirects} (ingest.fetch.redirects)")


@contextmanager
def _open(visit: Visit) -> Iterator[tuple[httpcore.ConnectionPool, Pace]]:
    pace = Pace(visit.limits)
    visit.clock.start()
    try:
        with httpcore.ConnectionPool(_tls(), network_backend=Guard(visit.net, visit.limits, visit.clock, pace)) as pool:
            yield pool, pace
    finally:
        visit.clock.stop()


@functools.cache
def _tls() -> ssl.SSLContext:
    """Loading the certificates costs more than a request on a local network."""
    return httpx.create_ssl_context(trust_env=False)


def _target(url: str) -> httpcore.URL:
    parsed = httpx.URL(url)
    return httpcore.URL(scheme=parsed.raw_scheme, host=parsed.raw_host, port=parsed.port, target=parsed.raw_path)


def _headers(more: Mapping[str, str]) -> list[tuple[str, str]]:
    """identity: bytes are kept as they are served, and nothing is unpacked on the way."""
    return [("User-Agent", USER_AGENT), ("Accept", "*/*"), ("Accept-Encoding", "identity"), *more.items()]


def _waits(limits: FetchLimits) -> dict[str, object]:
    waits_s = {"connect": limits.connect_s, "read": limits.stall_s, "write": limits.stall_s, "pool": limits.connect_s}
    return {"timeout": waits_s}


def _next(url: str, location: str) -> str:
    """Where a redirect leads. From https to http is refused: whoever is on the way could change the bytes."""
    try:
        target = urljoin(url, location)
        schemes = urlsplit(url).scheme, urlsplit(target).scheme  # in small letters
    except ValueError as e:
        raise BadMedia("bad_url", f"a redirect to no URL: {told(location)[:80]!r}") from e
    if schemes == ("https", "http"):
        raise BadMedia("insecure_redirect", f"from https to {told(target)[:80]}; list the http URL if that is meant")
    return target


@contextmanager
def _errors(url: str) -> Iterator[None]:
    """The one place where httpcore's errors become ours."""
    try:
        yield
    except httpcore.RemoteProtocolError as e:
        if any(words in str(e) for words in CUT_OFF):
            raise CutOff(f"{told(url)}: {e}; run the same command again") from e
        raise Odd("bad_http", f"{told(url)}: {e}"[:200]) from e
    except httpcore.LocalProtocolError as e:
        raise BadMedia("bad_url", f"{told(url)}: {e}"[:200]) from e
    except (httpcore.TimeoutException, httpcore.NetworkError) as e:
        raise TransientError(f"{told(url)}: {type(e).__name__} {e}; run the same command again") from e
