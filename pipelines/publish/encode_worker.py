"""What publish runs on Beam's workers: cut and encode the spans of recordings, write them as a view's rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

import pyarrow as pa
from handwheel import format as fmt

from infra.models import weights
from infra.sandbox import sandbox, tempdirs
from infra.storage import objects
from infra.storage.tables import Store, write_fragments
from pipelines.corpus import releases
from pipelines.media.local_copy import local_copy
from pipelines.publish.encoded import EncodedRow, EncodePart, RefusedRecording
from pipelines.publish.selection import PublishOptions, ViewRow
from pipelines.publish.steps import RowSteps, shown_steps, steps_of
from schemas.columns import values_of
from schemas.errors import BadMedia
from schemas.keys import as_stored
from schemas.recordings import StoredFace
from schemas.spans import NS

MISSING = ("source_gone", "source_changed")


class Cut(TypedDict):
    """What the encoding child says of a span."""

    frame_ns: list[int]
    width_px: int
    height_px: int


class Blur(TypedDict):
    """What the encoding child is told of a recording's faces."""

    weights: str
    faces: list[StoredFace]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A row whose video is written."""

    row: ViewRow
    steps: RowSteps
    cut: Cut
    video: Path


@dataclass(frozen=True, slots=True)
class EncodeWorker:
    """What Beam's workers need."""

    store: Store
    name: str
    staging: str
    options: PublishOptions
    limits: sandbox.Limits = field(default_factory=sandbox.Limits)

    def dataset(self, view: str) -> str:
        """URI of a view's dataset."""
        return objects.join(releases.folder_of(self.store, self.name), fmt.dataset_folder(view))

    def encode(self, recordings: Sequence[Sequence[ViewRow]]) -> None:
        """Encodes recordings (rows of one are one list) and stages an EncodePart."""
        part = EncodePart()
        with tempdirs.folder("encode") as place:
            finished: list[Encoded] = []
            for i, rows in enumerate(recordings):
                folder = place / str(i)
                folder.mkdir()
                try:
                    finished += self._encode_recording(rows, folder, part)
                except BadMedia as e:
                    if e.reason in MISSING:  # the source may come back: left out this time, no reject
                        part.missing.update({row.clip_id: e.reason for row in rows})
                        continue
                    part.refused.append(RefusedRecording(rows[0].sha256, rows[0].uri, e.reason, e.detail))
            for view in sorted({encoded.row.view for encoded in finished}):
                batches = _batches([encoded for encoded in finished if encoded.row.view == view], part)
                reader = pa.RecordBatchReader.from_batches(fmt.VIEW_SCHEMA, batches)
                options = objects.storage_options() if objects.is_s3(self.store.root) else None
                part.fragments[view] = write_fragments(self.dataset(view), reader, options)
        objects.put(objects.join(self.staging, f"{recordings[0][0].sha256}.json"), part.dumps())

    def _encode_recording(self, rows: Sequence[ViewRow], folder: Path, part: EncodePart) -> Iterator[Encoded]:
        """The rows of one recording, each with its video's file; what they lack is counted in the part."""
        from pipelines.media import encode_child  # PyAV: where something is encoded, not where a command starts

        attempts = {key: self._steps(key) for key in sorted({r.steps_id for r in rows if r.steps_id})}
        chosen: list[tuple[ViewRow, RowSteps]] = []
        for row in rows:
            own, lost = steps_of(row, attempts[row.steps_id] if row.steps_id else None)
            chosen += [(row, own)] if own.times_ns else []
            _add_lost(part, lost + Counter(span_without_steps=not own.times_ns))
        if not chosen:
            return
        cuts = [
            {"times_ns": own.times_ns, "fps_hz": row.fps_hz, "quarter_turns": row.quarter_turns, "end_ns": row.end_ns,
             "long_side_px": self.options.view(row.view).long_side_px, "exact": own.are_paired}
            for row, own in chosen
        ]  # fmt: skip
        redacted = [(span["start_ns"], span["end_ns"]) for span in rows[0].redacted]
        job = {"cuts": cuts, "redacted": redacted, "blur": self._blur(rows[0])}
        (folder / "jobs.json").write_text(json.dumps(job))
        with local_copy(rows[0].uri, self.store.root, rows[0].sha256) as path:
            argv = [str(path), str(folder), str(folder / "jobs.json")]
            made: list[Cut] = json.loads(sandbox.run(encode_child.__name__, argv, self.limits))
        for i, ((row, own), cut) in enumerate(zip(chosen, made, strict=True)):
            shown = shown_steps(own, cut["frame_ns"]) if own.are_paired else own
            _add_lost(part, Counter(step_without_frame=len(own.times_ns) - len(shown.times_ns)))
            yield Encoded(row, shown, cut, folder / f"{i}.mp4")

    def _blur(self, row: ViewRow) -> Blur | None:
        """What the child is told of a recording's faces, where its clips were looked at."""
        if row.redaction is None:
            return None
        where = f"sha256 = '{row.sha256}' and recipe = '{row.recipe}' and tiling = '{row.decode_variant}'"
        of_clips: list[list[StoredFace]] = values_of(self.store.read("clips", ["faces"], where)["faces"], list)
        return Blur(weights=str(weights.face_weights()), faces=[face for faces in of_clips for face in faces])

    def _steps(self, steps_id: str) -> pa.Table:
        """Steps in order of frame; those that came before steps had ids of their own, by their attempt's."""
        where = f"steps_id = '{steps_id}' or (steps_id is null and episode_id = '{steps_id}')"
        return self.store.read("steps", where=where).sort_by("frame")


def _add_lost(part: EncodePart, lost: Counter[str]) -> None:
    part.left_out = dict(Counter(part.left_out) + lost)


def _batches(finished: Sequence[Encoded], part: EncodePart) -> Iterator[pa.RecordBatch]:
    """A batch a row; notes its facts in the part as it goes."""
    for encoded in finished:
        row, video = encoded.row, encoded.video.read_bytes()
        known = as_stored(row) | as_stored(encoded.steps) | dict(encoded.cut)
        whole = {name: known.get(name) for name in fmt.VIEW_SCHEMA.names}
        whole |= {"video": video, "video_sha256": fmt.sha256_hex(video)}
        whole["row_sha256"] = fmt.row_digest(whole)
        part.rows.append(
            EncodedRow(
                view=row.view,
                clip_id=row.clip_id,
                sha256=row.sha256,
                row_sha256=whole["row_sha256"],
                stage=row.stage,
                split=row.split,
                caption=row.caption,
                licence=row.licence,
                episode_id=row.episode_id,
                embodiment=row.embodiment,
                task=row.task,
                outcome=row.outcome,
                width_px=encoded.cut["width_px"],
                height_px=encoded.cut["height_px"],
                state_dim=encoded.steps.state_dim,
                action_dim=encoded.steps.action_dim,
                bytes=len(video),
                frames=len(encoded.cut["frame_ns"]),
                seconds=(row.end_ns - row.start_ns) / NS,
                group=row.group[0],
            )
        )
        yield pa.RecordBatch.from_pylist([whole], schema=fmt.VIEW_SCHEMA)
