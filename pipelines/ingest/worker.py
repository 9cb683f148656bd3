"""What ingest runs on Beam's workers: fetch an item's bytes, decode a recording once, make its rows."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra import web
from infra.storage import objects
from infra.storage.tables import Store
from pipelines.ingest import limit_rejects
from pipelines.ingest.revisions import NAME, download_item, is_web
from pipelines.media.decoder import DecodeFacts, Decoder, find_decoded_asset
from pipelines.media.local_copy import bring, in_place, listed_sha256, local_copy, stored
from pipelines.media.options import DecodeSpec
from pipelines.media.requirements import required_spec
from pipelines.sources.recordings import Item
from pipelines.staging import package as packages
from pipelines.staging.options import IngestOptions
from pipelines.staging.package import WorkPackage
from schemas import Asset, Reject
from schemas.errors import BadMedia, TransientError
from schemas.keys import asset_key, place_key, salted
from schemas.recordings import StoredNarration
from schemas.spans import merge


@dataclass(frozen=True, slots=True)
class FetchedItem:
    """An item with the size of its bytes; or why it is refused (reason, detail); or an error to retry."""

    item: Item
    size_bytes: int = 0
    refusal: tuple[str, str] | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class IngestWorker:
    """Settings, picklable; `fetch` and `decode` are the steps of the pipeline."""

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
        if (listed := listed_sha256(item.uri, item.revision)) is not None:
            return listed, item.size_bytes  # `decode` brings it where it is not known, and holds it against this
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
        except (TransientError, OSError) as e:
            package = WorkPackage(unreached=[f"{_shown(f.item.uri)}: {e}" for f in fetched])
        objects.put(objects.join(self.staging, f"{key}.json"), package.dumps())

    def _reject(self, item: Item, error: BadMedia) -> Reject:
        recipe, why = self.options.cutting.recipe, (error.reason, error.detail)
        subject = asset_key(item.uri, item.revision, recipe)
        reject = packages.reject(subject, item.uri, NAME, recipe, why, self.run_id)
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
            licence_evidence=item.licence_evidence, consent=item.consent, robot_id=None,
            intrinsics_json=item.intrinsics_json,
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
