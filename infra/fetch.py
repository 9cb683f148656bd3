"""The door to the web: bounded downloads that never reach a private address."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from schemas.errors import BadMedia, TransientError

Resolver = Callable[[str, int], Sequence[str]]
GONE = (400, 401, 403, 404, 405, 406, 410, 411, 414, 415, 451)
CARRIERS = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96"))
NAME = re.compile(r"[^\x00-\x20\x7f]+")
PAGES = ("text/html", "application/xhtml+xml", "application/json", "text/xml")


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Bounds of one download."""

    size_bytes: int = 20 << 30
    wall_s: float = 1800.0
    connect_s: float = 15.0
    redirects: int = 5
    allow_private: tuple[str, ...] = ()  # host:port pairs that may be private, for a server of one's own
    attempts: int = 4


def told(url: object) -> str:
    """The URL as it may be shown: what follows `?` may be a signature."""
    return str(url).partition("?")[0]


def resolve(host: str, port: int) -> Sequence[str]:
    """Addresses of a host, in the system's order."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as e:
        raise TransientError(f"{host}: {e.strerror}; is the network reachable? Run the same command again") from e
    return [str(address[4][0]) for address in found]


def address_of(url: str, limits: FetchLimits, resolver: Resolver) -> tuple[str, int, str]:
    """Host, port and the one address to connect to. BadMedia: bad_url, private_address.

    The caller connects to this address and asks no resolver again: a name that changes its answer gains nothing.
    """
    host, port = _host_of(url)
    addresses = resolver(host, port)
    if not addresses:
        raise TransientError(f"{host} has no address; run the same command again")
    if f"{host}:{port}" not in limits.allow_private:
        for address in addresses:
            if not is_public(address):
                raise BadMedia("private_address", f"{host} is {address}, which is not public")
    return host, port, addresses[0]


def _host_of(url: str) -> tuple[str, int]:
    """Host and port of a plain http or https URL; whatever a resolver or httpx would choke on is a bad URL."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host = parts.hostname or ""
        host.encode("idna")
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL) as e:
        raise BadMedia("bad_url", f"{e}: {url[:80]!r}"[:200]) from e
    if parts.scheme not in ("http", "https") or not host or parts.username or not NAME.fullmatch(host):
        raise BadMedia("bad_url", f"only plain http and https URLs are fetched: {url[:80]!r}")
    return host, port


def is_public(address: str) -> bool:
    """Whether packets to it leave for the public internet, an IPv4 address inside an IPv6 one included."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and (inner := _inner(ip)) is not None:
        ip = inner
    return ip.is_global and not ip.is_multicast


def _inner(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a mapped (RFC 4291), 6to4 (3056), NAT64 (6052) or compatible (4291) address leads to."""
    if (known := ip.ipv4_mapped or ip.sixtofour) is not None:
        return known
    if any(ip in prefix for prefix in CARRIERS):
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return None


def fetch(
    url: str,
    path: Path,
    limits: FetchLimits = FetchLimits(),
    resolver: Resolver = resolve,
    transport: httpx.BaseTransport | None = None,
) -> str:
    """Downloads to a file and returns the sha256 of its bytes.

    BadMedia: bad_url, private_address, too_many_redirects, too_large, too_slow, http_<status>, not_media_type.
    TransientError: what may pass, after `limits.attempts` tries.
    """
    call = retry(
        retry=retry_if_exception_type(TransientError),
        stop=stop_after_attempt(limits.attempts),
        wait=wait_random_exponential(0.5, 20),
        reraise=True,
    )(_fetch)
    return call(url, path, limits, resolver, transport)


def _fetch(url: str, path: Path, limits: FetchLimits, resolver: Resolver, transport: httpx.BaseTransport | None) -> str:
    deadline_s = time.monotonic() + limits.wall_s
    timeout = httpx.Timeout(30.0, connect=limits.connect_s)
    with httpx.Client(transport=transport, timeout=timeout, follow_redirects=False, trust_env=False) as client:
        for _ in range(limits.redirects + 1):
            host, port, address = address_of(url, limits, resolver)
            literal = f"[{address}]" if ":" in address else address
            target = httpx.URL(url).copy_with(host=literal, port=port)
            request = client.build_request(
                "GET", target, headers={"Host": httpx.URL(url).netloc.decode(), "Accept-Encoding": "identity"},
                extensions={"sni_hostname": host},
            )  # fmt: skip
            try:
                response = client.send(request, stream=True)
                try:
                    if response.is_redirect:
                        url = urljoin(url, response.headers.get("location", ""))
                        continue
                    return _save(response, path, limits, deadline_s)
                finally:
                    response.close()
            except httpx.HTTPError as e:
                raise TransientError(f"{told(url)}: {type(e).__name__} {e}; run the same command again") from e
    raise BadMedia("too_many_redirects", f"more than {limits.redirects}")


def _save(response: httpx.Response, path: Path, limits: FetchLimits, deadline_s: float) -> str:
    status = response.status_code
    if status in GONE:
        raise BadMedia(f"http_{status}", response.reason_phrase)
    if status != 200:
        raise TransientError(f"{told(response.url)}: status {status}; run the same command again")
    kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind in PAGES:
        raise BadMedia("not_media_type", f"the server sends {kind}")
    declared = int(response.headers.get("content-length") or 0)
    if declared > limits.size_bytes:
        raise BadMedia("too_large", f"{declared} bytes; the limit is {limits.size_bytes}")
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as out:
        for block in response.iter_raw(1 << 16):
            size += len(block)
            if size > limits.size_bytes:
                raise BadMedia("too_large", f"more than {limits.size_bytes} bytes")
            if time.monotonic() > deadline_s:
                raise BadMedia("too_slow", f"no end after {limits.wall_s:.0f} s")
            digest.update(block)
            out.write(block)
    if declared and size != declared:
        raise TransientError(f"{told(response.url)}: {size} of {declared} bytes came; run the same command again")
    return digest.hexdigest()
