"""What a worker that decodes hands to the hop: rows by table, and fragments of proxies it has written.

Media never cross a shuffle: workers write fragments and put their metadata in staging; the hop commits children first
and parents last, so that a killed run leaves nothing that a reader sees and the next run inserts what is absent.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from infra.models import weights
from infra.sandbox import sandbox, tempdirs
from infra.storage import objects
from infra.storage.lease import Lease
from infra.storage.tables import Store
from pipelines.hop import Done, Run
from pipelines.media.face_blur import version
from pipelines.media.options import DecodeSpec, PassOptions, decode_job
from schemas import Reject
from schemas.columns import values_of
from schemas.keys import reject_key

LEASE = "media"  # ingest and fold both write clips and proxies: one writer at a time
CHILDREN = ("clips", "steps", "rejects")
PARENTS = ("assets", "episodes")
# What a decode tells of a recording: columns of its assets.
FACTS = (
    "container", "codec", "width_px", "height_px", "fps_hz", "duration_ns", "decoded_ns", "gaps", "quarter_turns",
    "tiling", "redacted", "redaction",
)  # fmt: skip


@dataclass(slots=True)
class WorkPackage:
    """Rows as plain dicts, by table; fragments of proxies as JSON; keys that did not come to an end this time.

    tables: rows that are made as columns (steps), by table, as base64 of an Arrow stream.
    """

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    tables: dict[str, list[str]] = field(default_factory=dict)
    proxies: list[str] = field(default_factory=list)
    unreached: list[str] = field(default_factory=list)

    def add(self, table: str, *rows: Any) -> None:
        """Adds rows of one table."""
        self.rows.setdefault(table, []).extend(dataclasses.asdict(r) for r in rows)

    def add_table(self, name: str, table: pa.Table) -> None:
        """Adds rows of one table that are columns already."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        self.tables.setdefault(name, []).append(base64.b64encode(sink.getvalue()).decode())

    def dumps(self) -> bytes:
        """The package as JSON."""
        return json.dumps(dataclasses.asdict(self)).encode()


def reject(subject: str, uri: str | None, stage: str, recipe: str, why: tuple[str, str], run_id: str) -> Reject:
    """A Reject row; `why` is reason and detail."""
    return Reject(
        reject_id=reject_key(subject, stage, recipe), subject=subject, uri=uri, stage=stage, recipe=recipe,
        reason=why[0], detail=why[1], run_id=run_id,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Decoder:
    """Settings of a worker's decode; picklable."""

    store: Store
    run_id: str
    options: PassOptions
    limits: sandbox.Limits

    def decode(self, path: Path, sha256: str, spec: DecodeSpec, package: WorkPackage) -> dict[str, Any]:
        """Decodes one recording in the sandbox into the package: clips and, once written, proxies. Returns its facts.

        BadMedia: why it cannot be used. TransientError: the face detector's weights cannot be had.
        """
        from pipelines.media import decode_child  # PyAV: where something is decoded, not where a command starts

        job = decode_job(sha256, self.options, spec, str(weights.face_weights()) if spec.blur else None)
        with tempdirs.folder("decode") as folder:
            argv = [str(path), str(folder), job]
            reply = json.loads(sandbox.run(decode_child.__name__, argv, self.limits))
            with pa.memory_map(str(folder / "clips.arrow")) as source:
                clips = pa.ipc.open_file(source).read_all()
            at = clips.schema.get_field_index("run_id")
            clips = clips.set_column(at, clips.schema.field(at), pa.repeat(self.run_id, clips.num_rows))
            absent = set(self.store.absent("proxies", values_of(clips["clip_row_id"], str)))
            if absent:
                batches = _batches(folder / "proxies.arrow", absent)
                package.proxies += self.store.write_fragments("proxies", batches)
            package.add_table("clips", clips)
        gaps = [{"start_ns": start, "end_ns": end, "reason": why} for start, end, why in reply["gaps"]]
        told = {"quarter_turns": spec.quarter_turns, "tiling": spec.decode_variant, "gaps": gaps}
        redacted = [{"start_ns": start, "end_ns": end} for start, end in spec.redacted]
        facts: dict[str, Any] = reply["facts"]
        return facts | told | {"redacted": redacted, "redaction": version() if spec.blur else None}


def _batches(path: Path, keys: set[str]) -> Iterator[pa.RecordBatch]:
    """Proxies of the wanted clips, one batch at a time."""
    with pa.memory_map(str(path)) as source:
        reader = pa.ipc.open_file(source)
        for i in range(reader.num_record_batches):
            batch = reader.get_batch(i)
            if batch["clip_row_id"][0].as_py() in keys:
                yield batch


def staging(run: Run, hop: str) -> str:
    """Folder of a run's packages."""
    return objects.join(run.store.root, "staging", hop, run.run_id)


def sweep(run: Run, hop: str) -> None:
    """Removes what killed runs of a hop staged, and the fragments named there that no commit took.

    The hop's lease is held, so those runs are dead. A fragment that a killed worker had not staged yet is nobody's
    until Lance's own cleanup takes it.
    """
    folder = objects.join(run.store.root, "staging", hop)
    for info in staged(folder):
        run.store.discard("proxies", WorkPackage(**json.loads(objects.read_bytes(info.uri))).proxies)
    objects.delete_below(folder)


def staged(folder: str) -> list[objects.ObjectInfo]:
    """What lies in a staging folder."""
    return list(objects.list_objects(folder + "/")) if objects.is_s3(folder) or objects.exists(folder) else []


def staged_rows(run: Run, hop: str, table: str) -> list[dict[str, Any]]:
    """Rows of a table that this run has staged and not yet committed."""
    plain = [json.loads(objects.read_bytes(info.uri)) for info in staged(staging(run, hop))]
    return [row for package in plain for row in package["rows"].get(table, [])]


def commit(run: Run, hop: str, held: Lease, done: Done) -> list[str]:
    """Commits every staged package of this run, children first, and clears the staging. Returns unreached keys."""
    folder = staging(run, hop)
    packages = [WorkPackage(**json.loads(objects.read_bytes(info.uri))) for info in staged(folder)]
    held.check()
    done.add("proxies", _append_proxies(run, packages))
    for table in (*CHILDREN, *PARENTS):
        rows = [row for package in packages for row in package.rows.get(table, [])]
        made = [table_in(text) for package in packages for text in package.tables.get(table, [])]
        if rows:
            held.check()
            done.add(table, run.store.insert(table, rows, run_id=run.run_id))
        if made:
            held.check()
            done.add(table, run.store.insert(table, pa.concat_tables(made), run_id=run.run_id))
    objects.delete_below(folder)
    return [key for package in packages for key in package.unreached]


def note_unreached(done: Done, unreached: list[str]) -> None:
    """Says what could not be reached this time."""
    if unreached:
        done.notes.append(f"{len(unreached)} could not be reached and are tried again next time: {unreached[0]}")


def table_in(text: str) -> pa.Table:
    """Rows that `WorkPackage.add_table` took."""
    return pa.ipc.open_stream(base64.b64decode(text)).read_all()


def rows_of(texts: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Those rows as dicts."""
    for text in texts:
        yield from table_in(text).to_pylist()


def _append_proxies(run: Run, packages: list[WorkPackage]) -> int:
    """One append for the batch. Two packages never hold one clip: a recording's bytes go to one worker."""
    fragments = [f for package in packages for f in package.proxies]
    return run.store.append("proxies", fragments, run_id=run.run_id)
