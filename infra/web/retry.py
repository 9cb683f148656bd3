"""Trying again what may pass: with random waits, and not at a host that has given nothing for long."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception

from infra.web.host_limits import RetryNextRun
from infra.web.limits import FetchLimits
from infra.web.request import DoubtfulError, RequestContext
from schemas.errors import BadMedia, TransientError

T = TypeVar("T")


def with_retries(once: Callable[[], T], failures: Callable[[], int], context: RequestContext) -> T:
    """What `once` gives, tried until `failures`, asked after each, says that enough in a row brought nothing.

    BadMedia: what it refuses, and what is doubtful to the last. TransientError: the last one; failures in a row are
    counted of the host that was asked last. RetryNextRun is not tried again.
    """
    failures_in_a_row = 0

    def count(_: object) -> None:
        nonlocal failures_in_a_row
        failures_in_a_row = failures()

    retrying = Retrying(
        retry=retry_if_exception(lambda e: isinstance(e, TransientError) and not isinstance(e, RetryNextRun)),
        after=count, stop=lambda _: failures_in_a_row >= context.limits.attempts,
        wait=lambda _: _wait_s(failures_in_a_row, context.limits), sleep=context.budget.sleep, reraise=True,
    )  # fmt: skip
    try:
        result = retrying(once)
    except DoubtfulError as e:
        raise BadMedia(e.reason, e.detail) from e
    except RetryNextRun:
        raise
    except TransientError:
        context.hosts.count_failure(context.host)
        raise
    context.hosts.count_success(context.host)
    return result


def _wait_s(failures_in_a_row: int, limits: FetchLimits) -> float:
    """At random, up to twice as long after each failure in a row ("full jitter")."""
    return random.uniform(0, min(limits.backoff_s, limits.backoff_s / 80 * 2 ** min(failures_in_a_row, 10)))
