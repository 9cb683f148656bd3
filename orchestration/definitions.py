"""The turn as Dagster sees it: hops as assets, an ingest schedule, log and trigger sensors, gates as checks.

Dagster loads this module in a process of its own: HANDWHEEL_CONFIG tells it the config.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg

from infra import objects
from orchestration import turn
from orchestration.config import Config, load
from orchestration.triggers import look, pending
from orchestration.turn import HOPS, run_of
from pipelines import release as releases
from pipelines.hop import Done
from pipelines.ledger import ledger
from schemas import Release, Trigger
from schemas.arrow import rows_of
from schemas.errors import HandwheelError, TransientError
from schemas.keys import digest_of
from schemas.spans import NS

# Whose rows each hop reads.
NEEDS: dict[str, tuple[str, ...]] = {
    "ingest": (),
    "fold": (),
    "look": ("ingest", "fold"),
    "keep": ("look",),
    "caption": ("keep",),
    "publish": ("caption", "fold"),
    "trigger": ("publish",),
}
# The tables whose versions are the asset's data version; a table that several hops write counts for one.
WRITES: dict[str, tuple[str, ...]] = {
    "ingest": ("assets", "clips", "proxies", "rejects"),
    "fold": ("episodes", "steps"),
    "look": ("hands",),
    "keep": ("decisions",),
    "caption": ("captions",),
    "publish": ("releases",),
    "trigger": ("triggers",),
}
RETRIES, RETRY_S = 3, 60  # a lease held elsewhere frees itself within a minute of its holder's end


def asset(hop: str, config: Config) -> dg.AssetsDefinition:
    """One hop. Its data version names its tables' versions, its metadata the rows it added."""

    @dg.asset(name=hop, deps=NEEDS[hop], group_name="turn", description=HOPS[hop].__doc__)
    def step() -> dg.MaterializeResult:
        run = run_of(config)
        done = _refusals(lambda: turn.hop(hop, run, config))
        if stuck := getattr(done, "undelivered", []):
            raise dg.Failure(done.line(), metadata={"undelivered": stuck}, allow_retries=False)
        version = " ".join(f"{table}:{run.store.version(table)}" for table in WRITES[hop])
        return dg.MaterializeResult(data_version=dg.DataVersion(version), metadata=_said(done))

    return step


def _refusals(hop: Callable[[], Done]) -> Done:
    """Our errors as Dagster's: what may pass is tried again, what may not stops the run and says so."""
    try:
        return hop()
    except TransientError as e:
        raise dg.RetryRequested(RETRIES, RETRY_S) from e
    except HandwheelError as e:
        raise dg.Failure(str(e), allow_retries=False) from e


def _said(done: Done) -> dict[str, Any]:
    rows = [f"| {table} | {n} |" for table, n in done.added.items()]
    table = "\n".join(["| table | rows added |", "|---|---|", *rows]) if rows else "nothing new"
    said: dict[str, Any] = {"added": dg.MetadataValue.md(table), "rows": sum(done.added.values())}
    return said | (
        {"notes": dg.MetadataValue.md("\n".join(f"- {n}" for n in done.notes))} if done.notes else {}
    )


def gate_check(config: Config) -> dg.AssetChecksDefinition:
    """What the publish gate found in the newest release."""

    @dg.asset_check(asset="publish", name="gate", description="Great Expectations over the newest release")
    def gate() -> dg.AssetCheckResult:
        store = run_of(config).store
        if not (names := releases.names(store)):
            return dg.AssetCheckResult(
                passed=True, severity=dg.AssetCheckSeverity.WARN, description="nothing is published yet"
            )
        folder = objects.join(releases.folder_of(store, names[-1]), "gate")
        found = json.loads(objects.read_bytes(objects.join(folder, "summary.json")))
        lines = [f"| {e['name']} | {e['success']} | {e['observed']} |" for e in found["expectations"]]
        table = "\n".join(["| expectation | met | observed |", "|---|---|---|", *lines])
        return dg.AssetCheckResult(
            passed=found["success"],
            metadata={
                "release": names[-1],
                "expectations": dg.MetadataValue.md(table),
                "page": objects.join(folder, "index.html"),
            },
        )

    return gate


