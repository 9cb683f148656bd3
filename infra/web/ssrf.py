"""What may be asked of the web: bounds of a download, and which addresses packets may leave for."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from schemas.errors import BadMedia, TransientError

Resolver = Callable[[str, int], Sequence[str]]
CARRIERS = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96"))
# Not for the public internet, though Python 3.11 calls them global: local NAT64 (RFC 8215), IPv4-translated (2765),
# site-local (3879), documentation (9637), segment routing (9602), relays to 6to4 (7526), protocol assignments (6890;
# Oracle's cloud has its metadata there), and Azure's host, which answers its guests alone.
INSIDE = tuple(
    ipaddress.ip_network(text)
    for text in (
        "64:ff9b:1::/48", "::ffff:0:0:0/96", "fec0::/10", "3fff::/20", "5f00::/16", "192.88.99.0/24", "192.0.0.0/24",
        "168.63.129.16/32",
    )
)  # fmt: skip
NAME = re.compile(r"[^\x00-\x20\x7f]+")


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Bounds of one download, and manners towards its host."""

    size_bytes: int = 20 << 30
    wall_s: float = 7200.0  # on the line and between attempts; waiting for a host's turn does not count
    connect_s: float = 15.0
    stall_s: float = 30.0  # without a byte: the connection is given up, and the download goes on by range
    slowest_bytes_per_s: int = 4096  # over each slow_window_s of a connection
    slow_window_s: float = 60.0
    redirects: int = 5
    allow_private: tuple[str, ...] = ()  # host:port pairs that may be private, for a server of one's own
    attempts: int = 4  # in a row without progress
    backoff_s: float = 20.0  # longest wait between two attempts, drawn at random
    retry_after_s: float = 120.0  # longest wait that a server may ask for; a longer one leaves the URL to the next run
    host_connections: int = 4
    host_requests_per_s: float = 10.0
    robots: bool = True  # robots.txt is honoured
    crawl_delay_s: float = 10.0  # longest Crawl-delay of a robots.txt that is kept


def told(url: object) -> str:
    """The URL as it may be shown: without a name and password, and without what follows `?`, which may sign it."""
    return re.sub("//[^/]*@", "//", str(url).partition("?")[0])


def resolve(host: str, port: int) -> Sequence[str]:
    """Addresses of a host, in the system's order."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as e:
        raise TransientError(f"{host}: {e.strerror}; is the network reachable? Run the same command again") from e
    return [str(address[4][0]) for address in found]


def addresses_of(host: str, port: int, allow_private: Sequence[str], resolver: Resolver) -> Sequence[str]:
    """The addresses that may be connected to. BadMedia `private_address` where one of them is not public.

    The caller connects to these and asks no resolver again: a name that changes its answer gains nothing.
    """
    addresses = list(dict.fromkeys(resolver(host, port)))
    if not addresses:
        raise TransientError(f"{host} has no address; run the same command again")
    if f"{host}:{port}" not in allow_private:
        for address in addresses:
            if not is_public(address):
                raise BadMedia("private_address", f"{host} is {address}, which is not public")
    return addresses


def host_of(url: str) -> tuple[str, int]:
    """Host and port of a plain http or https URL; whatever a resolver or httpx would choke on is `bad_url`."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host = parts.hostname or ""
        host.encode("idna")
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL) as e:
        raise BadMedia("bad_url", f"{e}: {told(url)[:80]!r}"[:200]) from e
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc or not NAME.fullmatch(host):
        raise BadMedia("bad_url", f"only plain http and https URLs are fetched: {told(url)[:80]!r}")
    return host, port


def host_and_port(url: str) -> str:
    """`host:port` of a URL, the port of its scheme where it names none. BadMedia `bad_url`."""
    return "{}:{}".format(*host_of(url))


def is_public(address: str) -> bool:
    """Whether packets to it leave for the public internet, an IPv4 address inside an IPv6 one included."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and (inner := _inner(ip)) is not None:
        ip = inner
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in INSIDE)


def _inner(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a mapped (RFC 4291), 6to4 (3056), NAT64 (6052) or compatible (4291) address leads to."""
    if (known := ip.ipv4_mapped or ip.sixtofour) is not None:
        return known
    if any(ip in prefix for prefix in CARRIERS):
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return None
