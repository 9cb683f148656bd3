"""One turn of the flywheel, on one screen."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import replace

from infra import telemetry
from infra.sandbox import tempdirs
from infra.storage import corpus_version
from infra.storage.tables import Store
from orchestration.config import Config
from orchestration.trigger import hop as trigger
from pipelines.caption import hop as caption
from pipelines.dedup import hop as dedup
from pipelines.detect import hop as detect
from pipelines.filter import hop as filter
from pipelines.fold import hop as fold
from pipelines.hop import Context, Done, Hop, Progress, Run, silent
from pipelines.ingest import hop as ingest
from pipelines.media.generations import recipe_under, with_generation
from pipelines.publish import hop as publish
from schemas.keys import Recipe

HOPS: tuple[Hop, ...] = (
    ingest.HOP,  # recordings of the sources -> assets, clips, proxies
    fold.HOP,  # the robot's logs -> episodes, steps, clips
    dedup.HOP,  # fingerprints of human clips -> which of them are copies
    detect.HOP,  # proxies -> hand tracks
    filter.HOP,  # signals and hand tracks -> a verdict for every span
    caption.HOP,  # kept spans and attempts -> captions
    publish.HOP,  # verdicts, captions, attempts -> a pinned release
    trigger.HOP,  # the newest release -> a retraining job
)


def hop_named(name: str) -> Hop:
    """The hop of a name, or of the name it had."""
    return next(hop for hop in HOPS if name in (hop.name, hop.alias))


def turn(context: Context) -> Iterator[Done]:
    """Every hop in order, each yielded when it is done."""
    for hop in HOPS:
        yield run_hop(hop, context)


def run_hop(hop: Hop, context: Context) -> Done:
    """One hop, measured; what killed ones left in this machine's scratch goes first."""
    tempdirs.sweep()
    with telemetry.measure_hop(hop.name, context.run.run_id) as measure:
        done = hop.run(context)
        measure(done.added)
        return done


def recipe(config: Config) -> Recipe:
    """Digest of what shapes clips: the key to everything computed from them."""
    return recipe_under(config.ingest.cutting, config.root)


def context_of(config: Config, progress: Progress = silent) -> Context:
    """A new run over a corpus that this program can read, and what its hops ask for. UsageError: another schema."""
    run = run_of(config, progress)
    corpus_version.check(run.store)
    ingest_options = replace(config.ingest, cutting=with_generation(config.ingest.cutting, config.root))
    options = (ingest_options, config.detect, config.policy, config.captions, config.publish, config.trigger)
    return Context(run, recipe(config), (*config.source, *config.robot, *options))


def run_of(config: Config, progress: Progress = silent) -> Run:
    """A new run under a config, whatever the corpus's schema."""
    return Run(
        store=Store(config.root), run_id=uuid.uuid4().hex[:12], beam=config.engines.beam, ray=config.engines.ray,
        salt=os.environ.get(config.salt_env, "handwheel"), progress=progress, lease_wait_s=config.lease_wait_s,
    )  # fmt: skip


def as_json(run: Run, dones: list[Done]) -> dict[str, object]:
    """What `turn --json` and every hop's `--json` print."""
    added: dict[str, int] = {}
    for done in dones:
        for table, rows in done.added.items():
            added[table] = added.get(table, 0) + rows
    return {
        "run_id": run.run_id,
        "added": added,
        "versions": {t: v for t, v in run.store.versions().items() if v},
        "release": next((r for d in dones if (r := d.release)), None),
        "pin": next((p for d in dones if (p := d.pin)), None),
        "triggers": [t for d in dones for t in d.triggers],
        "notes": {d.hop: d.notes for d in dones if d.notes},
    }
