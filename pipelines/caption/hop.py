"""caption: kept spans -> captions in five lengths, or a reject with its reason (Ray)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from captioning.facts import basis_of
from filters.policies.policy import Policy
from infra.storage.tables import Store
from pipelines.caption.backends import find_backend, signature
from pipelines.caption.options import CaptionOptions
from pipelines.caption.worker import HOP as NAME
from pipelines.caption.worker import CaptionJob, CaptionSpan, CaptionWorker, refusal_recipe
from pipelines.corpus.corpus import Corpus
from pipelines.corpus.decisions import DECISION
from pipelines.corpus.inventory import CurrentAsset
from pipelines.engines import actors
from pipelines.hop import Context, Done, Hop, Run, commit_in_batches, in_batches
from schemas.columns import equals
from schemas.keys import caption_key, reject_key
from schemas.tables import TypedTable

# Ray takes 3 to 6 s to start, and the grounded captioner writes this many spans in well under one.
IN_PROCESS_SPANS = 64


def run(context: Context) -> Done:
    """Write captions for accepted spans and robot attempts."""
    return caption(context.run, context.recipe, context.get(Policy), context.get(CaptionOptions))


HOP = Hop(
    name=NAME, doc="Write captions for accepted spans and robot attempts.", run=run,
    reads=("assets", "clips", "decisions", "hands", "episodes", "proxies", "captions", "rejects"),
    writes=("captions", "rejects"), needs=("filter",), lease=NAME,
    engine="in the process below 64 spans (`grounded`), else Ray actors",
)  # fmt: skip


def caption(run: Run, recipe: str, policy: Policy, options: CaptionOptions) -> Done:
    """Writes what kept spans lack of this backend and prompt; a batch is committed as it comes.

    recipe: of the clips (digest of the decode's options). UsageError: wrong settings; TransientError: the
    backend gave up, and what was committed stays.
    """
    done = Done(HOP.name)
    refused = 0
    with run.hold(HOP.lease) as lease:
        todo = missing(run.store, recipe, policy, options)

        def commit(written: tuple[pa.Table, pa.Table]) -> int:
            nonlocal refused
            captions, rejects = written
            lease.check()
            # The reject is what ends a span, so the captions go in first.
            done.add("captions", run.store.insert("captions", captions, run_id=run.run_id))
            done.add("rejects", run.store.insert("rejects", rejects, run_id=run.run_id))
            refused += rejects.num_rows
            return options.batch_size

        batches = in_batches(((job, 1) for job in todo), options.batch_size, options.batch_size)
        commit_in_batches(run, HOP.name, batches, lambda jobs: _written(run, policy, options, jobs), commit)
    if refused:
        done.notes.append(f"{refused} of {len(todo)} spans got no caption that passes; see rejects")
    return done


def missing(store: Store, recipe: str, policy: Policy, options: CaptionOptions) -> list[CaptionJob]:
    """Spans without captions or a final reject by this writer, with their asset's words and their episode.

    Accepted spans, and of robots unknown ones too: most logs carry no calibration.
    """
    corpus = Corpus(store, recipe, policy.digest)
    decisions = corpus.decisions()
    unknown = pc.and_(equals(decisions[DECISION.stage], "robot"), equals(decisions[DECISION.verdict], "unknown"))
    captioned = pc.or_(equals(decisions[DECISION.verdict], "accept"), unknown)
    parents = {asset.sha256: asset for asset in corpus.primary_assets().rows()}
    spans = TypedTable(CaptionSpan, decisions.filter(captioned).sorted_by(DECISION.span_id).table).rows()
    return _unwritten(store, [_job(corpus, span, parents[span.sha256]) for span in spans], options)


def _unwritten(store: Store, jobs: list[CaptionJob], options: CaptionOptions) -> list[CaptionJob]:
    signed = {job.span.span_id: (signature(options, job.stage), job.basis) for job in jobs}
    # All of a span's kinds go in with one commit, so that its L1 stands for all.
    keys = {caption_key(span, "L1", *by, basis): span for span, (by, basis) in signed.items()}
    left = {keys[k] for k in store.absent("captions", list(keys))}
    refusals = {reject_key(span, NAME, refusal_recipe(*signed[span])): span for span in sorted(left)}
    left = {refusals[k] for k in store.absent("rejects", list(refusals))}
    return [job for job in jobs if job.span.span_id in left]


def _job(corpus: Corpus, span: CaptionSpan, asset: CurrentAsset) -> CaptionJob:
    attempt = corpus.episode_of(span) if asset.stage == "robot" else None  # other places of the same bytes do not speak
    episode = attempt.episode if attempt else None
    basis = basis_of(asset.narrations, episode, span)
    return CaptionJob(span, asset.stage, asset.uri, asset.narrations, episode, basis)


def _written(
    run: Run, policy: Policy, options: CaptionOptions, batches: Sequence[Sequence[CaptionJob]]
) -> Iterable[tuple[pa.Table, pa.Table]]:
    """Captions and rejects of each batch, as they come."""
    given = (run.store, run.run_id, policy.detector, options)
    has_model = find_backend(options).has_model
    if not has_model and sum(map(len, batches)) < IN_PROCESS_SPANS:
        writer = CaptionWorker(*given)
        return map(writer.write, batches)
    # A server's or a model's own threads share the work: one actor is their client, unless told otherwise.
    ray = run.ray if not has_model or run.ray.workers else replace(run.ray, workers=1)
    results: Iterable[tuple[pa.Table, pa.Table]] = actors(ray, CaptionWorker, *given).map_unordered(
        lambda actor, jobs: actor.write.remote(jobs), batches
    )
    return results
