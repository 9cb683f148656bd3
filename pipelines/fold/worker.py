"""What fold runs on Beam's workers: read a log, decode its recordings, make its rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from infra.sandbox import sandbox, tempdirs
from infra.storage import objects
from infra.storage.tables import Store
from pipelines.fold import readings
from pipelines.fold.offers import HOP, Logs
from pipelines.fold.pairing import RecordedTimes, Rows, pair_camera, pair_cameras
from pipelines.fold.rows import episode_row, step_table
from pipelines.media import log_pictures
from pipelines.media.decoder import DecodeFacts, Decoder, find_decoded_asset
from pipelines.media.frame_times_child import frame_times_of
from pipelines.media.local_copy import listed_sha256, local_copy
from pipelines.media.options import DecodeSpec, PassOptions
from pipelines.media.picture_motion import Saved, motion_at
from pipelines.media.picture_motion_child import motion_of
from pipelines.media.requirements import ROBOT, required_spec
from pipelines.sources.logs import RobotSource, kind_of
from pipelines.sources.logs.base import BadEpisode, LogItem, MediaFile
from pipelines.sources.logs.episode_log import CameraSpan, EpisodeLog, Times
from pipelines.staging import package as packages
from pipelines.staging.package import WorkPackage
from schemas import Asset, Clip
from schemas.arrow import rows_of, table_of
from schemas.errors import BadMedia, TransientError
from schemas.keys import asset_key, attempt_key, salted
from schemas.spans import NS, Span, complement
from schemas.tables import TypedTable, columns_of

CLIP = columns_of(Clip)


@dataclass(frozen=True, slots=True)
class Offer:
    """A recording as one log has it: what its attempts say of it, each with its rows, and whose robot it was."""

    item_key: str
    source: RobotSource
    media: MediaFile
    size_bytes: int
    takes: tuple[tuple[CameraSpan, Rows], ...]
    robot: str | None
    error: str = ""  # why its bytes could not be had this time
    refusal: tuple[str, str] | None = None  # why its bytes cannot be had


@dataclass(frozen=True, slots=True)
class DecodedMedia:
    """What came of a recording: its bytes, frames and new clips; or a final reason; or an error to retry."""

    uri: str
    sha256: str = ""
    times: RecordedTimes = RecordedTimes()
    clips: tuple[Clip, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldWorker:
    """Settings, picklable; each method is one step of the pipeline."""

    store: Store
    run_id: str
    salt: str
    staging: str
    scratch: str
    cutting: PassOptions
    limits: sandbox.Limits

    def read(self, keyed: tuple[str, Logs]) -> Iterator[tuple[str, Offer]]:
        """Offers of the log's recordings by sha256.

        A log that is bad offers them without spans. One that could not be read this time is the one offer, with the
        error: were it read well later, its recordings would have been decoded without its attempts' spans.
        """
        key, logs = keyed
        attempts: list[EpisodeLog] = []
        try:
            parts = self._attempts(logs)
            attempts = [e for e in parts if isinstance(e, EpisodeLog)]
            readings.keep(self.run_id, key, parts)
        except BadMedia:
            attempts = []  # `fold` reads it again and says why
        except (TransientError, OSError) as e:
            own = _as_media(logs.item)
            yield f"-{self._asset_id(own)}", Offer(key, logs.source, own, 0, (), None, str(e) or repr(e))
            return
        robot = next((e.robot for e in attempts if e.robot), None)
        for media in [*logs.item.media, *_within(logs.item, attempts)]:
            takes = tuple((c, Rows(e.t_ns, e.fps_hz)) for e in attempts for c in e.cameras if c.uri == media.uri)
            try:
                sha256, size = self._hash(media)
                yield sha256, Offer(key, logs.source, media, size, takes, robot)
            except BadMedia as e:
                refusal = (e.reason, e.detail)
                yield f"-{self._asset_id(media)}", Offer(key, logs.source, media, 0, takes, robot, refusal=refusal)
            except (TransientError, OSError) as e:
                error = f"{media.uri}: {e}"
                yield f"-{self._asset_id(media)}", Offer(key, logs.source, media, 0, takes, robot, error)

    def _longest_ns(self) -> int:
        return round(self.cutting.cut.longest_s * NS)

    def _asset_id(self, media: MediaFile) -> str:
        return asset_key(media.uri, media.revision, self.cutting.recipe, robot=True)

    def _attempts(self, logs: Logs) -> list[EpisodeLog | BadEpisode]:
        with tempdirs.folder("log") as folder:
            return list(kind_of(logs.source.kind).read(logs.item, folder, logs.source))

    def _hash(self, media: MediaFile) -> tuple[str, int]:
        """sha256 and size; remote bytes are kept in scratch for the decoder, pictures of a log are read again."""
        if (pictures := log_pictures.split(media.uri)) is not None:
            return log_pictures.digest(*pictures)
        if (listed := listed_sha256(media.uri, media.revision)) is not None:
            return listed, media.size_bytes  # `decode` brings it where it is not known, and holds it against this
        path = Path(media.uri)
        if remote := objects.is_remote(media.uri):
            path = Path(self.scratch) / self._asset_id(media)
            objects.download(media.uri, path)
        with path.open("rb") as f:
            sha256 = hashlib.file_digest(f, "sha256").hexdigest()
        size = path.stat().st_size
        if remote:
            path.replace(path.with_name(sha256))
        return sha256, size

    def decode(self, group: tuple[str, Iterable[Offer]]) -> Iterator[tuple[str, DecodedMedia]]:
        """Stages the recording's proxies and assets; tells each of its logs what came of it."""
        sha256 = group[0]
        offers = sorted(group[1], key=lambda o: (o.media.uri, o.media.revision, o.item_key))
        package, recipe = WorkPackage(), self.cutting.recipe
        clips: list[Clip] = []
        times, error = RecordedTimes(), ""
        try:
            if offers[0].error:
                raise TransientError(offers[0].error)
            if offers[0].refusal:
                raise BadMedia(*offers[0].refusal)
            facts, times = self._facts(sha256, offers, package)
            assets = {self._asset_id(o.media): self._asset(o, sha256, facts) for o in offers}
            package.assets += assets.values()
            clips = [clip for table in package.clips for clip in rows_of(Clip, table)]
            package.clips = []
        except BadMedia as e:
            times = RecordedTimes(refusal=(e.reason, e.detail))
            for subject, uri in {self._asset_id(o.media): o.media.uri for o in offers}.items():
                package.rejects.append(packages.reject(subject, uri, HOP, recipe, (e.reason, e.detail), self.run_id))
        except (TransientError, OSError) as e:
            package, error = WorkPackage(), str(e) or repr(e)
        objects.put(objects.join(self.staging, f"{sha256}.json"), package.dumps())
        for key, uri in sorted({(o.item_key, o.media.uri) for o in offers}):
            yield key, DecodedMedia(uri, "" if error else sha256, times, tuple(clips), error)

    def _facts(self, sha256: str, offers: list[Offer], package: WorkPackage) -> tuple[DecodeFacts, RecordedTimes]:
        """Facts, of an asset of the same bytes whose clips hold every span or by decoding, and its frames."""
        with local_copy(offers[0].media.uri, self.store.root, sha256, Path(self.scratch)) as path:
            frame_ns = frame_times_of(path, self.limits)
            spans = sorted({s for o in offers for s in _spans(o, frame_ns, self._longest_ns())})
            spec = required_spec(self.store, self.cutting, sha256, [ROBOT], DecodeSpec(tuple(spans)))
            if known := self._known(sha256, spec, spans):
                motion = motion_of(path, self.limits) if _pairs_by_number(offers) else None
                return known, _recorded(frame_ns, known, motion)
            decoded = Decoder(self.store, self.run_id, self.cutting, self.limits).decode(path, sha256, spec)
        package.clips.append(decoded.clips)
        package.proxies += decoded.proxies
        return decoded.facts, _recorded(frame_ns, decoded.facts, decoded.motion)

    def _known(self, sha256: str, spec: DecodeSpec, spans: list[Span]) -> DecodeFacts | None:
        """The facts of an asset of the same bytes whose clips hold every span, if there is one."""
        recipe = self.cutting.recipe
        if known := find_decoded_asset(self.store, recipe, sha256, spec):
            where = f"sha256 = '{sha256}' and recipe = '{recipe}' and tiling = '{spec.decode_variant}'"
            clips = TypedTable(Clip, self.store.read("clips", ["start_ns", "end_ns"], where))
            cut = zip(clips.values(CLIP.start_ns), clips.values(CLIP.end_ns), strict=True)
            accounted = [*cut, *((gap["start_ns"], gap["end_ns"]) for gap in known.gaps)]
            if not any(complement(accounted, (start, min(end, known.decoded_ns))) for start, end in spans):
                return known
        return None

    def _asset(self, offer: Offer, sha256: str, facts: DecodeFacts) -> Asset:
        source, media = offer.source, offer.media
        return Asset(
            asset_id=self._asset_id(media), uri=media.uri, revision=media.revision,
            modified_ns=media.modified_ns, sha256=sha256, size_bytes=offer.size_bytes, stage="robot",
            licence=source.licence, consent=source.consent, wearer_id=None, intrinsics_json=None,
            narrations=[],
            robot_id=salted(offer.robot, self.salt) if offer.robot else None,
            site_id=salted(source.site, self.salt) if source.site else None,
            recipe=self.cutting.recipe, run_id=self.run_id, **facts.as_fields(),
        )  # fmt: skip

    def fold(self, joined: tuple[str, dict[str, Iterable[Any]]]) -> None:
        """Stages the log's episodes, steps, clips and rejects: its own, and for recordings of no use."""
        key, logs = joined[0], next(iter(joined[1]["logs"]))
        before = readings.take(self.run_id, key)
        media = {d.uri: d for d in joined[1]["media"]}
        package = WorkPackage(log=key)
        try:
            if errors := sorted(d.error for d in media.values() if d.error):
                raise TransientError(errors[0])
            parts = self._attempts(logs) if before is None else before
            bad = [b for e in parts for b in self._add(e, logs, media, package)]
            self._refuse(key, logs.item, bad, package)
        except BadMedia as e:
            self._refuse(key, logs.item, [BadEpisode(name="", reason=e.reason, detail=e.detail)], package)
        except (TransientError, OSError) as e:
            package = WorkPackage(log=key, unreached=[f"{logs.item.uri}: {e}"])
        objects.put(objects.join(self.staging, f"{key}.log.json"), package.dumps())

    def _add(
        self, attempt: EpisodeLog | BadEpisode, logs: Logs, media: dict[str, DecodedMedia], package: WorkPackage
    ) -> tuple[BadEpisode, ...]:
        """Adds the attempt's rows; what is left out of it, or why it is refused."""
        if isinstance(attempt, BadEpisode):
            return (attempt,)
        recorded = {uri: d.times for uri, d in media.items()}
        try:
            paired = pair_cameras(attempt, recorded, logs.source.surplus, logs.source.shift)
        except BadMedia as e:
            return (BadEpisode(name=attempt.name, reason=e.reason, detail=e.detail),)
        sha_by_uri, fitted = {uri: d.sha256 for uri, d in media.items()}, paired.log
        for camera in fitted.cameras:
            own = [c for c in media[camera.uri].clips if camera.start_ns <= c.start_ns and c.end_ns <= camera.end_ns]
            package.clips.append(table_of(Clip, [replace(c, camera=camera.camera) for c in own]))
        origin = logs.origin
        steps = step_table(fitted, origin.namespace, paired.row_ns)
        steps_id = str(steps["steps_id"][0].as_py())
        package.episodes.append(episode_row(fitted, origin, sha_by_uri, steps_id, run_id=self.run_id, salt=self.salt))
        package.steps.append(steps)
        return paired.left

    def _refuse(self, key: str, item: LogItem, bad: list[BadEpisode], package: WorkPackage) -> None:
        """A Reject for each refused part; where nothing was taken, the first of them ends the item for this recipe."""
        recipe = self.cutting.recipe
        for part in bad:
            subject, why = (
                attempt_key(key, part.name),
                (part.reason, f"{part.name}: {part.detail}".removeprefix(": ")),
            )
            package.rejects.append(packages.reject(subject, item.uri, HOP, recipe, why, self.run_id))
        if not package.episodes:
            why = (bad[0].reason, f"no attempt of it can be used: {bad[0].detail}") if bad else ("empty_log", "")
            if len(bad) > 1:
                why = (bad[0].reason, f"{bad[0].name}: {bad[0].detail}; no attempt of it can be used")
            package.rejects[:1] = [packages.reject(key, item.uri, HOP, recipe, why, self.run_id)]


