"""The contract of every hop: what it is, what it is given, what it says when it is done, and the one batch loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from infra.storage import corpus_version, lease, objects
from infra.storage.tables import Store

T = TypeVar("T")
R = TypeVar("R")

# progress(hop, done, total): called from the hop's own thread; total may grow.
Progress = Callable[[str, float, float], None]


def silent(hop: str, done: float, total: float) -> None:
    """Shows no progress."""


@dataclass(frozen=True, slots=True)
class Beam:
    """How Beam runs. `embedded` is the FnApiRunner by its full name (DirectRunner would try to download Prism)."""

    runner: str = "embedded"  # or a portable runner's name
    flags: tuple[str, ...] = ()  # of that runner
    workers: int = 0  # processes, embedded only; 0: one for each core


@dataclass(frozen=True, slots=True)
class Ray:
    """How Ray runs: `local` starts one on this machine and ends it with the command."""

    address: str = "local"  # or a cluster's
    workers: int = 0  # actors; 0: as many as the cores and GPUs allow
    object_store_mb: int = 128  # actors read proxies by row id; nothing large passes through the store


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a hop: where it writes, under which id, on which engines."""

    store: Store
    run_id: str
    beam: Beam = Beam()
    ray: Ray = Ray()
    salt: str = "handwheel"
    progress: Progress = silent
    now_ns: Callable[[], int] = time.time_ns
    lease_wait_s: float = 0.0

    def lease_of(self, name: str) -> AbstractContextManager[lease.Lease]:
        """The lease of what a hop writes: one writer at a time."""
        place = objects.join(self.store.root, "leases", f"{name}.json")
        return lease.hold(place, self.run_id, wait_s=self.lease_wait_s)

    @contextmanager
    def hold(self, name: str) -> Iterator[lease.Lease]:
        """That lease over a corpus of this program's schema, which nobody migrates meanwhile."""
        with self.lease_of(name) as token:
            objects.begin_run(self.run_id)
            corpus_version.prepare(self.store)
            yield token


@dataclass(frozen=True, slots=True)
class Context:
    """What a hop is given: the run, the recipe of the clips, and the config's values, asked for by their type."""

    run: Run
    recipe: str
    settings: tuple[object, ...] = ()

    def get(self, kind: type[T]) -> T:
        """The one value of a type. LookupError where there is none, or are several."""
        values = self.all(kind)
        if len(values) != 1:
            raise LookupError(f"{len(values)} settings are a {kind.__name__}; a hop's context has one")
        return values[0]

    def all(self, kind: type[T]) -> tuple[T, ...]:
        """Every value of a type, in the config's order."""
        return tuple(value for value in self.settings if isinstance(value, kind))


@dataclass(slots=True)
class Done:
    """What a hop did. Beside the rows: the release that publish made, what trigger fired and could not deliver."""

    hop: str
    added: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    release: str | None = None
    pin: str | None = None
    triggers: list[dict[str, str]] = field(default_factory=list)
    undelivered: list[str] = field(default_factory=list)

    def add(self, table: str, rows: int) -> None:
        """Counts rows that went into a table."""
        if rows:
            self.added[table] = self.added.get(table, 0) + rows

    def line(self) -> str:
        """One line for people."""
        rows = ", ".join(f"{n} {table}" for table, n in self.added.items()) or "nothing new"
        return "; ".join([rows, *self.notes])


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must hold after a hop, told by its name in Dagster."""

    name: str
    doc: str


@dataclass(frozen=True, slots=True)
class Hop:
    """One verb of the turn. The command, Dagster's graph, publish's inputs and the documents' tables are made of it."""

    name: str  # the command's and the asset's
    doc: str  # one line for people
    run: Callable[[Context], Done]
    reads: tuple[str, ...]  # tables
    writes: tuple[str, ...]  # tables, children before parents
    needs: tuple[str, ...]  # hops whose rows it reads
    lease: str  # hops that share one never write at the same time
    engine: str  # what it runs on, for the documents
    reads_beside: str = ""  # what it reads that is no table, for the documents
    checks: tuple[Check, ...] = ()
    alias: str | None = None  # a name it had, which the command still takes


def commit_in_batches(
    run: Run,
    hop: str,
    batches: Sequence[Sequence[T]],
    work: Callable[[Sequence[Sequence[T]]], Iterable[R]],
    commit: Callable[[R], int],
) -> None:
    """Works through batches and commits each result as it comes, with progress in items.

    work: from batches to results, lazily, so that a batch is committed before the next one starts (`one_by_one`), or
    as a pool of actors gives them, in any order. commit: writes a result and returns how many items it was of.
    """
    total, finished = sum(len(batch) for batch in batches), 0
    if not batches:
        return
    run.progress(hop, 0, total)
    for result in work(batches):
        finished += commit(result)
        run.progress(hop, min(finished, total), total)


def one_by_one(work: Callable[[Sequence[T]], R]) -> Callable[[Sequence[Sequence[T]]], Iterable[R]]:
    """One batch after the other: the next is begun when the result of the last was taken."""

    def each(batches: Sequence[Sequence[T]]) -> Iterator[R]:
        for batch in batches:
            yield work(batch)

    return each


def in_batches(items: Iterable[tuple[T, int]], max_size: int, max_items: int) -> list[list[T]]:
    """Items, each with its size, in batches of at most `max_size` (unless one alone is larger) and `max_items`."""
    batches: list[list[T]] = []
    size = 0
    for item, n in items:
        if not batches or size + n > max_size or len(batches[-1]) >= max_items:
            batches.append([])
            size = 0
        batches[-1].append(item)
        size += n
    return batches
