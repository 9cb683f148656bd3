"""What a packet leaves through: the resolver, the connections, and whose certificates are believed."""

from __future__ import annotations

import functools
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.errors import TransientError

if TYPE_CHECKING:
    import httpcore

Resolver = Callable[[str, int], Sequence[str]]
Connector = Callable[[str, int, float], "httpcore.NetworkStream"]


def resolve(host: str, port: int) -> Sequence[str]:
    """Addresses of a host, in the system's order. TransientError: it has none now."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as e:
        raise TransientError(f"{host}: {e.strerror}; is the network reachable? Run the same command again") from e
    return [str(address[4][0]) for address in addresses]


def connect(address: str, port: int, timeout_s: float) -> httpcore.NetworkStream:
    """A TCP connection to an address, which is not a name: nothing is resolved here."""
    import httpcore

    return httpcore.SyncBackend().connect_tcp(address, port, timeout_s)


@functools.cache
def trusted_roots() -> ssl.SSLContext:
    """TLS with the certificates that httpx brings. Loading them costs more than a request on a local network."""
    import httpx

    return httpx.create_ssl_context(trust_env=False)


@dataclass(frozen=True, slots=True)
class Net:
    """What a packet leaves through. resolver: addresses of (host, port); connector: (address, port, timeout in s)."""

    resolver: Resolver = resolve
    connector: Connector = connect
    tls: Callable[[], ssl.SSLContext] = trusted_roots
