"""migrate: a corpus of an earlier schema -> the same rows under this program's, step by step.

Each table is rewritten in place in one commit, so that its versions go on counting: what releases have tagged or name
as their input stays, and the last version under the old schema is tagged `schema-<n>`. A table says in its own metadata
which step it is through, so that a run that was killed goes on at the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from infra.storage import corpus_version, evolution
from infra.storage.corpus_version import Stamp
from infra.storage.evolution import Old
from infra.storage.tables import Store
from pipelines.hop import Run
from pipelines.migrate.rewrite import Rewritten, rehearse, rewrite
from schemas.errors import UsageError
from schemas.migrations import STEPS, Step

NAME = "migrate"
FORMER_LEASES = ("look", "keep")  # leases that hops of earlier programs take, which may still run


@dataclass(slots=True)
class Migrated:
    """What a migration did. steps: what became of each table, by the schema that it was brought to."""

    from_version: int
    to_version: int
    dry_run: bool
    steps: dict[int, list[Rewritten]] = field(default_factory=dict)
    added: dict[str, list[str]] = field(default_factory=dict)  # columns that are null in old rows, by table


def migrate(run: Run, leases: Iterable[str], *, steps: Sequence[Step] = STEPS, dry_run: bool = False) -> Migrated:
    """Brings the corpus to the schema that the last step leads to, holding the hops' leases.

    dry_run: maps the rows of the step that comes first, and writes nothing.
    UsageError: the corpus is of a newer schema, or of one that no step starts from. LeaseHeld: a hop is writing.
    """
    store = run.store
    with ExitStack() as stack:
        names = [] if dry_run else sorted({*leases, *FORMER_LEASES})
        leases_held = [stack.enter_context(run.lease_of(name)) for name in names]
        stamp, etag = corpus_version.read_stamp(store.root)
        version = corpus_version.version_of(stamp, corpus_version.schemas_of(store))
        ahead = _ahead(store.root, version, stamp, steps)
        done = Migrated(version, steps[-1].to_version, dry_run)
        if dry_run:
            done.steps = {step.to_version: _rehearsed(run, step) for step in ahead[:1]}
            return done

        def check() -> None:
            for one in leases_held:
                one.check()

        for step in ahead:
            etag = corpus_version.put_stamp(store.root, Stamp(step.from_version, migrating_to=step.to_version), etag)
            done.steps[step.to_version] = _taken(run, step, check)
            check()
            etag = corpus_version.put_stamp(store.root, Stamp(step.to_version), etag)
        done.added = _completed(store, steps[-1].to_version, etag)
    return done


def _ahead(root: str, version: int, stamp: Stamp | None, steps: Sequence[Step]) -> list[Step]:
    """The steps that are left from a version on. UsageError: none leads from there."""
    target = steps[-1].to_version
    newest = max(version, (stamp.migrating_to if stamp else None) or 0)
    if newest > target:
        raise UsageError(f"{root} is of schema {newest}, made by a newer handwheel; this one migrates to {target}")
    ahead = [step for step in steps if step.from_version >= version]
    if version < target and (not ahead or ahead[0].from_version != version):
        raise UsageError(
            f"{root} is of schema {version}, from which no step leads; steps start at {steps[0].from_version}"
        )
    return ahead


def _ticker(run: Run, olds: Sequence[Old]) -> Callable[[int], None]:
    """Shows progress over the rows of some tables."""
    total, seen = sum(old.rows for old in olds), 0
    run.progress(NAME, 0, total)

    def tick(rows: int) -> None:
        nonlocal seen
        seen += rows
        run.progress(NAME, seen, total)

    return tick


def _olds(store: Store, step: Step) -> dict[str, Old]:
    """The tables of a step that are there and not through it yet."""
    mapped = {change.table: evolution.old_of(store, change.table) for change in step.changes}
    return {table: old for table, old in mapped.items() if old and (old.mapped_to or 0) < step.to_version}


def _rehearsed(run: Run, step: Step) -> list[Rewritten]:
    olds = _olds(run.store, step)
    tick = _ticker(run, list(olds.values()))
    return [rehearse(run.store, olds[c.table], c, tick) for c in step.changes if c.table in olds]


def _taken(run: Run, step: Step, check: Callable[[], None]) -> list[Rewritten]:
    """Rewrites the step's tables in its order, those that a killed run did left out."""
    olds = _olds(run.store, step)
    tick = _ticker(run, list(olds.values()))
    return [rewrite(run.store, olds[c.table], c, step.to_version, check, tick) for c in step.changes if c.table in olds]


def _completed(store: Store, version: int, etag: str) -> dict[str, list[str]]:
    """Adds what is null in old rows and stamps the corpus as done."""
    tables = corpus_version.schemas_of(store)
    added = {
        table: evolution.add_columns(store, table, fields)
        for table, schema in tables.items()
        if (fields := corpus_version.lacking(store.root, table, schema))
    }
    corpus_version.put_stamp(store.root, replace(corpus_version.current(), schema=version), etag)
    return {table: columns for table, columns in added.items() if columns}
