"""The commit of a release: datasets, gate, file list, and release.json by conditional put, which is the release."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from handwheel import format as fmt
from handwheel.stats import COLUMNS, view_stats

from filters import licences
from filters.policies.policy import Policy
from infra import gate
from infra.sandbox import tempdirs
from infra.storage import objects
from infra.storage.lease import Lease
from infra.storage.tables import commit_new
from pipelines.corpus import releases
from pipelines.hop import Run
from pipelines.publish.encode_worker import EncodeWorker
from pipelines.publish.encoded import EncodedRow, EncodePart
from pipelines.publish.expectations import expectations
from pipelines.publish.stats import counts, split_counts, view_facts
from schemas.errors import GateRefused
from schemas.spans import NS


def commit_release(
    run: Run, lease: Lease, worker: EncodeWorker, parts: Sequence[EncodePart], head: dict[str, Any], policy: Policy
) -> None:
    """Makes the release of what was encoded; head: what release.json says beside. GateRefused: nothing is published."""
    rows = sorted((row for part in parts for row in part.rows), key=lambda row: (row.view, row.clip_id))
    views: dict[str, Any] = {}
    options = objects.storage_options() if objects.is_s3(run.store.root) else None
    for view in sorted({row.view for row in rows}):
        fragments = [f for part in sorted(parts, key=_first_clip) for f in part.fragments.get(view, [])]
        version = commit_new(worker.dataset(view), fmt.VIEW_SCHEMA, fragments, options)
        facts = view_facts([row for row in rows if row.view == view], worker.options.view(view))
        views[view] = facts | {"version": version}
    roots = {view: facts["root"] for view, facts in views.items()}
    release: dict[str, Any] = {"format": fmt.FORMAT, "id": fmt.release_id(head["recipe"], roots), "views": views} | head
    release |= {"created_ns": run.now_ns(), "run_id": run.run_id, "counts": counts(rows)}
    release["created"] = datetime.datetime.fromtimestamp(release["created_ns"] / NS, datetime.UTC).isoformat()
    robots = [view for view in views if worker.options.view(view).stage == "robot"]
    release["stats"] = {view: _stats(run, worker, view) for view in robots}
    release["splits"] = {view: split_counts(rows, view) for view in views}
    _check_gate(run, worker, rows, policy)
    listed = fmt.dump_files(releases.list_files(run.store, worker.name))
    base = releases.folder_of(run.store, worker.name)
    objects.put(objects.join(base, fmt.FILES_FILE), listed)
    release["files_sha256"] = fmt.sha256_hex(listed)
    lease.check()
    objects.put(objects.join(base, fmt.RELEASE_FILE), fmt.canonical_json(release), if_absent=True)


def _first_clip(part: EncodePart) -> str:
    return min((row.clip_id for row in part.rows), default="")


def _stats(run: Run, worker: EncodeWorker, view: str) -> dict[str, Any]:
    """Statistics of a robot view, by the trainers' own function over what was written."""
    columns = ["split", *COLUMNS, *COLUMNS.values()]
    dataset = run.store.dataset(objects.join(fmt.release_folder(worker.name), fmt.dataset_folder(view)))
    return view_stats(row for batch in dataset.to_batches(columns=columns) for row in batch.to_pylist())


def _check_gate(run: Run, worker: EncodeWorker, rows: Sequence[EncodedRow], policy: Policy) -> None:
    """Great Expectations over every view's rows; its Data Docs and a summary stay with the release."""
    views = sorted({row.view for row in rows})
    tables = {view: _gated([row for row in rows if row.view == view], policy) for view in views}
    with tempdirs.folder("gate") as docs:
        summary = gate.check(tables, {view: expectations(view, worker.options) for view in views}, docs)
        (docs / "summary.json").write_text(json.dumps(summary, indent=1))
        if summary["success"]:
            releases.put_tree(docs, objects.join(releases.folder_of(run.store, worker.name), "gate"))
            return
        where = objects.join(run.store.root, "refused", run.run_id)
        releases.put_tree(docs, where)
    remove_unfinished(run, worker.name)
    failed = [e for e in summary["expectations"] if not e["success"]]
    raise GateRefused(
        f"{len(failed)} expectations failed, first {failed[0]['name']} ({failed[0]['observed']}); "
        f"open {where}/index.html"
    )


def _gated(rows: Sequence[EncodedRow], policy: Policy) -> pa.Table:
    """A view's rows as the gate sees them, with why their licence forbids the purpose, if it does."""
    refusals = [licences.refusal(row.licence, policy.purpose, policy.licences_held) for row in rows]
    plain = [dataclasses.asdict(row) | {"licence_refusal": why} for row, why in zip(rows, refusals, strict=True)]
    return pa.Table.from_pylist(plain)


def intent_uri(run: Run) -> str:
    """Where the name of the release under way is written down."""
    return objects.join(run.store.root, "releases", "next.json")


def remove_unfinished(run: Run, name: str) -> None:
    """Removes an unfinished release's files, then its intent."""
    objects.delete_below(releases.folder_of(run.store, name))
    objects.delete(intent_uri(run))
