"""publish: decided, captioned spans and robot attempts -> a pinned release (Beam)."""

from __future__ import annotations

import datetime
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from handwheel import format as fmt

from filters.policies.policy import Policy
from infra.storage import objects
from infra.storage.tables import Store
from infra.video import encoder as encoding
from pipelines.corpus import releases
from pipelines.corpus.ledger import ledger
from pipelines.corpus.release_document import ReleaseDocument
from pipelines.engines import pipeline
from pipelines.hop import Check, Context, Done, Hop, Run
from pipelines.media.local_copy import reachable
from pipelines.publish.commit import commit_release, intent_uri, remove_unfinished
from pipelines.publish.encode_worker import MISSING, EncodeWorker
from pipelines.publish.encoded import EncodePart
from pipelines.publish.selection import PublishOptions, ViewRow, selection_digest, selection_of
from pipelines.staging.package import reject, staged, staging
from schemas import Release
from schemas.columns import values_of
from schemas.errors import GateRefused
from schemas.keys import as_stored
from schemas.spans import NS

NAME = "publish"
GATE = Check("gate", "Great Expectations over a release")


def run(context: Context) -> Done:
    """Make a release and its pin, if it would differ from the newest one."""
    return publish(context.run, context.recipe, context.get(Policy), context.get(PublishOptions))


HOP = Hop(
    name=NAME, doc="Make a release and its pin, if it would differ from the newest one.", run=run,
    reads=("assets", "clips", "duplicates", "commons", "decisions", "captions", "episodes", "steps"),
    reads_beside="the recordings of what is kept", writes=("rejects", "releases"), needs=("caption", "fold", "dedup"),
    lease=NAME, engine="Beam; each encode in a sandboxed child process", checks=(GATE,),
)  # fmt: skip


def publish(run: Run, recipe: str, policy: Policy, options: PublishOptions) -> Done:
    """Publishes what the tables select, unless the newest release selected the same. GateRefused: nothing published."""
    done = Done(HOP.name)
    with run.hold(HOP.lease) as lease:
        objects.delete_below(objects.join(run.store.root, "staging", HOP.name))  # of killed runs: the lease is ours
        recover(run, done)
        versions, parent = run.store.versions(), releases.newest(run.store)
        inputs = {table: versions[table] for table in HOP.reads}
        how = release_recipe(recipe, policy, options)
        if parent and _holds_all(parent, how, inputs):
            done.notes.append(f"{parent.name} holds it all")
            return done
        tables = run.store.at(versions)
        chosen = selection_of(tables, recipe, policy, options, parent.axes if parent else {})
        _check_books(tables, recipe, policy)
        rows = _without_refused(run.store, chosen.rows, recipe)
        wanted = selection_digest(rows, how)
        if not rows or (parent and holds_selection(run, parent, wanted)):
            done.notes.append("nothing to publish" if not rows else f"{parent.name if parent else ''} holds it all")
            return done
        worker = EncodeWorker(run.store, _reserve(run, parent), staging(run, HOP.name), options)
        parts = _encode(run, worker, rows)
        _book_refused(run, parts, recipe, done)
        encoded = {(row.view, row.clip_id) for part in parts for row in part.rows}
        selection = selection_digest([row for row in rows if (row.view, row.clip_id) in encoded], how)
        if not encoded or (parent and parent.selection == selection):
            remove_unfinished(run, worker.name)
            done.notes.append("no further span could be encoded; see `handwheel ledger --by asset`")
            return done
        lease.check()
        missing = {clip: why for part in parts for clip, why in part.missing.items()}
        if missing:
            done.notes.append(f"{len(missing)} spans left out: their source is gone or changed")
        head = {
            "name": worker.name, "parent": parent.name if parent else None, "selection": selection, "recipe": how,
            "purpose": policy.purpose, "wanted": wanted, "inputs": inputs,
            "gone": {row.sha256: row.uri for row in rows if row.clip_id in missing},
            "left_out": _left_out(chosen.left_out, parts), "axes": chosen.axes,
        }  # fmt: skip
        commit_release(run, lease, worker, parts, head, policy)
        recover(run, done)
    return done


def _left_out(selected: Mapping[str, int], parts: list[EncodePart]) -> dict[str, int]:
    """What the release goes without, by reason: spans, and steps of spans."""
    counted = Counter(selected)
    for part in parts:
        counted += Counter(part.missing.values())
        counted += Counter(part.left_out)
    return dict(counted)


def _check_books(tables: Store, recipe: str, policy: Policy) -> None:
    """GateRefused: the ledger does not add up."""
    account, _ = ledger(tables, recipe, policy.digest)
    if account.unbalanced_ns():
        raise GateRefused(
            f"the ledger is {account.unbalanced_ns() / NS:.3f} s out of balance; "
            "`handwheel ledger --by asset` shows where"
        )


