"""filter: signals and hand tracks -> a verdict for every span (a query; no engine)."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from filters.policies.decide import decide
from filters.policies.policy import Policy
from infra.storage.tables import Store
from pipelines.corpus.corpus import Corpus
from pipelines.corpus.decisions import DECISION
from pipelines.corpus.inventory import CLIP
from pipelines.hop import Check, Context, Done, Hop, Run
from schemas import Hands
from schemas.columns import equals
from schemas.tables import TypedTable, columns_of

HANDS = columns_of(Hands)
BOOKS_BALANCE = Check("books_balance", "The ledger adds up to the input")


def run(context: Context) -> Done:
    """Judge signals and hand tracks: a verdict for every span."""
    return decide_clips(context.run, context.recipe, context.get(Policy))


HOP = Hop(
    name="filter", doc="Judge signals and hand tracks: a verdict for every span.", run=run,
    reads=("assets", "clips", "hands", "decisions"), writes=("decisions",), needs=("detect",), lease="filter",
    engine="pyarrow", checks=(BOOKS_BALANCE,), alias="keep",
)  # fmt: skip


def decide_clips(run: Run, recipe: str, policy: Policy) -> Done:
    """Decides every clip that has what it takes and no verdict of this policy that holds."""
    done = Done(HOP.name)
    with run.hold(HOP.lease) as lease:
        clips, hands = undecided(run.store, recipe, policy)
        if clips.num_rows:
            run.progress(HOP.name, 0, clips.num_rows)
            decisions = decide(clips, hands, policy, run.run_id)
            lease.check()
            done.add("decisions", run.store.insert("decisions", decisions, run_id=run.run_id))
            run.progress(HOP.name, clips.num_rows, clips.num_rows)
    return done


def undecided(store: Store, recipe: str, policy: Policy) -> tuple[pa.Table, pa.Table]:
    """Clips without a verdict that can get one (robot clips, and those that were looked at), and their hand tracks."""
    corpus = Corpus(store, recipe, policy.digest)
    clips = corpus.clips()
    decided = corpus.decisions()[DECISION.clip_row_id]
    clips = clips.filter(pc.invert(pc.is_in(clips[CLIP.clip_row_id], decided.combine_chunks())))
    if not len(clips):
        return clips.table, clips.table
    hands = TypedTable(Hands, store.read("hands", where=f"detector = '{policy.detector}'"))
    hands = hands.filter(pc.is_in(hands[HANDS.clip_row_id], clips[CLIP.clip_row_id].combine_chunks()))
    seen = pc.is_in(clips[CLIP.clip_id], hands[HANDS.clip_id].combine_chunks())
    return clips.filter(pc.or_(seen, equals(clips[CLIP.stage], "robot"))).table, hands.table
