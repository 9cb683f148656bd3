"""The turn as Dagster sees it: hops as assets, jobs over them, an ingest schedule, log and trigger sensors.

Dagster loads this module in a process of its own: HANDWHEEL_CONFIG tells it the config.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dagster as dg

from infra.storage import objects
from orchestration.config import Config, load
from orchestration.dagster_app.assets import asset
from orchestration.trigger.hop import read_state
from orchestration.turn import HOPS, context_of
from schemas.keys import digest_of


def listing_digest(uris: list[str]) -> tuple[str, int]:
    """What tells one state of the robots' logs from another, and how many files there are."""
    files = [o for uri in uris for o in objects.list_objects(uri)]
    return digest_of([[o.uri, o.size_bytes, o.etag] for o in files]), len(files)


def _sensors_are(config: Config) -> dg.DefaultSensorStatus:
    return dg.DefaultSensorStatus.RUNNING if config.schedule.enabled else dg.DefaultSensorStatus.STOPPED


def log_sensor(config: Config, job: Any) -> dg.SensorDefinition:
    """Asks for fold to trigger when the listing of the robots' logs is a new one."""

    @dg.sensor(
        name="logs",
        job=job,
        minimum_interval_seconds=60,
        default_status=_sensors_are(config),
        description="New robot logs: fold to trigger",
    )
    def logs() -> dg.RunRequest | dg.SkipReason:
        digest, count = listing_digest([r.uri for r in config.robot])
        if not count:
            return dg.SkipReason("no robot logs: add a [[robot]] with its uri")
        return dg.RunRequest(run_key=digest, tags={"handwheel/log_files": str(count)})

    return logs


def trigger_sensor(config: Config, job: Any) -> dg.SensorDefinition:
    """Asks for the trigger hop for each trigger that would fire now or is still in the outbox."""

    @dg.sensor(
        name="triggers",
        job=job,
        minimum_interval_seconds=60,
        default_status=_sensors_are(config),
        description="Rules met, and the outbox",
    )
    def triggers() -> list[dg.RunRequest] | dg.SkipReason:
        due, outbox = read_state(context_of(config).run, config.trigger)
        wanted = [*outbox, *(t for t in due if t.event == "fired")]
        if not wanted:
            return dg.SkipReason("no rule is met and the outbox is empty")
        return [
            dg.RunRequest(run_key=t.key, tags={"handwheel/rule": t.rule, "handwheel/release": t.release})
            for t in wanted
        ]

    return triggers


def build(config: Config) -> dg.Definitions:
    """Everything Dagster knows of a config. Schedule and sensors start switched off, unless it says `enabled`."""
    on = config.schedule.enabled
    logs_on = dg.AssetSelection.assets("fold").downstream()
    media_on = dg.AssetSelection.assets("ingest").downstream()
    whole = dg.define_asset_job("turn", dg.AssetSelection.all(), description="One turn, all hops")
    media = dg.define_asset_job("media", media_on, description="Ingest to trigger")
    logs = dg.define_asset_job("logs", logs_on, description="Fold to trigger")
    fire = dg.define_asset_job("fire", dg.AssetSelection.assets("trigger"), description="The trigger alone")
    return dg.Definitions(
        assets=[asset(hop, config) for hop in HOPS],
        jobs=[whole, media, logs, fire],
        schedules=[
            dg.ScheduleDefinition(
                name="ingest",
                job=media,
                cron_schedule=config.schedule.ingest_cron,
                default_status=dg.DefaultScheduleStatus.RUNNING if on else dg.DefaultScheduleStatus.STOPPED,
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
