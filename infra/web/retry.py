"""Trying again what may pass: with random waits, and not at a host that has given nothing for long."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception

from infra.web import host_limits
from infra.web.host_limits import Later
from infra.web.request import Odd, Visit
from infra.web.ssrf import FetchLimits
from schemas.errors import BadMedia, TransientError

T = TypeVar("T")


def tried(once: Callable[[], T], failures: Callable[[], int], visit: Visit) -> T:
    """What `once` gives, tried until `failures`, asked after each, says that enough in a row brought nothing.

    BadMedia: what it refuses, and what is Odd to the last. TransientError: the last one; failures in a row are counted
    of the host that the visit ended at (manners.gave_up). Later is not tried again.
    """
    failed = 0

    def count(_: object) -> None:
        nonlocal failed
        failed = failures()

    retrying = Retrying(
        retry=retry_if_exception(lambda e: isinstance(e, TransientError) and not isinstance(e, Later)), after=count,
        stop=lambda _: failed >= visit.limits.attempts, wait=lambda _: _wait_s(failed, visit.limits),
        sleep=visit.clock.sleep, reraise=True,
    )  # fmt: skip
    try:
        got = retrying(once)
    except Odd as e:
        raise BadMedia(e.reason, e.detail) from e
    except Later:
        raise
    except TransientError:
        host_limits.gave_up(visit.host)
        raise
    host_limits.answered(visit.host)
    return got


def _wait_s(failed: int, limits: FetchLimits) -> float:
    """At random, up to twice as long after each failure in a row ("full jitter")."""
    return random.uniform(0, min(limits.backoff_s, limits.backoff_s / 80 * 2 ** min(failed, 10)))
