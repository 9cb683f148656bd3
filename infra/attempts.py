"""Trying again what may pass: with random waits, and not at a host that has given nothing for long."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception, wait_random_exponential

from infra import manners
from infra.guard import FetchLimits
from infra.manners import Later
from schemas.errors import BadMedia, TransientError

T = TypeVar("T")


class Odd(TransientError):
    """May pass, but need not: after the last attempt it is a refusal with this reason."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


def tried(once: Callable[[], T], enough: Callable[[], bool], limits: FetchLimits, host: str) -> T:
    """What `once` gives, tried until `enough` says so.

    BadMedia: what it refuses, and what is Odd to the last. TransientError: the last one; the host's failures in a row
    are counted (manners.gave_up). Later is not tried again.
    """
    retrying = Retrying(
        retry=retry_if_exception(lambda e: isinstance(e, TransientError) and not isinstance(e, Later)),
        stop=lambda _: enough(), wait=wait_random_exponential(limits.backoff_s / 40, limits.backoff_s), reraise=True,
    )  # fmt: skip
    try:
        got = retrying(once)
    except Odd as e:
        raise BadMedia(e.reason, e.detail) from e
    except Later:
        raise
    except TransientError:
        manners.gave_up(host)
        raise
    manners.answered(host)
    return got
