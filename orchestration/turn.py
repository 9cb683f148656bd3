"""One turn of the flywheel, on one screen."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from infra import telemetry
from infra.sandbox import tempdirs
from infra.storage.tables import Store
from orchestration.config import Config
from pipelines.hop import Done, Progress, Run, silent
from pipelines.staging.package import recipe_of


def ingest(run: Run, config: Config) -> Done:
    """Recordings of the sources -> assets, clips, proxies."""
    from pipelines.ingest.hop import ingest as hop

    return hop(run, config.source, config.ingest)


def fold(run: Run, config: Config) -> Done:
    """The robot's logs -> episodes, steps, clips."""
    from pipelines.fold.hop import fold as hop

    return hop(run, config.robot, config.ingest)


def dedup(run: Run, config: Config) -> Done:
    """Fingerprints of human clips -> which of them are copies."""
    from pipelines.dedup.hop import dedup as hop

    return hop(run, recipe(config))


def look(run: Run, config: Config) -> Done:
    """Proxies -> hand tracks."""
    from pipelines.detect.hop import look as hop

    return hop(run, recipe(config), config.look)


def keep(run: Run, config: Config) -> Done:
    """Signals and hand tracks -> a verdict for every span."""
    from pipelines.filter.hop import keep as hop

    return hop(run, recipe(config), config.policy)


def caption(run: Run, config: Config) -> Done:
    """Kept spans and robot attempts -> captions."""
    from pipelines.caption.hop import caption as hop

    return hop(run, recipe(config), config.policy, config.captions)


def publish(run: Run, config: Config) -> Done:
    """Verdicts, captions, attempts -> a pinned release, when it would differ from the newest."""
    from pipelines.publish.hop import publish as hop

    return hop(run, recipe(config), config.policy, config.publish)


def trigger(run: Run, config: Config) -> Done:
    """The newest release -> a retraining job, when a rule says it is worth it."""
    from orchestration.trigger.hop import trigger as hop

    return hop(run, config.trigger)


HOPS: dict[str, Callable[[Run, Config], Done]] = {
    "ingest": ingest,
    "fold": fold,
    "dedup": dedup,
    "look": look,
    "keep": keep,
    "caption": caption,
    "publish": publish,
    "trigger": trigger,
}


def turn(run: Run, config: Config) -> Iterator[Done]:
    """Every hop in order, each yielded when it is done."""
    for name in HOPS:
        yield hop(name, run, config)


def hop(name: str, run: Run, config: Config) -> Done:
    """One hop, measured; what killed ones left in this machine's scratch goes first."""
    tempdirs.sweep()
    with telemetry.measured(name, run.run_id) as measure:
        done = HOPS[name](run, config)
        measure(done.added)
        return done


def recipe(config: Config) -> str:
    """Digest of what shapes clips: the key to everything computed from them."""
    return recipe_of(config.ingest.cutting)


def run_of(config: Config, progress: Progress = silent) -> Run:
    """A new run under a config."""
    return Run(
        store=Store(config.root), run_id=uuid.uuid4().hex[:12], beam=config.engines.beam, ray=config.engines.ray,
        salt=os.environ.get(config.salt_env, "handwheel"), progress=progress, lease_wait_s=config.lease_wait_s,
    )  # fmt: skip


def as_json(run: Run, dones: list[Done]) -> dict[str, Any]:
    """What `turn --json` and every hop's `--json` print."""
    added: dict[str, int] = {}
    for done in dones:
        for table, rows in done.added.items():
            added[table] = added.get(table, 0) + rows
    return {
        "run_id": run.run_id,
        "added": added,
        "versions": {t: v for t, v in run.store.versions().items() if v},
        "release": next((r for d in dones if (r := getattr(d, "release", None))), None),
        "pin": next((p for d in dones if (p := getattr(d, "pin", None))), None),
        "triggers": [t for d in dones for t in getattr(d, "triggers", [])],
        "notes": {d.hop: d.notes for d in dones if d.notes},
    }