def _as_media(item: LogItem) -> MediaFile:
    """The log itself in a recording's place."""
    revision, modified_ns = item.revision, item.modified_ns
    return MediaFile(camera="", uri=item.uri, revision=revision, modified_ns=modified_ns, size_bytes=0)


def _within(item: LogItem, attempts: list[EpisodeLog]) -> list[MediaFile]:
    """Recordings that lie as pictures within the log: its listing does not know them, its attempts name them."""
    listed = {media.uri for media in item.media}
    named = {camera.uri: camera.camera for attempt in attempts for camera in attempt.cameras}
    return [
        MediaFile(camera=camera, uri=uri, revision=item.revision, modified_ns=item.modified_ns, size_bytes=0)
        for uri, camera in named.items()
        if uri not in listed and log_pictures.split(uri) is not None
    ]


def _pairs_by_number(offers: list[Offer]) -> bool:
    """Whether motion is a witness: some attempt's frames have no dates."""
    return any(camera.frame_stamps_ns is None for offer in offers for camera, _ in offer.takes)


def _recorded(frame_ns: Times, facts: DecodeFacts, motion: Saved | None) -> RecordedTimes:
    return RecordedTimes(frame_ns, facts.decoded_ns, None if motion is None else motion_at(motion, frame_ns))


def _spans(offer: Offer, frame_ns: Times, longest_ns: int) -> list[Span]:
    """What to cut from a recording for a log's attempts: nothing but their rows' frames. One of its own is tiled."""
    spans: list[Span] = []
    source = offer.source
    for camera, rows in offer.takes:
        try:
            span = pair_camera(camera, rows, RecordedTimes(frame_ns), source.surplus, source.shift).span
        except BadMedia:
            continue  # `fold` pairs it again and says why
        tile_ns = longest_ns if span.alone else span.end_ns - span.start_ns
        spans += [(at, min(at + tile_ns, span.end_ns)) for at in range(span.start_ns, span.end_ns, tile_ns)]
    return spans