def ledger_check(config: Config) -> dg.AssetChecksDefinition:
    """Every second of input is in exactly one place."""

    @dg.asset_check(asset="keep", name="books_balance", description="The ledger adds up to the input")
    def books_balance() -> dg.AssetCheckResult:
        total, _ = ledger(run_of(config).store, turn.recipe(config), config.policy.digest)
        return dg.AssetCheckResult(
            passed=total.unbalanced_ns() == 0,
            metadata={
                "unbalanced_s": total.unbalanced_ns() / NS,
                "ledger": dg.MetadataValue.json(total.plain()),
            },
        )

    return books_balance


def listing_digest(uris: list[str]) -> tuple[str, int]:
    """What tells one state of the robots' logs from another, and how many files there are."""
    files = [o for uri in uris for o in objects.list_objects(uri)]
    return digest_of([[o.uri, o.size_bytes, o.etag] for o in files]), len(files)


def log_sensor(config: Config, job: Any) -> dg.SensorDefinition:
    """Asks for fold to trigger when the listing of the robots' logs is a new one."""

    @dg.sensor(
        name="logs", job=job, minimum_interval_seconds=60, description="New robot logs: fold to trigger"
    )
    def logs() -> dg.RunRequest | dg.SkipReason:
        digest, count = listing_digest([r.uri for r in config.robot])
        if not count:
            return dg.SkipReason("no robot logs: add a [[robot]] with its uri")
        return dg.RunRequest(run_key=digest, tags={"handwheel/log_files": str(count)})

    return logs


def trigger_sensor(config: Config, job: Any) -> dg.SensorDefinition:
    """Asks for the trigger hop for each trigger that would fire now or is still in the outbox."""

    @dg.sensor(name="triggers", job=job, minimum_interval_seconds=60, description="Rules met, and the outbox")
    def triggers() -> list[dg.RunRequest] | dg.SkipReason:
        run = run_of(config)
        log = rows_of(Trigger, run.store.read("triggers"))
        published = rows_of(Release, run.store.read("releases"))
        new = look(published, log, run.now_ns(), config.trigger, run.run_id)
        due = [*pending(log), *(t for t in new if t.event == "fired")]
        if not due:
            return dg.SkipReason("no rule is met and the outbox is empty")
        return [
            dg.RunRequest(run_key=t.key, tags={"handwheel/rule": t.rule, "handwheel/release": t.release})
            for t in due
        ]

    return triggers


def build(config: Config) -> dg.Definitions:
    """Everything Dagster knows of a config. Schedule and sensors start switched off."""
    logs_on = dg.AssetSelection.assets("fold").downstream()
    media_on = dg.AssetSelection.assets("ingest").downstream()
    whole = dg.define_asset_job("turn", dg.AssetSelection.all(), description="One turn, all hops")
    media = dg.define_asset_job("media", media_on, description="Ingest to trigger")
    logs = dg.define_asset_job("logs", logs_on, description="Fold to trigger")
    fire = dg.define_asset_job("fire", dg.AssetSelection.assets("trigger"), description="The trigger alone")
    return dg.Definitions(
        assets=[asset(hop, config) for hop in HOPS],
        asset_checks=[gate_check(config), ledger_check(config)],
        jobs=[whole, media, logs, fire],
        schedules=[
            dg.ScheduleDefinition(
                name="ingest",
                job=media,
                cron_schedule=config.schedule.ingest_cron,
                default_status=dg.DefaultScheduleStatus.STOPPED,
            )
        ],
        sensors=[log_sensor(config, logs), trigger_sensor(config, fire)],
        executor=dg.in_process_executor,
    )


@dg.definitions
def definitions() -> dg.Definitions:
    """What Dagster loads. HANDWHEEL_CONFIG: a handwheel.toml, or the .json that `serve` resolved."""
    path = Path(os.environ.get("HANDWHEEL_CONFIG", "handwheel.toml"))
    if path.suffix == ".json":
        return build(Config.model_validate_json(path.read_bytes()))
    return build(load(path, [], None))
