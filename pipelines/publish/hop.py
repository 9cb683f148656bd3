"""publish: decided, captioned spans and robot attempts -> a pinned release (Beam)."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
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
from infra.storage.tables import Store, commit_new
from infra.video import encoder as encoding
from pipelines.corpus import releases as files
from pipelines.corpus.ledger import ledger
from pipelines.engines import pipeline
from pipelines.hop import Check, Context, Done, Hop, Run
from pipelines.media.local_copy import reachable
from pipelines.publish.encode_worker import MISSING, Job
from pipelines.publish.expectations import expectations
from pipelines.publish.selection import PublishOptions, ViewRow, select, selection_digest
from pipelines.publish.stats import counts, split_counts, view_facts
from pipelines.staging.package import reject, staged, staging
from schemas import Release
from schemas.errors import GateRefused
from schemas.keys import as_stored
from schemas.spans import NS

NAME = "publish"
GATE = Check("gate", "Great Expectations over a release")


def run(context: Context) -> Done:
    """Verdicts, captions, attempts -> a pinned release, when it would differ from the newest."""
    return publish(context.run, context.recipe, context.get(Policy), context.get(PublishOptions))


HOP = Hop(
    name=NAME, doc="Verdicts, captions, attempts -> a pinned release, when it would differ from the newest.", run=run,
    reads=("assets", "clips", "duplicates", "commons", "decisions", "captions", "episodes", "steps"),
    reads_beside="the recordings of what is kept", writes=("rejects", "releases"), needs=("caption", "fold", "dedup"),
    lease=NAME, engine="Beam; each encode in a sandboxed child process", checks=(GATE,),
)  # fmt: skip


def publish(run: Run, recipe: str, policy: Policy, options: PublishOptions) -> Done:
    """Publishes what the tables select, unless the newest release selected the same. GateRefused: nothing published."""
    done = Done(HOP.name)
    with run.hold(HOP.lease) as held:
        objects.delete_below(objects.join(run.store.root, "staging", HOP.name))  # of killed runs: the lease is ours
        recover(run, done)
        versions, parent = run.store.versions(), files.newest(run.store)
        inputs = {t: versions[t] for t in HOP.reads}
        how = release_recipe(recipe, policy, options)
        if parent and _holds_all(parent, how, inputs):
            done.notes.append(f"{parent['name']} holds it all")
            return done
        tables = run.store.at(versions)
        rows, left_out = select(tables, recipe, policy, options)
        account, _ = ledger(tables, recipe, policy.digest)
        if account.unbalanced_ns():
            raise GateRefused(
                f"the ledger is {account.unbalanced_ns() / NS:.3f} s out of balance; "
                "`handwheel ledger --by asset` shows where"
            )
        rows = _without_refused(run.store, rows, recipe)
        wanted = selection_digest(rows, how)
        if not rows or (parent and _holds(run, parent, wanted)):
            done.notes.append("nothing to publish" if not rows else f"{parent['name'] if parent else ''} holds it all")
            return done
        name = _reserve(run, parent)
        work = Job(run.store, name, staging(run, HOP.name), options, recipe)
        _encode(run, work, rows)
        parts = _collect(work)
        _book_refused(run, parts, recipe, done)
        encoded = {(r["view"], r["clip_id"]) for p in parts for r in p["rows"]}
        selection = selection_digest([r for r in rows if (r.view, r.clip_id) in encoded], how)
        for reason in (why for p in parts for why in p["missing"].values()):
            left_out[reason] = left_out.get(reason, 0) + 1
        if not encoded or (parent and parent["selection"] == selection):
            files_gone(run, name)
            done.notes.append("no further span could be encoded; see `handwheel ledger --by asset`")
            return done
        held.check()
        head = {"name": name, "parent": (parent or {}).get("name"), "selection": selection, "recipe": how}
        head["purpose"] = policy.purpose
        missing = {clip for p in parts for clip in p["missing"]}
        if missing:
            done.notes.append(f"{len(missing)} spans left out: their source is gone or changed")
        head |= {"wanted": wanted, "gone": {r.sha256: r.uri for r in rows if r.clip_id in missing}}
        _commit(run, held, work, parts, head | {"inputs": inputs, "left_out": left_out}, policy)
        recover(run, done)
    return done


def _holds_all(parent: Mapping[str, Any], how: Mapping[str, Any], inputs: Mapping[str, int]) -> bool:
    """Whether the newest release is of these very tables and this recipe: told from versions, without a row read."""
    same = parent["inputs"] == inputs and parent["recipe"] == json.loads(fmt.canonical_json(dict(how)))
    return same and not any(reason in parent["left_out"] for reason in MISSING)


def release_recipe(recipe: str, policy: Policy, options: PublishOptions) -> dict[str, Any]:
    """Everything that shapes a release's bytes besides its inputs: part of its id."""
    plain = as_stored(options)
    plain.pop("batch_recordings")
    encoder = {"version": encoding.version(), "options": encoding.options()}
    told = {"policy": policy.digest, "purpose": policy.purpose}
    return {"pass": recipe, "publish": plain, "encoder": encoder} | told


