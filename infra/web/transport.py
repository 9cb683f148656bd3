"""A connection that keeps a download's bounds: to addresses that may be asked, and only while bytes keep coming."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpcore

from infra.web.limits import FetchLimits
from infra.web.net import Net
from infra.web.ssrf import addresses_of
from schemas.errors import BadMedia, TransientError

MAX_HEADER_BYTES = 64 << 10  # of a response before its body, 1xx ones included


@dataclass(slots=True)
class WallBudget:
    """Seconds that one download has spent on the line and between its attempts."""

    wall_s: float
    spent_s: float = 0.0
    since_s: float | None = None

    def start(self) -> None:
        """The line is open."""
        self.since_s = time.monotonic()

    def stop(self) -> None:
        """The line is closed; waiting costs nothing."""
        self.spent_s, self.since_s = self.wall_s - self._left_s(), None

    def sleep(self, seconds: float) -> None:
        """Waits for the next attempt."""
        time.sleep(seconds)
        self.spent_s += seconds

    def left_s(self) -> float:
        """More than 0. BadMedia `too_slow`: nothing is left."""
        if (left_s := self._left_s()) <= 0:
            raise BadMedia("too_slow", f"no end after {self.wall_s:g} s (ingest.fetch.wall_s)")
        return left_s

    def _left_s(self) -> float:
        running_s = 0.0 if self.since_s is None else time.monotonic() - self.since_s
        return self.wall_s - self.spent_s - running_s


@dataclass(slots=True)
class ThroughputFloor:
    """Bytes of one connection: those before the body, and those of the present window."""

    limits: FetchLimits
    in_head: bool = True
    head_bytes: int = 0
    window_bytes: int = 0
    window_from_s: float = field(default_factory=time.monotonic)

    def check_head(self) -> None:
        """BadMedia `bad_headers`: a response that has no end before its body begins."""
        if self.in_head and self.head_bytes >= MAX_HEADER_BYTES:
            raise BadMedia("bad_headers", f"more than {MAX_HEADER_BYTES} bytes before the body")

    def count(self, size_bytes: int) -> None:
        """BadMedia `too_slow`: fewer bytes in a window than the limit."""
        self.head_bytes += size_bytes if self.in_head else 0
        self.window_bytes += size_bytes
        took_s = time.monotonic() - self.window_from_s
        if took_s < self.limits.slow_window_s:
            return
        min_bytes_per_s = self.limits.slowest_bytes_per_s
        if self.window_bytes < min_bytes_per_s * took_s:
            raise BadMedia(
                "too_slow", f"{self.window_bytes} bytes in {took_s:.0f} s; the limit is {min_bytes_per_s} a second"
            )
        self.window_bytes, self.window_from_s = 0, time.monotonic()


@dataclass(slots=True)
class BoundedStream(httpcore.NetworkStream):
    """One connection, of TCP or of TLS over it."""

    stream: httpcore.NetworkStream
    budget: WallBudget
    floor: ThroughputFloor

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come, at most max_bytes. BadMedia: too_slow, bad_headers."""
        self.floor.check_head()
        try:
            data = self.stream.read(max_bytes, self._timeout_s(timeout))
        except httpcore.ReadTimeout:
            self.budget.left_s()
            raise
        self.floor.count(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Sends it all."""
        self.stream.write(buffer, self._timeout_s(timeout))

    def close(self) -> None:
        """Ends the connection."""
        self.stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """The same stream under TLS."""
        return BoundedStream(
            self.stream.start_tls(ssl_context, server_hostname, self._timeout_s(timeout)), self.budget, self.floor
        )

    def get_extra_info(self, info: str) -> Any:
        """What the connection says of itself."""
        return self.stream.get_extra_info(info)

    def _timeout_s(self, timeout: float | None) -> float:
        left_s = self.budget.left_s()
        return left_s if timeout is None else min(left_s, timeout)


@dataclass(slots=True)
class PublicAddressBackend(httpcore.NetworkBackend):
    """Where httpcore gets its connections: every one is resolved, checked and bounded here."""

    net: Net
    limits: FetchLimits
    budget: WallBudget
    floor: ThroughputFloor

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        """A stream to the first address of the host that answers. BadMedia: private_address, too_slow."""
        failed: Exception | None = None
        for address in addresses_of(host, port, self.limits.allow_private, self.net.resolver):
            try:
                timeout_s = min(self.limits.connect_s, self.budget.left_s())
                return BoundedStream(self.net.connector(address, port, timeout_s), self.budget, self.floor)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as e:
                failed = e
        raise failed or TransientError(f"{host} has no address")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        """No socket file is ever connected to. BadMedia `bad_url`."""
        raise BadMedia("bad_url", "a socket file")
