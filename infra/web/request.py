"""One request to the web and its answer, through redirects, each of which is checked like the first URL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpcore
import httpx

from infra.web.host_limits import HostLimits
from infra.web.limits import FetchLimits
from infra.web.net import Net
from infra.web.session import Session
from infra.web.transport import PublicAddressBackend, ThroughputFloor, WallBudget
from infra.web.urls import host_and_port, redacted_url
from schemas.errors import BadMedia, TransientError

USER_AGENT = "handwheel/0.1 (a data engine for robot world models; it keeps to robots.txt, as `handwheel`)"
REDIRECTS = (301, 302, 303, 307, 308)
# A body that ends early comes as one of these; any other fault of protocol is the server's own making.
CUT_OFF = ("peer closed connection", "disconnected without")

Check = Callable[[str], float]


class DoubtfulError(TransientError):
    """May pass, but need not: after the last attempt it is a refusal with this reason."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


class CutOffError(TransientError):
    """The other side ended the connection before the answer was whole."""


@dataclass(slots=True)
class RequestContext:
    """What the requests of one download go by, and the host (host:port) that was asked last.

    check: refuses a URL by raising; returns seconds between two requests.
    """

    host: str
    limits: FetchLimits
    net: Net
    hosts: HostLimits
    budget: WallBudget
    check: Check

    @staticmethod
    def of(url: str, session: Session, check: Check) -> RequestContext:
        """That of a download that begins now. BadMedia `bad_url`."""
        budget = WallBudget(session.limits.wall_s)
        return RequestContext(host_and_port(url), session.limits, session.net, session.memory.hosts, budget, check)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response's head, where it came from after redirects (host is host:port), and its body as it comes."""

    url: str
    host: str
    status: int
    headers: httpx.Headers
    body: Iterator[bytes]


@contextmanager
def send(method: str, url: str, headers: Mapping[str, str], context: RequestContext) -> Iterator[Answer]:
    """The answer to a request without a body.

    BadMedia: bad_url, private_address, insecure_redirect, too_many_redirects, too_slow, bad_headers, and what the
    context's check refuses. TransientError: what may pass.
    """
    limits = context.limits
    for _ in range(limits.redirects + 1):
        context.host = host = host_and_port(url)
        interval_s = context.check(url)
        max_wait_s = max(limits.retry_after_s, interval_s)
        slot = context.hosts.host_slot(host, limits.host_connections, interval_s, max_wait_s)
        with slot, _open(context) as (pool, floor), _errors(url):
            request = pool.stream(method, _target(url), headers=_headers(headers), extensions=_waits(limits))
            with request as response:
                floor.in_head = False
                received = httpx.Headers(response.headers)
                answer = Answer(url, host, response.status, received, response.iter_stream())
                if response.status not in REDIRECTS or "location" not in answer.headers:
                    yield answer
                    return
        url = _next(url, answer.headers["location"])
    raise BadMedia("too_many_redirects", f"more than {limits.redirects} (ingest.fetch.redirects)")


@contextmanager
def _open(context: RequestContext) -> Iterator[tuple[httpcore.ConnectionPool, ThroughputFloor]]:
    floor = ThroughputFloor(context.limits)
    backend = PublicAddressBackend(context.net, context.limits, context.budget, floor)
    context.budget.start()
    try:
        with httpcore.ConnectionPool(context.net.tls(), network_backend=backend) as pool:
            yield pool, floor
    finally:
        context.budget.stop()


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
        raise BadMedia("bad_url", f"a redirect to no URL: {redacted_url(location)[:80]!r}") from e
    if schemes == ("https", "http"):
        raise BadMedia(
            "insecure_redirect", f"from https to {redacted_url(target)[:80]}; list the http URL if that is meant"
        )
    return target


@contextmanager
def _errors(url: str) -> Iterator[None]:
    """The one place where httpcore's errors become ours."""
    try:
        yield
    except httpcore.RemoteProtocolError as e:
        if any(words in str(e) for words in CUT_OFF):
            raise CutOffError(f"{redacted_url(url)}: {e}; run the same command again") from e
        raise DoubtfulError("bad_http", f"{redacted_url(url)}: {e}"[:200]) from e
    except httpcore.LocalProtocolError as e:
        raise BadMedia("bad_url", f"{redacted_url(url)}: {e}"[:200]) from e
    except (httpcore.TimeoutException, httpcore.NetworkError) as e:
        raise TransientError(f"{redacted_url(url)}: {type(e).__name__} {e}; run the same command again") from e