def _holds_all(parent: ReleaseDocument, how: Mapping[str, Any], inputs: Mapping[str, int]) -> bool:
    """Whether the newest release is of these very tables and this recipe: told from versions, without a row read."""
    same = parent.inputs == inputs and parent.recipe == json.loads(fmt.canonical_json(dict(how)))
    return same and not any(reason in parent.left_out for reason in MISSING)


def release_recipe(recipe: str, policy: Policy, options: PublishOptions) -> dict[str, Any]:
    """Everything that shapes a release's bytes besides its inputs: part of its id."""
    plain = as_stored(options)
    plain.pop("batch_recordings")
    encoder = {"version": encoding.version(), "options": encoding.options()}
    rules = {"policy": policy.digest, "purpose": policy.purpose}
    return {"pass": recipe, "publish": plain, "encoder": encoder} | rules


def holds_selection(run: Run, release: ReleaseDocument, wanted: str) -> bool:
    """Whether a release holds what is wanted, less the recordings that were gone then and are gone now."""
    if release.selection == wanted:
        return True
    return release.wanted == wanted and not any(
        reachable(uri, run.store.root, sha256) for sha256, uri in release.gone.items()
    )


def _without_refused(store: Store, rows: list[ViewRow], recipe: str) -> list[ViewRow]:
    """Rows less those whose recording could not be cut before under this recipe."""
    where = f"stage = '{HOP.name}' and recipe = '{recipe}'"
    refused = set(values_of(store.read("rejects", ["subject"], where)["subject"], str))
    return [r for r in rows if r.sha256 not in refused]


def _reserve(run: Run, parent: ReleaseDocument | None) -> str:
    """The next name of the day, written down first, so that a killed run's files are known and removed."""
    day = datetime.datetime.fromtimestamp(run.now_ns() / NS, datetime.UTC).date().isoformat()
    number = int(parent.name.rsplit(".", 1)[1]) + 1 if parent and parent.name.startswith(day + ".") else 1
    while objects.exists(objects.join(releases.folder_of(run.store, f"{day}.{number}"), fmt.RELEASE_FILE)):
        number += 1  # never into a release that is there
    name = f"{day}.{number}"
    objects.put(intent_uri(run), json.dumps({"name": name}).encode())
    return name


def recover(run: Run, done: Done) -> None:
    """Finishes a release that was committed (release.json is there), or removes what a killed run left of one."""
    try:
        name = json.loads(objects.read_bytes(intent_uri(run)))["name"]
    except FileNotFoundError:
        return
    if not objects.exists(objects.join(releases.folder_of(run.store, name), fmt.RELEASE_FILE)):
        remove_unfinished(run, name)
        return
    release = releases.load(run.store, name)
    run.store.tag(release.inputs, f"release-{name}")
    objects.put(releases.pin_uri(run.store, name), releases.pin_of(run.store, release).dumps().encode())
    row = Release(
        release_id=release.id, name=name, parent=release.parent, selection=release.selection,
        counts_json=json.dumps(release.counts, sort_keys=True), created_ns=release.created_ns, run_id=release.run_id,
    )  # fmt: skip
    done.add("releases", run.store.insert("releases", [row], run_id=run.run_id))
    done.release, done.pin = name, releases.pin_uri(run.store, name)
    objects.delete(intent_uri(run))


def _encode(run: Run, worker: EncodeWorker, rows: list[ViewRow]) -> list[EncodePart]:
    """One Beam pipeline over groups of recordings: a fragment a view and group, whatever the number of recordings."""
    import apache_beam as beam

    by_recording: dict[str, list[ViewRow]] = {}
    for row in rows:
        by_recording.setdefault(row.sha256, []).append(row)
    recordings = [by_recording[sha] for sha in sorted(by_recording)]
    size = worker.options.batch_recordings
    groups = [recordings[i : i + size] for i in range(0, len(recordings), size)]
    run.progress(HOP.name, 0, len(recordings))
    with pipeline(run.beam) as p:
        _ = (
            p
            | "recordings" >> beam.Create(groups)
            | "spread" >> beam.Reshuffle(num_buckets=1000)
            | "encode" >> beam.Map(worker.encode)
        )
    run.progress(HOP.name, len(recordings), len(recordings))
    parts = [EncodePart.loads(objects.read_bytes(info.uri)) for info in staged(worker.staging)]
    objects.delete_below(worker.staging)
    return parts


def _book_refused(run: Run, parts: list[EncodePart], recipe: str, done: Done) -> None:
    """Recordings that could not be cut are rejects of this hop: out of this release and the next, with their reason."""
    rows = [
        reject(bad.sha256, bad.uri, HOP.name, recipe, (bad.reason, bad.detail), run.run_id)
        for part in parts
        for bad in part.refused
    ]
    done.add("rejects", run.store.insert("rejects", rows, run_id=run.run_id))
