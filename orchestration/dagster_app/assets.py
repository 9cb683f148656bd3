"""Hops as Dagster assets; the publish gate and the ledger as their checks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dagster as dg

from filters.policies.policy import Policy
from infra.storage import objects
from orchestration import turn
from orchestration.config import Config
from pipelines.corpus import releases
from pipelines.corpus.ledger import ledger
from pipelines.filter import hop as filter_hop
from pipelines.filter.hop import BOOKS_BALANCE
from pipelines.hop import Check, Context, Done, Hop
from pipelines.publish import hop as publish_hop
from pipelines.publish.hop import GATE
from schemas.errors import GateRefused, HandwheelError, TransientError
from schemas.spans import NS

RETRIES, RETRY_S = 3, 60  # a lease held elsewhere frees itself within a minute of its holder's end


def asset(hop: Hop, config: Config) -> dg.AssetsDefinition:
    """One hop and its checks. Data version: its tables' versions; metadata: the rows it added."""
    specs = [dg.AssetCheckSpec(check.name, asset=hop.name, description=check.doc) for check in hop.checks]

    @dg.asset(name=hop.name, deps=hop.needs, check_specs=specs, group_name="turn", description=hop.doc)
    def step() -> Iterator[Any]:
        yield from steps(hop, config)

    return step


def steps(hop: Hop, config: Config) -> Iterator[Any]:
    """Runs a hop and yields its events. Our errors become Dagster's: what may pass is tried again."""
    context = turn.context_of(config)
    run = context.run
    try:
        done = turn.run_hop(hop, context)
    except TransientError as e:
        raise dg.RetryRequested(RETRIES, RETRY_S) from e
    except GateRefused as e:
        yield gate_result(objects.join(run.store.root, "refused", run.run_id), str(e))
        raise dg.Failure(str(e), allow_retries=False) from e
    except HandwheelError as e:
        raise dg.Failure(str(e), allow_retries=False) from e
    if done.undelivered:
        raise dg.Failure(done.line(), metadata={"undelivered": done.undelivered}, allow_retries=False)
    version = " ".join(f"{table}:{run.store.version(table)}" for table in own_tables(hop))
    yield dg.MaterializeResult(data_version=dg.DataVersion(version), metadata=_metadata(done))
    for check in hop.checks:
        yield RESULTS[check](context)


def own_tables(hop: Hop) -> tuple[str, ...]:
    """The tables whose versions are the asset's data version; one that several hops write counts for the first."""
    earlier = {table for other in turn.HOPS[: turn.HOPS.index(hop)] for table in other.writes}
    return tuple(table for table in hop.writes if table not in earlier)


def newest_gate(context: Context) -> dg.AssetCheckResult:
    """What the gate found in the newest release."""
    run = context.run
    if not (names := releases.names(run.store)):
        text = "nothing is published yet"
        return dg.AssetCheckResult(check_name=GATE.name, asset_key=publish_hop.HOP.name, passed=True, description=text)
    return gate_result(objects.join(releases.folder_of(run.store, names[-1]), "gate"), names[-1])


def gate_result(folder: str, description: str) -> dg.AssetCheckResult:
    """A gate's summary as a check; without one (the ledger did not balance) it is refused, as the description says."""
    try:
        summary = json.loads(objects.read_bytes(objects.join(folder, "summary.json")))
    except FileNotFoundError:
        summary = {"success": False, "expectations": []}
    rows = [(str(e["name"]), str(e["success"]), str(e["observed"])) for e in summary["expectations"]]
    return dg.AssetCheckResult(
        check_name=GATE.name,
        asset_key=publish_hop.HOP.name,
        passed=bool(summary["success"]),
        description=description,
        metadata={
            "expectations": _table(("expectation", "met", "observed"), rows),
            "page": objects.join(folder, "index.html"),
        },
    )


def books_result(context: Context) -> dg.AssetCheckResult:
    """Every second of input is in exactly one place."""
    total, _ = ledger(context.run.store, context.recipe, context.get(Policy).digest)
    return dg.AssetCheckResult(
        check_name=BOOKS_BALANCE.name,
        asset_key=filter_hop.HOP.name,
        passed=total.unbalanced_ns() == 0,
        metadata={
            "unbalanced_s": total.unbalanced_ns() / NS,
            "ledger": dg.MetadataValue.json(total.plain()),
        },
    )


# What tells whether a hop's check holds.
RESULTS: dict[Check, Callable[[Context], dg.AssetCheckResult]] = {BOOKS_BALANCE: books_result, GATE: newest_gate}


def _metadata(done: Done) -> dict[str, dg.MetadataValue | int]:
    """What a hop did, as its asset's page shows it."""
    rows = [(table, str(n)) for table, n in done.added.items()]
    added = _table(("table", "rows added"), rows) if rows else dg.MetadataValue.md("nothing new")
    metadata: dict[str, dg.MetadataValue | int] = {"added": added, "rows": sum(done.added.values())}
    if done.notes:
        metadata["notes"] = dg.MetadataValue.md("\n".join(f"- {note}" for note in done.notes))
    return metadata


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> dg.MarkdownMetadataValue:
    lines = [head, ("---",) * len(head), *rows]
    return dg.MetadataValue.md("\n".join(f"| {' | '.join(line)} |" for line in lines))
