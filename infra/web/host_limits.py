"""Slots at a host: how many connections it has from us at once, and how often a new request starts."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import TransientError


class RetryNextRun(TransientError):
    """A host asked for a longer wait than a run has, or failed too often in it; the next run asks it again."""


class HostLimits:
    """The hosts (host:port) that are asked: connections that are open, rests that they want, and their failures.

    max_failures: URLs of a host in a row that gave nothing after all attempts, before the others are not tried.
    max_hosts: how many are remembered, before those that may be asked at once are forgotten.
    """

    def __init__(self, max_failures: int = 5, max_hosts: int = 10_000) -> None:
        self.max_failures, self.max_hosts = max_failures, max_hosts
        self._changed = threading.Condition()
        self._open: Counter[str] = Counter()
        self._next_s: dict[str, float] = {}  # when the next request may start, on the monotonic clock
        self._failures: Counter[str] = Counter()

    def __len__(self) -> int:
        """How many hosts are remembered."""
        return len(self._next_s)

    @contextmanager
    def host_slot(self, host: str, connections: int, interval_s: float, max_wait_s: float) -> Iterator[None]:
        """Waits until the host may be asked, and keeps one of its connections meanwhile.

        interval_s: between the starts of two requests. RetryNextRun: it asked for more than max_wait_s.
        """
        with self._changed:
            while (wait_s := self._wait_s(host, max_wait_s)) > 0 or self._open[host] >= connections:
                self._changed.wait(wait_s if self._open[host] < connections else None)
            self._open[host] += 1
            self._next_s[host] = time.monotonic() + interval_s
            if len(self._next_s) > self.max_hosts:
                self._forget_idle_hosts()
        try:
            yield
        finally:
            with self._changed:
                self._open[host] -= 1
                self._changed.notify_all()

    def hold_back(self, host: str, seconds: float) -> None:
        """Nobody asks the host for so long."""
        with self._changed:
            self._next_s[host] = max(self._next_s.get(host, 0.0), time.monotonic() + seconds)

    def count_failure(self, host: str) -> None:
        """A URL of the host gave nothing after all attempts."""
        with self._changed:
            self._failures[host] += 1

    def count_success(self, host: str) -> None:
        """A URL of the host gave something."""
        with self._changed:
            self._failures.pop(host, None)

    def forget_failures(self) -> None:
        """Every host is tried again."""
        with self._changed:
            self._failures.clear()

    def _wait_s(self, host: str, max_wait_s: float) -> float:
        """Seconds until the host may be asked. RetryNextRun: it is not asked in this run."""
        if self._failures[host] >= self.max_failures:
            raise RetryNextRun(f"{host} failed for {self._failures[host]} URLs in a row; run the same command again")
        if (wait_s := self._next_s.get(host, 0.0) - time.monotonic()) > max_wait_s:
            raise RetryNextRun(f"{host} asks for {wait_s:.0f} s of rest; run the same command again after that")
        return wait_s

    def _forget_idle_hosts(self) -> None:
        now_s = time.monotonic()
        for host in [h for h, at_s in self._next_s.items() if at_s <= now_s and not self._open[h]]:
            del self._next_s[host], self._open[host]
