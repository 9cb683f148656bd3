"""fold: robot logs -> assets, clips, proxies, episodes, steps, rejects (Beam); failures are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from infra.sandbox import tempdirs
from infra.storage import objects
from pipelines.engines import pipeline
from pipelines.fold.metadata_changes import Terms, restated_media
from pipelines.fold.worker import HOP as NAME
from pipelines.fold.worker import FoldWorker, Logs
from pipelines.hop import Context, Done, Hop, Run, commit_in_batches, in_batches, one_by_one
from pipelines.media.generations import note_changed_pixels
from pipelines.sources.logs import RobotSource, kind_of, prepare
from pipelines.staging import package as packages
from pipelines.staging.options import IngestOptions
from schemas import Episode
from schemas.errors import UsageError
from schemas.keys import log_key, reject_key
from schemas.tables import TypedTable, columns_of

EPISODE = columns_of(Episode)


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
        objects.begin_run(run.run_id)
        prepare(sources, run.progress)
        recipe, offered = options.cutting.recipe, list(list_logs(sources))
        terms = {
            uri: Terms(logs.source.licence, logs.source.consent)
            for logs in offered
            for uri in (logs.item.uri, *(media.uri for media in logs.item.media))
        }
        lease.check()
        done.add("assets", run.store.insert("assets", restated_media(run, terms, recipe), run_id=run.run_id))
        todo = not_yet_folded(run, offered, recipe)

        def work(keys: Sequence[str]) -> int:
            _run_beam(run, {key: todo[key] for key in keys}, options)
            return len(keys)

        def commit(finished: int) -> int:
            unreached.extend(packages.commit(run, HOP.name, lease, done))
            return finished

        sizes = ((key, logs.item.size_bytes) for key, logs in todo.items())
        if todo and (note := note_changed_pixels(run)):
            done.notes.append(note)
        batches = in_batches(sizes, options.batch_bytes, options.batch_items)
        commit_in_batches(run, HOP.name, batches, one_by_one(work), commit)
    packages.note_unreached(done, unreached)
    return done


def list_logs(sources: Sequence[RobotSource]) -> Iterator[Logs]:
    """What the sources offer now."""
    for source in sources:
        kind = kind_of(source.kind)
        if not objects.is_s3(source.uri) and not objects.exists(source.uri):
            raise UsageError(f"robot logs {source.uri!r} are not there; correct [[robot]] uri in handwheel.toml")
        for item in kind.list(source.uri, source):
            yield Logs(source, item)


def not_yet_folded(run: Run, offered: Iterable[Logs], recipe: str) -> dict[str, Logs]:
    """Logs that are neither episodes with decoded recordings, nor this recipe's rejects, by item key."""
    read = _folded(run, recipe)
    todo = {
        log_key(logs.item.uri, logs.item.revision, recipe): logs
        for logs in offered
        if (logs.item.uri, logs.item.revision) not in read
    }
    refused = {reject_key(key, HOP.name, recipe): key for key in todo}
    left = {refused[r] for r in run.store.absent("rejects", list(refused))}
    return {key: logs for key, logs in todo.items() if key in left}


def _folded(run: Run, recipe: str) -> set[tuple[str, str]]:
    """(uri, revision) of every log whose episodes are there with all of their recordings' assets."""
    decoded = set(run.store.read("assets", ["sha256"], f"recipe = '{recipe}'")["sha256"].to_pylist())
    episodes = TypedTable(Episode, run.store.read("episodes", ["uri", "revision", "cameras"]))
    logs = list(zip(episodes.values(EPISODE.uri), episodes.values(EPISODE.revision), strict=True))
    whole = [all(c["sha256"] in decoded for c in cameras) for cameras in episodes.values(EPISODE.cameras)]
    return set(logs) - {log for log, is_whole in zip(logs, whole, strict=True) if not is_whole}


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
