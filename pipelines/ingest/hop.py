"""ingest: recordings of the sources -> assets, clips, proxies, rejects (Beam)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from infra import web
from infra.sandbox import tempdirs
from pipelines.engines import pipeline
from pipelines.hop import Context, Done, Hop, Run, commit_in_batches, in_batches, one_by_one
from pipelines.ingest import limit_rejects
from pipelines.ingest.dead_links import Offered, dead_link_lines
from pipelines.ingest.error_budget import Budget
from pipelines.ingest.metadata_changes import as_new_revisions
from pipelines.ingest.revisions import NAME, is_web, with_known_bytes, with_server_revisions
from pipelines.ingest.worker import IngestWorker
from pipelines.media.generations import note_changed_pixels
from pipelines.sources.recordings import Crawl, Item, Source, list_items, prepare, resolve_sidecars
from pipelines.staging import package as packages
from pipelines.staging.options import IngestOptions
from schemas import Reject
from schemas.errors import TooManyRejects
from schemas.keys import asset_key
from schemas.tables import TypedTable, columns_of

REJECT = columns_of(Reject)


def run(context: Context) -> Done:
    """Fetch and decode new recordings of the sources: assets, clips, proxies."""
    return ingest(context.run, context.all(Source), context.get(IngestOptions))


HOP = Hop(
    name=NAME, doc="Fetch and decode new recordings of the sources: assets, clips, proxies.", run=run,
    reads=("assets", "rejects"),
    reads_beside="what `[[source]]` offers", writes=("proxies", "clips", "rejects", "assets"), needs=(),
    lease=packages.LEASE, engine="Beam; each decode in a sandboxed child process",
)  # fmt: skip


def ingest(run: Run, sources: Sequence[Source], options: IngestOptions) -> Done:
    """Brings in what the tables lack; a batch is committed before the next one starts."""
    done = Done(HOP.name)
    recipe, client = options.cutting.recipe, web.Client(options.fetch)
    with run.hold(HOP.lease) as lease:
        packages.sweep(run, HOP.name)
        prepare(sources, run.progress)
        client.new_run()
        crawl = Crawl(client)
        listed = [list(list_items([source], crawl)) for source in sources]
        answers = with_server_revisions(run, [*chain(*listed)], recipe, client, again=options.ask_again)
        unreached = [*crawl.unreached, *answers.unreached]
        client.another_chance()
        items = as_new_revisions(run, answers.items, recipe)
        limits = limit_rejects.digest(options.fetch, options.limits)
        todo = with_known_bytes(run, not_yet_ingested(run, items, recipe, limits))
        budget = Budget(options.max_reject_share, options.min_rejects)

        def work(keys: Sequence[str]) -> int:
            resolved = resolve_sidecars([todo[key] for key in keys])
            _run_beam(run, resolved, client, options)
            _check_budget(run, budget, len(resolved))
            return len(keys)

        def commit(finished: int) -> int:
            unreached.extend(packages.commit(run, HOP.name, lease, done))
            return finished

        sizes = ((key, item.size_bytes) for key, item in todo.items())
        if todo and (note := note_changed_pixels(run)):
            done.notes.append(note)
        batches = in_batches(sizes, options.batch_bytes, options.batch_items)
        commit_in_batches(run, HOP.name, batches, one_by_one(work), commit)
    packages.note_unreached(done, unreached)
    links = [Offered(s.uri, [i.uri for i in own if is_web(i)]) for s, own in zip(sources, listed, strict=True)]
    done.notes += dead_link_lines(run, links, answers.gone, recipe)
    return done


def not_yet_ingested(run: Run, items: Iterable[Item], recipe: str, limits: str) -> dict[str, Item]:
    """Items that are neither assets nor final rejects of this recipe and these limits (their digest), by asset key."""
    offered = {asset_key(item.uri, item.revision, recipe): item for item in items}
    absent = run.store.absent("assets", list(offered))
    refusals = {refusal: key for key in absent for refusal in limit_rejects.ids(key, HOP.name, recipe, limits)}
    refused = refusals.keys() - run.store.absent("rejects", list(refusals))
    left = set(absent) - {refusals[refusal] for refusal in refused}
    return {key: item for key, item in offered.items() if key in left}


def _check_budget(run: Run, budget: Budget, tried: int) -> None:
    """TooManyRejects: the run stops, and what this batch has staged is removed, so that its refusals are not final."""
    try:
        budget.spend(tried, _reasons(run))
    except TooManyRejects:
        packages.sweep(run, HOP.name)
        raise


def _reasons(run: Run) -> list[str]:
    """Why items of the batch that is staged are refused."""
    tables = [table for package in packages.staged_packages(run, HOP.name) for table in package.rows.get("rejects", [])]
    return [reason for table in tables for reason in TypedTable(Reject, table).values(REJECT.reason)]


def _run_beam(run: Run, items: list[Item], client: web.Client, options: IngestOptions) -> None:
    """Fetches and hashes each item, then decodes each recording's bytes once, whatever number of items share them."""
    import apache_beam as beam

    with tempdirs.folder("fetch") as folder:
        staging = packages.staging(run, HOP.name)
        worker = IngestWorker(run.store, run.run_id, run.salt, staging, str(folder), client, options)
        with pipeline(run.beam) as p:
            _ = (
                p
                | "items" >> beam.Create(items)
                | "spread" >> beam.Reshuffle(num_buckets=1000)
                | "fetch" >> beam.Map(worker.fetch)
                | "same bytes" >> beam.GroupByKey()
                | "decode" >> beam.Map(worker.decode)
            )
