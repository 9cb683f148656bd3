"""Threads that start together: a race that most often does not happen tests nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def run_together(work: Callable[[int], T], threads: int) -> list[T]:
    """What `work` gives for 0, 1, ... in as many threads, none of which begins before all are there."""
    together = threading.Barrier(threads)

    def start(number: int) -> T:
        together.wait(60)
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(start, range(threads)))
