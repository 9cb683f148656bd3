"""fold: robot logs -> assets, clips, proxies, episodes, steps, rejects (Beam); failures are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from infra.sandbox import tempdirs
from pipelines.engines import pipeline
from pipelines.fold.metadata_changes import Terms, restated_media
from pipelines.fold.offers import HOP as NAME
from pipelines.fold.offers import Logs, list_logs, not_yet_folded, taken_rejects
from pipelines.fold.settle import Settler
from pipelines.fold.worker import FoldWorker
from pipelines.hop import Context, Done, Hop, Run, commit_in_batches, in_batches, one_by_one
from pipelines.media.generations import note_changed_pixels
from pipelines.sources.logs import RobotSource, prepare
from pipelines.staging import package as packages
from pipelines.staging.options import IngestOptions


def run(context: Context) -> Done:
    """Read new robot logs: episodes, steps, clips."""
    return fold(context.run, context.all(RobotSource), context.get(IngestOptions))


HOP = Hop(
    name=NAME, doc="Read new robot logs: episodes, steps, clips.", run=run, reads=("assets", "episodes", "rejects"),
    reads_beside="what `[[robot]]` offers", writes=("proxies", "clips", "steps", "rejects", "assets", "episodes"),
    needs=(), lease=packages.LEASE, engine="Beam, the same",
)  # fmt: skip


def fold(run: Run, sources: Sequence[RobotSource], options: IngestOptions) -> Done:
    """Brings in what the tables lack; a batch is committed before the next one starts."""
    done = Done(HOP.name)
    unreached: list[str] = []
    with run.hold(HOP.lease) as lease:
        packages.sweep(run, HOP.name)
        prepare(sources, run.progress)
        recipe, offered = options.cutting.recipe, list(list_logs(sources))
        terms = {
            uri: Terms(logs.source.licence, logs.source.consent)
            for logs in offered
            for uri in (logs.item.uri, *(media.uri for media in logs.item.media))
        }
        lease.check()
        done.add("assets", run.store.insert("assets", restated_media(run, terms, recipe), run_id=run.run_id))
        done.add("rejects", run.store.insert("rejects", taken_rejects(run, offered, recipe), run_id=run.run_id))
        todo = not_yet_folded(run, offered, recipe)
        settler = Settler(run, offered, todo, recipe)

        def work(keys: Sequence[str]) -> int:
            _run_beam(run, {key: todo[key] for key in keys}, options)
            return len(keys)

        def commit(finished: int) -> int:
            unreached.extend(packages.commit(run, HOP.name, lease, done, settler.settle))
            return finished

        sizes = ((key, logs.item.size_bytes) for key, logs in todo.items())
        if todo and (note := note_changed_pixels(run)):
            done.notes.append(note)
        batches = in_batches(sizes, options.batch_bytes, options.batch_items)
        commit_in_batches(run, HOP.name, batches, one_by_one(work), commit)
    done.notes += [*settler.notes(), *_left_out(run)]
    packages.note_unreached(done, unreached)
    return done


def _left_out(run: Run) -> list[str]:
    """What this run refused, by reason, the most frequent first, and where each is told."""
    rejects = run.store.read("rejects", ["reason"], f"run_id = '{run.run_id}' and stage = '{NAME}'")
    counts = Counter(rejects["reason"].to_pylist())
    counted = ", ".join(f"{n} {reason}" for reason, n in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
    return [f"left out: {counted}; `handwheel ledger --by asset` says where"] if counts else []


def _run_beam(run: Run, todo: dict[str, Logs], options: IngestOptions) -> None:
    """Hashes each log's recordings, decodes each one's bytes once, then makes each log's rows."""
    import apache_beam as beam

    with tempdirs.folder("fold") as folder:
        staging = packages.staging(run, HOP.name)
        worker = FoldWorker(
            store=run.store, run_id=run.run_id, salt=run.salt, staging=staging, scratch=str(folder),
            cutting=options.cutting, limits=options.limits,
        )  # fmt: skip
        with pipeline(run.beam) as p:
            logs: Any = p | "logs" >> beam.Create(list(todo.items())) | "spread" >> beam.Reshuffle(num_buckets=1000)
            media: Any = (
                logs
                | "read" >> beam.FlatMap(worker.read)
                | "same bytes" >> beam.GroupByKey()
                | "decode" >> beam.FlatMap(worker.decode)
            )
            _ = {"logs": logs, "media": media} | "of one log" >> beam.CoGroupByKey() | "fold" >> beam.Map(worker.fold)