def _holds(run: Run, release: dict[str, Any], wanted: str) -> bool:
    """Whether a release holds what is wanted, less the recordings that were gone then and are gone now."""
    if release["selection"] == wanted:
        return True
    return bool(release.get("wanted") == wanted) and not any(
        reachable(uri, run.store.root, sha256) for sha256, uri in release["gone"].items()
    )


def _without_refused(store: Store, rows: list[ViewRow], recipe: str) -> list[ViewRow]:
    """Rows less those whose recording could not be cut before under this recipe."""
    refused = set(
        store.read("rejects", ["subject"], f"stage = '{HOP.name}' and recipe = '{recipe}'")["subject"].to_pylist()
    )
    return [r for r in rows if r.sha256 not in refused]


def _intent(run: Run) -> str:
    return objects.join(run.store.root, "releases", "next.json")


def _reserve(run: Run, parent: Mapping[str, Any] | None) -> str:
    """The next name of the day, written down first, so that a killed run's files are known and removed."""
    day = datetime.datetime.fromtimestamp(run.now_ns() / NS, datetime.UTC).date().isoformat()
    number = int(parent["name"].rsplit(".", 1)[1]) + 1 if parent and parent["name"].startswith(day + ".") else 1
    while objects.exists(objects.join(files.folder_of(run.store, f"{day}.{number}"), fmt.RELEASE_FILE)):
        number += 1  # never into a release that is there
    name = f"{day}.{number}"
    objects.put(_intent(run), json.dumps({"name": name}).encode())
    return name


def recover(run: Run, done: Done) -> None:
    """Finishes a release that was committed (release.json is there), or removes what a killed run left of one."""
    try:
        name = json.loads(objects.read_bytes(_intent(run)))["name"]
    except FileNotFoundError:
        return
    if not objects.exists(objects.join(files.folder_of(run.store, name), fmt.RELEASE_FILE)):
        files_gone(run, name)
        return
    release = files.load(run.store, name)
    run.store.tag(release["inputs"], f"release-{name}")
    objects.put(files.pin_uri(run.store, name), files.pin_of(run.store, release).dumps().encode())
    row = Release(
        release_id=release["id"], name=name, parent=release["parent"], selection=release["selection"],
        counts_json=json.dumps(release["counts"], sort_keys=True), created_ns=release["created_ns"],
        run_id=release["run_id"],
    )  # fmt: skip
    done.add("releases", run.store.insert("releases", [row], run_id=run.run_id))
    done.release, done.pin = name, files.pin_uri(run.store, name)
    objects.delete(_intent(run))


def files_gone(run: Run, name: str) -> None:
    """Removes an unfinished release's files, then its intent."""
    objects.delete_below(files.folder_of(run.store, name))
    objects.delete(_intent(run))


def _encode(run: Run, work: Job, rows: list[ViewRow]) -> None:
    """One Beam pipeline over groups of recordings: a fragment a view and group, whatever the number of recordings."""
    import apache_beam as beam

    by_recording: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_recording.setdefault(row.sha256, []).append(as_stored(row))
    recordings = [by_recording[sha] for sha in sorted(by_recording)]
    size = work.options.batch_recordings
    groups = [recordings[i : i + size] for i in range(0, len(recordings), size)]
    run.progress(HOP.name, 0, len(recordings))
    with pipeline(run.beam) as p:
        _ = (
            p
            | "recordings" >> beam.Create(groups)
            | "spread" >> beam.Reshuffle(num_buckets=1000)
            | "encode" >> beam.Map(work.encode)
        )
    run.progress(HOP.name, len(recordings), len(recordings))


