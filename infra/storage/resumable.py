"""A whole from ranged reads: what broke off goes on where it ended."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import IO

from schemas.errors import TransientError

BLOCK_BYTES = 64 << 10  # small: what a broken read had gathered of a block is lost
MAX_ATTEMPTS = 4  # in a row that each bring less than a block
MAX_BACKOFF_S = 20.0

# From a byte on: the size of the whole, and the bytes as they come.
Read = Callable[[int], tuple[int, Iterator[bytes]]]


def save(
    read: Read, out: IO[bytes], broken: tuple[type[Exception], ...], what: str, max_backoff_s: float = MAX_BACKOFF_S
) -> None:
    """Reads until the whole is there. broken: errors of the bytes' iterator that end one read, and not the download.

    TransientError after MAX_ATTEMPTS reads in a row without progress; what `read` itself raises is not caught.
    """
    size = failures = 0
    while True:
        total, blocks = read(size)
        before, size, error = size, *_append(blocks, out, size, broken)
        if error is None and size >= total:
            return
        failures = 1 if size - before >= BLOCK_BYTES else failures + 1
        if failures >= MAX_ATTEMPTS:
            raise TransientError(f"{what}: {size} of {total} bytes ({error}); run the same command again") from error
        if size >= total:  # all there, and yet refused: its checksum differs
            out.seek(0)
            out.truncate()
            size = 0
        time.sleep(random.uniform(0, min(max_backoff_s, 0.25 * 2**failures)))


def _append(
    blocks: Iterator[bytes], out: IO[bytes], size: int, broken: tuple[type[Exception], ...]
) -> tuple[int, Exception | None]:
    """Size of the whole after the blocks, and what ended them early."""
    while True:
        try:
            block = next(blocks, b"")
        except broken as e:
            return size, e
        if not block:
            return size, None
        out.write(block)
        size += len(block)
