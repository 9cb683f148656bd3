"""Decodes one recording in the sandbox: what the pass tells of it, its clips, and fragments of its proxies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow as pa

from infra.models import weights
from infra.sandbox import sandbox, tempdirs
from infra.storage.tables import Store
from pipelines.media.face_blur import version
from pipelines.media.options import DecodeSpec, PassOptions, decode_job
from pipelines.media.picture_motion import MOTION_FILE, Saved, load
from schemas.columns import values_of
from schemas.keys import stored_as
from schemas.recordings import StoredGap
from schemas.spans import StoredSpan
from schemas.tables import TypedTable, columns_of


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeFacts:
    """What a decode tells of a recording: columns of its assets (schemas.Asset)."""

    container: str
    codec: str
    width_px: int
    height_px: int
    fps_hz: float | None
    duration_ns: int
    decoded_ns: int
    gaps: list[StoredGap]
    quarter_turns: int
    decode_variant: str = stored_as("tiling")
    redacted: list[StoredSpan]
    redaction: str | None

    def as_fields(self) -> dict[str, Any]:
        """The fields of an Asset that they are."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True, slots=True)
class Decoded:
    """A recording's facts and clips (schemas.Clip), and fragments of those proxies that the tables lack, as JSON.

    motion: how its picture moved, where it was cut at a robot's attempts.
    """

    facts: DecodeFacts
    clips: pa.Table
    proxies: list[str]
    motion: Saved | None = None


@dataclass(frozen=True, slots=True)
class Decoder:
    """Settings of a worker's decode; picklable."""

    store: Store
    run_id: str
    options: PassOptions
    limits: sandbox.Limits

    def decode(self, path: Path, sha256: str, spec: DecodeSpec) -> Decoded:
        """One pass over a recording; its proxies are written as fragments that no table holds yet.

        BadMedia: why it cannot be used. TransientError: the face detector's weights cannot be had.
        """
        from pipelines.media import decode_child  # PyAV: where something is decoded, not where a command starts

        job = decode_job(sha256, self.options, spec, str(weights.face_weights()) if spec.blur else None)
        with tempdirs.folder("decode") as folder:
            reply = json.loads(sandbox.run(decode_child.__name__, [str(path), str(folder), job], self.limits))
            motion = load(folder / MOTION_FILE) if spec.spans is not None else None
            clips = self._clips(folder / "clips.arrow")
            absent = set(self.store.absent("proxies", values_of(clips["clip_row_id"], str)))
            batches = _batches(folder / "proxies.arrow", absent)
            proxies = self.store.write_fragments("proxies", batches) if absent else []
        return Decoded(_facts(reply, spec), clips, proxies, motion)

    def _clips(self, path: Path) -> pa.Table:
        """The child's clips, of this run."""
        with pa.memory_map(str(path)) as source:
            clips = pa.ipc.open_file(source).read_all()
        at = clips.schema.get_field_index("run_id")
        return clips.set_column(at, clips.schema.field(at), pa.repeat(self.run_id, clips.num_rows))


def find_decoded_asset(store: Store, recipe: str, sha256: str, spec: DecodeSpec) -> DecodeFacts | None:
    """The facts of an asset of these bytes whose clips were cut by the spec, if there is one."""
    where = f"sha256 = '{sha256}' and recipe = '{recipe}' and tiling = '{spec.decode_variant}'"
    columns = list(vars(columns_of(DecodeFacts)).values())
    return next(iter(TypedTable(DecodeFacts, store.read("assets", columns, where).slice(0, 1)).rows()), None)


def _facts(reply: dict[str, Any], spec: DecodeSpec) -> DecodeFacts:
    """The child's reply with what was asked of it."""
    facts = reply["facts"]
    return DecodeFacts(
        container=facts["container"],
        codec=facts["codec"],
        width_px=facts["width_px"],
        height_px=facts["height_px"],
        fps_hz=facts["fps_hz"],
        duration_ns=facts["duration_ns"],
        decoded_ns=facts["decoded_ns"],
        quarter_turns=spec.quarter_turns,
        gaps=[StoredGap(start_ns=start, end_ns=end, reason=reason) for start, end, reason in reply["gaps"]],
        decode_variant=spec.decode_variant,
        redacted=[StoredSpan(start_ns=start, end_ns=end) for start, end in spec.redacted],
        redaction=version() if spec.blur else None,
    )


def _batches(path: Path, keys: set[str]) -> Iterator[pa.RecordBatch]:
    """Proxies of the wanted clips, one batch at a time."""
    with pa.memory_map(str(path)) as source:
        reader = pa.ipc.open_file(source)
        for i in range(reader.num_record_batches):
            batch = reader.get_batch(i)
            if batch["clip_row_id"][0].as_py() in keys:
                yield batch
