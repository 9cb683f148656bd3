"""ingest: recordings of the sources -> assets, clips, proxies, rejects (Beam)."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from infra import fetch as web
from infra import jail, objects, scratch
from infra.fetch import FetchLimits
from pipelines import parcel as parcels
from pipelines.decode import PassOptions
from pipelines.engines import pipeline
from pipelines.hop import Done, Run, batches
from pipelines.parcel import Parcel, recipe_of
from pipelines.recording import local_copy, stored
from pipelines.sources import PREPARE, READERS, Item, Source
from pipelines.sources.robot import RobotSource
from schemas import Asset
from schemas.errors import BadMedia, TransientError, UsageError
from schemas.keys import key_of, salted

HOP = "ingest"


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How recordings come in."""

    cutting: PassOptions = field(default_factory=PassOptions)
    limits: jail.Limits = field(default_factory=jail.Limits)
    fetch: FetchLimits = field(default_factory=FetchLimits)
    batch_bytes: int = 256 << 20
    batch_items: int = 256


def ingest(run: Run, sources: Sequence[Source], options: IngestOptions) -> Done:
    """Brings in what the tables lack; a batch is committed before the next one starts."""
    done = Done(HOP)
    recipe = recipe_of(options.cutting)
    with run.hold(parcels.LEASE) as held:
        parcels.sweep(run, HOP)
        prepare(run, sources)
        todo = missing(run, list_items(sources), recipe, options.fetch.allow_private)
        sizes = [(key, item.size_bytes) for key, item in todo.items()]
        unreached: list[str] = []
        finished = 0
        for batch in batches(sizes, options.batch_bytes, options.batch_items):
            run.progress(HOP, finished, len(todo))
            _run_beam(run, [todo[key] for key in batch], options)
            unreached += parcels.commit(run, HOP, held, done)
            finished += len(batch)
            run.progress(HOP, finished, len(todo))
    if unreached:
        done.notes.append(f"{len(unreached)} could not be reached and are tried again next time: {unreached[0]}")
    return done


def prepare(run: Run, sources: Iterable[Source | RobotSource]) -> None:
    """Makes what is made before it can be listed."""
    for source in sources:
        if source.kind in PREPARE:
            PREPARE[source.kind](source.uri, run.progress)


def list_items(sources: Sequence[Source]) -> Iterator[Item]:
    """What the sources offer now."""
    for source in sources:
        if source.kind not in READERS:
            raise UsageError(f"source kind {source.kind!r} is none of {', '.join(READERS)}")
        yield from READERS[source.kind](source)


def missing(run: Run, items: Iterable[Item], recipe: str, allowed: Sequence[str] = ()) -> dict[str, Item]:
    """Items that are neither assets nor final rejects of this recipe, by asset key.

    allowed: host:port pairs that may be private now; what was refused for that alone is no final reject.
    """
    offered = {key_of(item.uri, item.revision, recipe): item for item in items}
    absent = set(run.store.absent("assets", list(offered)))
    refused = {key_of(key, HOP, recipe): key for key in offered if key in absent}
    left = {refused[r] for r in run.store.absent("rejects", list(refused))}
    if allowed:
        where = f"stage = '{HOP}' and recipe = '{recipe}' and reason = 'private_address'"
        private = set(run.store.read("rejects", ["subject"], where)["subject"].to_pylist()) & absent
        left |= {key for key in private if urlsplit(offered[key].uri).netloc in allowed}
    return {key: item for key, item in offered.items() if key in left}


