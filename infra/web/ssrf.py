"""Which addresses packets may leave for: no server can send us to a private one (SSRF)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from infra.web.net import Resolver
from schemas.errors import BadMedia, TransientError

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
