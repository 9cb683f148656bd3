"""ingest: recordings of the sources -> assets, clips, proxies, rejects (Beam)."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra import web
from infra.sandbox import tempdirs
from infra.storage import objects
from infra.storage.tables import Store
from pipelines.engines import pipeline
from pipelines.hop import Context, Done, Hop, Run, commit_in_batches, in_batches, one_by_one
from pipelines.ingest import limit_rejects
from pipelines.ingest.error_budget import Budget
from pipelines.ingest.metadata_changes import as_new_revisions
from pipelines.ingest.revisions import download_item, is_web, with_known_bytes, with_server_revisions
from pipelines.media.decoder import DecodeFacts, Decoder, find_decoded_asset
from pipelines.media.generations import note_changed_pixels
from pipelines.media.local_copy import bring, in_place, local_copy, stored
from pipelines.media.options import DecodeSpec
from pipelines.media.requirements import required_spec
from pipelines.sources.recordings import Item, Source, list_items, prepare, resolve_sidecars
from pipelines.staging import package as packages
from pipelines.staging.options import IngestOptions
from pipelines.staging.package import WorkPackage
from schemas import Asset, Reject
from schemas.errors import BadMedia, TooManyRejects, TransientError
from schemas.keys import asset_key, place_key, salted
from schemas.recordings import StoredNarration
from schemas.spans import merge
from schemas.tables import TypedTable, columns_of

REJECT = columns_of(Reject)


def run(context: Context) -> Done:
    """Recordings of the sources -> assets, clips, proxies."""
    return ingest(context.run, context.all(Source), context.get(IngestOptions))


HOP = Hop(
    name="ingest", doc="Recordings of the sources -> assets, clips, proxies.", run=run, reads=("assets", "rejects"),
    reads_beside="what `[[source]]` offers", writes=("proxies", "clips", "rejects", "assets"), needs=(),
    lease=packages.LEASE, engine="Beam; each decode in a sandboxed child process",
)  # fmt: skip


def ingest(run: Run, sources: Sequence[Source], options: IngestOptions) -> Done:
    """Brings in what the tables lack; a batch is committed before the next one starts."""
    done = Done(HOP.name)
    recipe, client = options.cutting.recipe, web.Client(options.fetch)
    with run.hold(HOP.lease) as held:
        packages.sweep(run, HOP.name)
        prepare(sources, run.progress)
        client.new_run()
        items, unreached = with_server_revisions(
            run, list(list_items(sources)), recipe, client, again=options.ask_again
        )
        client.another_chance()
        items = as_new_revisions(run, items, recipe)
        limits = limit_rejects.digest(options.fetch, options.limits)
        todo = with_known_bytes(run, not_yet_ingested(run, items, recipe, limits))
        budget = Budget(options.max_reject_share, options.min_rejects)

        def work(keys: Sequence[str]) -> int:
            resolved = resolve_sidecars([todo[key] for key in keys])
            _run_beam(run, resolved, client, options)
            _check_budget(run, budget, len(resolved))
            return len(keys)

        def commit(finished: int) -> int:
            unreached.extend(packages.commit(run, HOP.name, held, done))
            return finished

        sizes = ((key, item.size_bytes) for key, item in todo.items())
        if todo and (note := note_changed_pixels(run)):
            done.notes.append(note)
        batches = in_batches(sizes, options.batch_bytes, options.batch_items)
        commit_in_batches(run, HOP.name, batches, one_by_one(work), commit)
    packages.note_unreached(done, unreached)
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


@dataclass(frozen=True, slots=True)
class FetchedItem:
    """An item with the size of its bytes; or why it is refused (reason, detail); or an error to retry."""

    item: Item
    size_bytes: int = 0
    refusal: tuple[str, str] | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class IngestWorker:
    """What runs on Beam's workers."""

    store: Store
    run_id: str
    salt: str
    staging: str
    scratch: str
    client: web.Client
    options: IngestOptions

    def fetch(self, item: Item) -> tuple[str, FetchedItem]:
        """The item by the sha256 of its bytes, or by a key of its own where there are none."""
        try:
            if item.bad is not None:
                raise BadMedia(*item.bad)
            if is_web(item):
                item, sha256, size = self._from_web(item)
            else:
                sha256, size = self._bytes_of(item)
            if item.sha256 not in (None, sha256):
                raise BadMedia("sha256_differs", f"declared {item.sha256}, got {sha256}")
            return sha256, FetchedItem(item, size)
        except BadMedia as e:
            return f"-{place_key(item.uri, item.revision)}", FetchedItem(item, refusal=(e.reason, e.detail))
        except (TransientError, OSError) as e:
            return f"-{place_key(item.uri, item.revision)}", FetchedItem(item, error=str(e))

    def _bytes_of(self, item: Item) -> tuple[str, int]:
        """sha256 and size; what is not read in place is kept in scratch."""
        if in_place(item.uri):
            with open(item.uri, "rb") as f:
                return hashlib.file_digest(f, "sha256").hexdigest(), Path(item.uri).stat().st_size
        path = Path(self.scratch) / place_key(item.uri, item.revision)
        try:
            bring(item.uri, path, objects.etag_in(item.revision))
        except objects.Conflict as e:
            raise TransientError("it changed after it was listed; run the same command again") from e
        with path.open("rb") as f:
            sha256 = hashlib.file_digest(f, "sha256").hexdigest()
        path.replace(path.with_name(sha256))
        return sha256, (Path(self.scratch) / sha256).stat().st_size

    def _from_web(self, item: Item) -> tuple[Item, str, int]:
        """The item with its bytes' revision, their sha256 and size. The corpus keeps them: the web forgets."""
        if item.known_sha256 is not None:
            with contextlib.suppress(FileNotFoundError):
                return item, item.known_sha256, objects.info(stored(self.store.root, item.known_sha256)).size_bytes
        path = Path(self.scratch) / place_key(item.uri, item.revision)
        item, sha256 = download_item(item, path, self.client)
        if not objects.exists(stored(self.store.root, sha256)):
            objects.upload(path, stored(self.store.root, sha256))
        path.replace(path.with_name(sha256))
        return item, sha256, path.with_name(sha256).stat().st_size

    def decode(self, group: tuple[str, Iterable[FetchedItem]]) -> None:
        """Stages one package for the recording: its clips and proxies, and an asset for every item that holds it."""
        key, fetched = group[0], sorted(group[1], key=lambda f: (f.item.uri, f.item.revision))
        package, first = WorkPackage(), fetched[0]
        try:
            if first.refusal is not None:
                raise BadMedia(*first.refusal)
            if key.startswith("-"):
                raise TransientError(first.error)
            facts = self._facts(key, [f.item for f in fetched], package)
            package.assets += [self._asset(f.item, f.size_bytes, key, facts) for f in fetched]
        except BadMedia as e:
            package.rejects += [self._reject(f.item, e) for f in fetched]
        except TransientError as e:
            package = WorkPackage(unreached=[f"{_shown(f.item.uri)}: {e}" for f in fetched])
        objects.put(objects.join(self.staging, f"{key}.json"), package.dumps())

    def _reject(self, item: Item, error: BadMedia) -> Reject:
        recipe, why = self.options.cutting.recipe, (error.reason, error.detail)
        subject = asset_key(item.uri, item.revision, recipe)
        reject = packages.reject(subject, item.uri, HOP.name, recipe, why, self.run_id)
        return limit_rejects.bounded(reject, limit_rejects.digest(self.options.fetch, self.options.limits))

    def _facts(self, sha256: str, items: list[Item], package: WorkPackage) -> DecodeFacts:
        """Facts of the recording: from an asset of the same bytes that was cut alike, or by decoding them."""
        cutting = self.options.cutting
        spec = required_spec(self.store, cutting, sha256, [item.stage for item in items], offered_by(items))
        if known := find_decoded_asset(self.store, cutting.recipe, sha256, spec):
            return known
        decoder = Decoder(self.store, self.run_id, cutting, self.options.limits)
        with local_copy(items[0].uri, self.store.root, sha256, Path(self.scratch)) as path:
            decoded = decoder.decode(path, sha256, spec)
        package.clips.append(decoded.clips)
        package.proxies += decoded.proxies
        return decoded.facts

    def _asset(self, item: Item, size: int, sha256: str, facts: DecodeFacts) -> Asset:
        recipe = self.options.cutting.recipe
        return Asset(
            asset_id=asset_key(item.uri, item.revision, recipe), uri=item.uri, revision=item.revision,
            modified_ns=item.modified_ns, sha256=sha256, size_bytes=size, stage=item.stage, licence=item.licence,
            consent=item.consent, robot_id=None, intrinsics_json=item.intrinsics_json,
            wearer_id=salted(item.wearer, self.salt) if item.wearer else None,
            site_id=salted(item.site, self.salt) if item.site else None,
            narrations=[StoredNarration(start_ns=n.start_ns, end_ns=n.end_ns, text=n.text) for n in item.narrations],
            recipe=recipe, run_id=self.run_id, **facts.as_fields(),
        )  # fmt: skip


def _shown(uri: str) -> str:
    """A place as a line for people may name it."""
    return web.redacted_url(uri) if uri.startswith(("http://", "https://")) else uri


def offered_by(items: Sequence[Item]) -> DecodeSpec:
    """What the items that hold the same bytes want of them."""
    redacted = merge(span for item in items for span in item.redacted)
    return DecodeSpec(redacted=tuple(redacted), quarter_turns=max(item.quarter_turns % 4 for item in items))