def _run_beam(run: Run, items: list[Item], options: IngestOptions) -> None:
    """Fetches and hashes each item, then decodes each recording's bytes once, whatever number of items share them."""
    import apache_beam as beam

    with scratch.folder("fetch") as folder:
        worker = Worker(run.store, run.run_id, run.salt, parcels.staging(run, HOP), str(folder), options)
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
class Worker:
    """What runs on Beam's workers."""

    store: Any
    run_id: str
    salt: str
    staging: str
    scratch: str
    options: IngestOptions

    def fetch(self, item: Item) -> tuple[str, tuple[Item, int, str, str]]:
        """Key: sha256 of the bytes, or the item's own where there are none. Value: item, size, reason, detail."""
        try:
            if item.bad is not None:
                raise BadMedia(*item.bad)
            sha256, size = self._bytes_of(item)
            if item.sha256 not in (None, sha256):
                raise BadMedia("sha256_differs", f"declared {item.sha256}, got {sha256}")
            return sha256, (item, size, "", "")
        except BadMedia as e:
            return f"-{key_of(item.uri, item.revision)}", (item, 0, e.reason, e.detail)
        except (TransientError, OSError) as e:
            return f"-{key_of(item.uri, item.revision)}", (item, 0, "", str(e))

    def _bytes_of(self, item: Item) -> tuple[str, int]:
        """sha256 and size; remote bytes are kept in scratch, and the web's in the corpus, since the web forgets."""
        if not item.uri.startswith(("http://", "https://", "s3://")):
            with open(item.uri, "rb") as f:
                return hashlib.file_digest(f, "sha256").hexdigest(), Path(item.uri).stat().st_size
        path = Path(self.scratch) / key_of(item.uri, item.revision)
        if item.uri.startswith("s3://"):
            objects.download(item.uri, path)
            with path.open("rb") as f:
                sha256 = hashlib.file_digest(f, "sha256").hexdigest()
        else:
            sha256 = web.fetch(item.uri, path, self.options.fetch)
            if not objects.exists(stored(self.store.root, sha256)):
                objects.upload(path, stored(self.store.root, sha256))
        path.replace(path.with_name(sha256))
        return sha256, (Path(self.scratch) / sha256).stat().st_size

    def decode(self, group: tuple[str, Iterable[tuple[Item, int, str, str]]]) -> None:
        """Stages one parcel for the recording: its clips and proxies, and an asset for every item that holds it."""
        key, offers = group[0], sorted(group[1], key=lambda o: (o[0].uri, o[0].revision))
        parcel = Parcel()
        recipe = recipe_of(self.options.cutting)
        try:
            if key.startswith("-"):
                if not offers[0][2]:
                    raise TransientError(offers[0][3])
                raise BadMedia(offers[0][2], offers[0][3])
            facts = self._facts(key, [item for item, *_ in offers], parcel)
            parcel.add("assets", *(self._asset(item, size, key, facts) for item, size, _, _ in offers))
        except BadMedia as e:
            for item, *_ in offers:
                subject = key_of(item.uri, item.revision, recipe)
                why = (e.reason, e.detail)
                parcel.add("rejects", parcels.reject(subject, item.uri, HOP, recipe, why, self.run_id))
        except TransientError as e:
            shown = [web.told(i.uri) if i.uri.startswith(("http://", "https://")) else i.uri for i, *_ in offers]
            parcel = Parcel(unreached=[f"{uri}: {e}" for uri in shown])
        objects.put(objects.join(self.staging, f"{key}.json"), parcel.dumps())

    def _facts(self, sha256: str, items: list[Item], parcel: Parcel) -> dict[str, Any]:
        """Facts of the recording: from an asset of the same bytes, or by decoding them."""
        decoder = parcels.Decoder(self.store, self.run_id, self.options.cutting, self.options.limits)
        where = f"sha256 = '{sha256}' and recipe = '{recipe_of(self.options.cutting)}'"
        known = self.store.read("assets", where=where).slice(0, 1).to_pylist()
        blur = decoder.blurs(sha256, (item.stage for item in items))
        if known and not (blur and self.store.read("clips", ["clip_id"], f"{where} and redaction is null").num_rows):
            return dict(known[0])
        with local_copy(items[0].uri, self.store.root, sha256, Path(self.scratch)) as path:
            return decoder.decode(path, sha256, None, parcel, blur)

    def _asset(self, item: Item, size: int, sha256: str, facts: dict[str, Any]) -> Asset:
        recipe = recipe_of(self.options.cutting)
        names = ("container", "codec", "width_px", "height_px", "fps_hz", "duration_ns", "decoded_ns")
        return Asset(
            asset_id=key_of(item.uri, item.revision, recipe), uri=item.uri, revision=item.revision,
            modified_ns=item.modified_ns, sha256=sha256, size_bytes=size, stage=item.stage, licence=item.licence,
            consent=item.consent, robot_id=None, intrinsics_json=item.intrinsics_json,
            wearer_id=salted(item.wearer, self.salt) if item.wearer else None,
            site_id=salted(item.site, self.salt) if item.site else None,
            narrations=[dataclasses.asdict(n) for n in item.narrations],
            recipe=recipe, run_id=self.run_id, **{n: facts[n] for n in names},
        )  # fmt: skip