def _collect(work: Job) -> list[dict[str, Any]]:
    parts = [json.loads(objects.read_bytes(i.uri)) for i in staged(work.staging)]
    objects.delete_below(work.staging)
    return parts


def _book_refused(run: Run, parts: list[dict[str, Any]], recipe: str, done: Done) -> None:
    """Recordings that could not be cut are rejects of this hop: out of this release and the next, with their reason."""
    rows = [
        reject(sha, uri, HOP.name, recipe, (why, detail), run.run_id)
        for p in parts
        for sha, uri, why, detail in p["rejects"]
    ]
    done.add("rejects", run.store.insert("rejects", rows, run_id=run.run_id))


def _commit(
    run: Run, held: Lease, work: Job, parts: list[dict[str, Any]], head: dict[str, Any], policy: Policy
) -> None:
    """Datasets, gate, file list; then release.json by conditional put, which is the release."""
    rows = sorted((r for p in parts for r in p["rows"]), key=lambda r: (r["view"], r["clip_id"]))
    views: dict[str, Any] = {}
    options = objects.storage_options() if objects.is_s3(run.store.root) else None
    for view in sorted({r["view"] for r in rows}):
        fragments = [f for p in sorted(parts, key=_order) for f in p["fragments"].get(view, [])]
        version = commit_new(work.dataset(view), fmt.VIEW_SCHEMA, fragments, options)
        views[view] = view_facts([r for r in rows if r["view"] == view], work.options.view(view)) | {"version": version}
    roots = {view: facts["root"] for view, facts in views.items()}
    release: dict[str, Any] = {"format": fmt.FORMAT, "id": fmt.release_id(head["recipe"], roots), "views": views} | head
    release |= {"created_ns": run.now_ns(), "run_id": run.run_id, "counts": counts(rows)}
    release["created"] = datetime.datetime.fromtimestamp(release["created_ns"] / NS, datetime.UTC).isoformat()
    robots = [v for v in views if work.options.view(v).stage == "robot"]
    release["stats"] = {v: _stats(run, work, v) for v in robots}
    release["splits"] = {v: split_counts(rows, v) for v in views}
    _gate(run, work, rows, policy)
    listed = fmt.dump_files(files.list_files(run.store, work.name))
    base = files.folder_of(run.store, work.name)
    objects.put(objects.join(base, fmt.FILES_FILE), listed)
    release["files_sha256"] = fmt.sha256_hex(listed)
    held.check()
    objects.put(objects.join(base, fmt.RELEASE_FILE), fmt.canonical_json(release), if_absent=True)


def _order(part: dict[str, Any]) -> str:
    return min((str(r["clip_id"]) for r in part["rows"]), default="")


def _stats(run: Run, work: Job, view: str) -> dict[str, Any]:
    """Statistics of a robot view, by the trainers' own function over what was written."""
    columns = ["split", *COLUMNS, *COLUMNS.values()]
    dataset = run.store.dataset(objects.join(fmt.release_folder(work.name), fmt.dataset_folder(view)))
    return view_stats(row for batch in dataset.to_batches(columns=columns) for row in batch.to_pylist())


def _gate(run: Run, work: Job, rows: list[dict[str, Any]], policy: Policy) -> None:
    """Great Expectations over every view's rows; its Data Docs and a summary stay with the release."""
    tables = {}
    for view in sorted({r["view"] for r in rows}):
        plain = [
            {k: v for k, v in r.items() if k not in ("control_source", "intervention")}
            | {"licence_refusal": licences.refusal(r["licence"], policy.purpose, policy.licences_held)}
            for r in rows
            if r["view"] == view
        ]
        tables[view] = pa.Table.from_pylist(plain)
    with tempdirs.folder("gate") as docs:
        summary = gate.check(tables, {v: expectations(v, work.options) for v in tables}, docs)
        (docs / "summary.json").write_text(json.dumps(summary, indent=1))
        if summary["success"]:
            files.put_tree(docs, objects.join(files.folder_of(run.store, work.name), "gate"))
            return
        where = objects.join(run.store.root, "refused", run.run_id)
        files.put_tree(docs, where)
    files_gone(run, work.name)
    failed = [e for e in summary["expectations"] if not e["success"]]
    raise GateRefused(
        f"{len(failed)} expectations failed, first {failed[0]['name']} ({failed[0]['observed']}); "
        f"open {where}/index.html"
    )
