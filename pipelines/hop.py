"""What every hop is given and what it says when it is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from infra.storage import lease, objects
from infra.storage.tables import Store

# progress(hop, done, total): called from the hop's own thread; total may grow.
Progress = Callable[[str, float, float], None]


def silent(hop: str, done: float, total: float) -> None:
    """No progress shown."""


@dataclass(frozen=True, slots=True)
class Beam:
    """How Beam runs. `embedded` is the FnApiRunner by its full name (DirectRunner would try to download Prism)."""

    runner: str = "embedded"
    flags: tuple[str, ...] = ()
    workers: int = 0  # embedded only; 0: one a core


@dataclass(frozen=True, slots=True)
class Ray:
    """How Ray runs: `local` starts one on this machine and ends it with the command."""

    address: str = "local"
    workers: int = 0  # 0: one a core
    object_store_mb: int = 128  # actors read proxies by row id; nothing large passes through the store


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a hop."""

    store: Store
    run_id: str
    beam: Beam = Beam()
    ray: Ray = Ray()
    salt: str = "handwheel"
    progress: Progress = silent
    now_ns: Callable[[], int] = time.time_ns
    lease_wait_s: float = 0.0

    def hold(self, hop: str) -> AbstractContextManager[lease.Lease]:
        """The lease of what a hop writes: one writer at a time."""
        return lease.hold(objects.join(self.store.root, "leases", f"{hop}.json"), self.run_id, wait_s=self.lease_wait_s)


@dataclass(slots=True)
class Done:
    """What a hop did."""

    hop: str
    added: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, table: str, rows: int) -> None:
        """Counts rows that went into a table."""
        if rows:
            self.added[table] = self.added.get(table, 0) + rows

    def line(self) -> str:
        """One line for people."""
        rows = ", ".join(f"{n} {table}" for table, n in self.added.items()) or "nothing new"
        return "; ".join([rows, *self.notes])


def batches(items: list[tuple[str, int]], most_bytes: int, most_items: int) -> Iterator[list[str]]:
    """Keys in batches of at most `most_bytes` (unless one alone is larger) and `most_items`."""
    batch: list[str] = []
    size = 0
    for key, n in items:
        if batch and (size + n > most_bytes or len(batch) >= most_items):
            yield batch
            batch, size = [], 0
        batch.append(key)
        size += n
    if batch:
        yield batch
