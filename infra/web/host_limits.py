"""Turns at a host: how many connections it has from us at once, and how often a new request starts.

The counts are of this process. Beam's embedded runner has its workers as threads of one process, so that they hold for
a whole run; under a runner of many processes each keeps them by itself.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import TransientError

FAILURES = 5  # URLs of a host in a row that gave nothing after all attempts, before the others are not tried
REMEMBERED = 10_000  # hosts, before those that may be asked at once are forgotten

_changed = threading.Condition()
_open: Counter[str] = Counter()
_next_s: dict[str, float] = {}  # host:port -> when the next request may start, on the monotonic clock

_failed: Counter[str] = Counter()


class Later(TransientError):
    """A host asked for a longer wait than a run has, or failed too often in it; the next run asks it again."""


@contextmanager
def turn(host: str, connections: int, interval_s: float, longest_s: float) -> Iterator[None]:
    """Waits until the host may be asked, and keeps one of its connections meanwhile.

    host: host:port. interval_s: between the starts of two requests. Later: it asked for more than longest_s.
    """
    with _changed:
        while (wait_s := _checked(host, longest_s)) > 0 or _open[host] >= connections:
            _changed.wait(wait_s if _open[host] < connections else None)
        _open[host] += 1
        _next_s[host] = time.monotonic() + interval_s
        if len(_next_s) > REMEMBERED:
            _forget()
    try:
        yield
    finally:
        with _changed:
            _open[host] -= 1
            _changed.notify_all()


def hold_back(host: str, seconds: float) -> None:
    """Nobody asks the host for so long."""
    with _changed:
        _next_s[host] = max(_next_s.get(host, 0.0), time.monotonic() + seconds)


def gave_up(host: str) -> None:
    """A URL of the host gave nothing after all attempts."""
    with _changed:
        _failed[host] += 1


def answered(host: str) -> None:
    """A URL of the host gave something."""
    with _changed:
        _failed.pop(host, None)


def forget_failures() -> None:
    """A new run tries every host."""
    with _changed:
        _failed.clear()


def _checked(host: str, longest_s: float) -> float:
    """Seconds until the host may be asked. Later: it is not asked in this run."""
    if _failed[host] >= FAILURES:
        raise Later(f"{host} failed for {_failed[host]} URLs in a row; run the same command again")
    if (wait_s := _next_s.get(host, 0.0) - time.monotonic()) > longest_s:
        raise Later(f"{host} asks for {wait_s:.0f} s of rest; run the same command again after that")
    return wait_s


def _forget() -> None:
    now_s = time.monotonic()
    for host in [h for h, at_s in _next_s.items() if at_s <= now_s and not _open[h]]:
        del _next_s[host], _open[host]
