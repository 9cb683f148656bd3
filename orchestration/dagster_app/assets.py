"""Hops as Dagster assets; the publish gate and the ledger as their checks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from infra.storage import objects
from orchestration import turn
from orchestration.config import Config
from pipelines.corpus import releases
from pipelines.corpus.ledger import ledger
from pipelines.hop import Done, Run
from schemas.errors import GateRefused, HandwheelError, TransientError
from schemas.spans import NS

# Whose rows each hop reads.
NEEDS: dict[str, tuple[str, ...]] = {
    "ingest": (),
    "fold": (),
    "dedup": ("ingest",),
    "look": ("ingest", "fold"),
    "keep": ("look",),
    "caption": ("keep",),
    "publish": ("caption", "fold", "dedup"),
    "trigger": ("publish",),
}
# The tables whose versions are the asset's data version; a table that several hops write counts for one.
WRITES: dict[str, tuple[str, ...]] = {
    "ingest": ("assets", "clips", "proxies", "rejects"),
    "fold": ("episodes", "steps"),
    "dedup": ("marks", "duplicates", "commons"),
    "look": ("hands",),
    "keep": ("decisions",),
    "caption": ("captions",),
    "publish": ("releases",),
    "trigger": ("triggers",),
}
CHECKS = {
    "keep": dg.AssetCheckSpec("books_balance", asset="keep", description="The ledger adds up to the input"),
    "publish": dg.AssetCheckSpec("gate", asset="publish", description="Great Expectations over a release"),
}
RETRIES, RETRY_S = 3, 60  # a lease held elsewhere frees itself within a minute of its holder's end


def asset(hop: str, config: Config) -> dg.AssetsDefinition:
    """One hop and its check. Data version: its tables' versions; metadata: the rows it added."""
    specs = [CHECKS[hop]] if hop in CHECKS else []

    @dg.asset(name=hop, deps=NEEDS[hop], check_specs=specs, group_name="turn", description=turn.HOPS[hop].__doc__)
    def step() -> Iterator[Any]:
        yield from steps(hop, config)

    return step


def steps(hop: str, config: Config) -> Iterator[Any]:
    """Runs a hop and yields its events. Our errors become Dagster's: what may pass is tried again."""
    run = turn.run_of(config)
    try:
        done = turn.hop(hop, run, config)
    except TransientError as e:
        raise dg.RetryRequested(RETRIES, RETRY_S) from e
    except GateRefused as e:
        yield gate_result(objects.join(run.store.root, "refused", run.run_id), str(e))
        raise dg.Failure(str(e), allow_retries=False) from e
    except HandwheelError as e:
        raise dg.Failure(str(e), allow_retries=False) from e
    if stuck := getattr(done, "undelivered", []):
        raise dg.Failure(done.line(), metadata={"undelivered": stuck}, allow_retries=False)
    version = " ".join(f"{table}:{run.store.version(table)}" for table in WRITES[hop])
    yield dg.MaterializeResult(data_version=dg.DataVersion(version), metadata=_said(done))
    if hop in CHECKS:
        yield books_result(run, config) if hop == "keep" else newest_gate(run)


def newest_gate(run: Run) -> dg.AssetCheckResult:
    """What the gate found in the newest release."""
    if not (names := releases.names(run.store)):
        text = "nothing is published yet"
        return dg.AssetCheckResult(check_name="gate", asset_key="publish", passed=True, description=text)
    return gate_result(objects.join(releases.folder_of(run.store, names[-1]), "gate"), names[-1])


def gate_result(folder: str, said: str) -> dg.AssetCheckResult:
    """A gate's summary as a check; without a summary (the ledger did not balance) refused for what was said."""
    try:
        found = json.loads(objects.read_bytes(objects.join(folder, "summary.json")))
    except FileNotFoundError:
        found = {"success": False, "expectations": []}
    rows = [(str(e["name"]), str(e["success"]), str(e["observed"])) for e in found["expectations"]]
    return dg.AssetCheckResult(
        check_name="gate",
        asset_key="publish",
        passed=bool(found["success"]),
        description=said,
        metadata={
            "expectations": _table(("expectation", "met", "observed"), rows),
            "page": objects.join(folder, "index.html"),
        },
    )


def books_result(run: Run, config: Config) -> dg.AssetCheckResult:
    """Every second of input is in exactly one place."""
    total, _ = ledger(run.store, turn.recipe(config), config.policy.digest)
    return dg.AssetCheckResult(
        check_name="books_balance",
        asset_key="keep",
        passed=total.unbalanced_ns() == 0,
        metadata={
            "unbalanced_s": total.unbalanced_ns() / NS,
            "ledger": dg.MetadataValue.json(total.plain()),
        },
    )


def _said(done: Done) -> dict[str, Any]:
    rows = [(table, str(n)) for table, n in done.added.items()]
    added = _table(("table", "rows added"), rows) if rows else dg.MetadataValue.md("nothing new")
    said: dict[str, Any] = {"added": added, "rows": sum(done.added.values())}
    return said | ({"notes": dg.MetadataValue.md("\n".join(f"- {n}" for n in done.notes))} if done.notes else {})


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> dg.MarkdownMetadataValue:
    lines = [head, ("---",) * len(head), *rows]
    return dg.MetadataValue.md("\n".join(f"| {' | '.join(line)} |" for line in lines))
