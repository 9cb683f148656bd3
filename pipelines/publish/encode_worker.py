"""What publish runs on Beam's workers: cut and encode the spans of recordings, write them as a view's rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from handwheel import format as fmt

from infra.models import weights
from infra.sandbox import sandbox, tempdirs
from infra.storage import objects
from infra.storage.tables import Store, write_fragments
from pipelines.corpus import releases as files
from pipelines.media.local_copy import local_copy
from pipelines.publish.selection import PublishOptions
from schemas.columns import values_of
from schemas.errors import BadMedia
from schemas.spans import NS

Row = dict[str, Any]
MISSING = ("source_gone", "source_changed")


@dataclass(frozen=True, slots=True)
class Job:
    """What Beam's workers need."""

    store: Store
    name: str
    staging: str
    options: PublishOptions
    recipe: str
    limits: sandbox.Limits = field(default_factory=sandbox.Limits)

    def dataset(self, view: str) -> str:
        """URI of a view's dataset."""
        return objects.join(files.folder_of(self.store, self.name), fmt.dataset_folder(view))

    def encode(self, group: list[list[Row]]) -> None:
        """Encodes recordings (rows of one are one list) and stages {"rows", "fragments", "rejects", "missing"}."""
        part: dict[str, Any] = {"rows": [], "fragments": {}, "rejects": [], "missing": {}}
        with tempdirs.folder("encode") as place:
            finished: list[tuple[Row, Path]] = []
            for i, rows in enumerate(group):
                folder = place / str(i)
                folder.mkdir()
                try:
                    finished += self._recording(rows, folder)
                except BadMedia as e:
                    if e.reason in MISSING:  # the source may come back: left out this time, no reject
                        part["missing"] |= {r["clip_id"]: e.reason for r in rows}
                        continue
                    part["rejects"].append([rows[0]["sha256"], rows[0]["uri"], e.reason, e.detail])
            for view in sorted({r["view"] for r, _ in finished}):
                reader = pa.RecordBatchReader.from_batches(
                    fmt.VIEW_SCHEMA, _batches([(r, p) for r, p in finished if r["view"] == view], part)
                )
                options = objects.storage_options() if objects.is_s3(self.store.root) else None
                part["fragments"][view] = write_fragments(self.dataset(view), reader, options)
        objects.put(objects.join(self.staging, f"{group[0][0]['sha256']}.json"), json.dumps(part).encode())

    def _recording(self, rows: list[Row], folder: Path) -> Iterator[tuple[Row, Path]]:
        """The rows of one recording, completed, each with its video's file."""
        from pipelines.media import encode_child  # PyAV: where something is encoded, not where a command starts

        steps = {e: self._steps(e) for e in sorted({r["episode_id"] for r in rows if r["episode_id"]})}
        rows = [with_steps(r, steps[r["episode_id"]]) if r["episode_id"] else r for r in rows]
        jobs = [
            {"times_ns": r["times_ns"], "fps_hz": r["fps_hz"], "quarter_turns": r["quarter_turns"],
             "end_ns": r["end_ns"], "long_side_px": self.options.view(r["view"]).long_side_px} for r in rows
        ]  # fmt: skip
        redacted = [(s["start_ns"], s["end_ns"]) for s in rows[0]["redacted"]]
        job = {"cuts": jobs, "redacted": redacted, "blur": self._blur(rows[0])}
        (folder / "jobs.json").write_text(json.dumps(job))
        with local_copy(rows[0]["uri"], self.store.root, rows[0]["sha256"]) as path:
            argv = [str(path), str(folder), str(folder / "jobs.json")]
            made = json.loads(sandbox.run(encode_child.__name__, argv, self.limits))
        for i, (row, cut) in enumerate(zip(rows, made, strict=True)):
            yield row | cut, folder / f"{i}.mp4"

    def _blur(self, row: Row) -> dict[str, Any] | None:
        """What encode is told of a recording's faces, where its clips were looked at."""
        if row["redaction"] is None:
            return None
        where = f"sha256 = '{row['sha256']}' and recipe = '{self.recipe}' and tiling = '{row['tiling']}'"
        of_clips = values_of(self.store.read("clips", ["faces"], where)["faces"], list)
        return {"weights": str(weights.face_weights()), "faces": [face for faces in of_clips for face in faces]}

    def _steps(self, episode_id: str) -> pa.Table:
        return self.store.read("steps", where=f"episode_id = '{episode_id}'").sort_by("frame")


def with_steps(row: Row, steps: pa.Table) -> Row:
    """A robot's row with the steps its view takes: the IDM's all of its span's, at their own times."""
    if row["times_ns"] is not None:
        return row
    t_ns = np.asarray(steps["t_ns"]) + row["origin_ns"]
    inside = (t_ns >= row["start_ns"]) & (t_ns < row["end_ns"])
    here = steps.filter(pa.array(inside))
    flat: Row = {"times_ns": [int(t) for t in t_ns[inside]]}
    for name, column, width in (
        ("states", "state", "state_dim"),
        ("actions", "action_commanded", "action_dim"),
    ):
        vectors = values_of(here[column], list) if not here[column].null_count else []
        flat[name] = [x for vector in vectors for x in vector] if vectors else None
        flat[width] = len(vectors[0]) if vectors else None
    for name in ("control_source", "intervention"):
        values = here[name].to_pylist()
        flat[name] = values if values and all(v is not None for v in values) else None
    return row | flat


def _batches(finished: list[tuple[Row, Path]], part: dict[str, Any]) -> Iterator[pa.RecordBatch]:
    """A batch a row; notes its facts in the part as it goes."""
    for row, path in finished:
        video = path.read_bytes()
        whole: Row = {n: row.get(n) for n in fmt.VIEW_SCHEMA.names}
        whole |= {"video": video, "video_sha256": fmt.sha256_hex(video)}
        whole["row_sha256"] = fmt.row_digest(whole)
        part["rows"].append(
            {n: v for n, v in whole.items() if n not in ("video", "states", "actions", "frame_ns")}
            | {"view": row["view"], "bytes": len(video), "frames": len(row["frame_ns"])}
            | {"seconds": (row["end_ns"] - row["start_ns"]) / NS, "group": row["group"][0]}
        )
        yield pa.RecordBatch.from_pylist([whole], schema=fmt.VIEW_SCHEMA)
