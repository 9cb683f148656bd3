"""filter: signals and hand tracks -> a verdict for every span (a query; no engine)."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from filters.policies.decide import decide
from filters.policies.policy import Policy
from infra.storage.tables import Store
from pipelines.corpus.decisions import decisions_of
from pipelines.corpus.inventory import current_clips, inventory
from pipelines.hop import Check, Context, Done, Hop, Run
from schemas.columns import equals

BOOKS_BALANCE = Check("books_balance", "The ledger adds up to the input")


def run(context: Context) -> Done:
    """Signals and hand tracks -> a verdict for every span."""
    return decide_clips(context.run, context.recipe, context.get(Policy))


HOP = Hop(
    name="filter", doc="Signals and hand tracks -> a verdict for every span.", run=run,
    reads=("assets", "clips", "hands", "decisions"), writes=("decisions",), needs=("detect",), lease="filter",
    engine="pyarrow", checks=(BOOKS_BALANCE,), alias="keep",
)  # fmt: skip


def decide_clips(run: Run, recipe: str, policy: Policy) -> Done:
    """Decides every clip that has what it takes and no verdict of this policy that holds."""
    done = Done(HOP.name)
    with run.hold(HOP.lease) as held:
        clips, hands = undecided(run.store, recipe, policy)
        if clips.num_rows:
            run.progress(HOP.name, 0, clips.num_rows)
            decisions = decide(clips, hands, policy, run.run_id)
            held.check()
            done.add("decisions", run.store.insert("decisions", decisions, run_id=run.run_id))
            run.progress(HOP.name, clips.num_rows, clips.num_rows)
    return done


def undecided(store: Store, recipe: str, policy: Policy) -> tuple[pa.Table, pa.Table]:
    """Clips without a verdict that can get one (robot clips, and those that were looked at), and their hand tracks."""
    clips = current_clips(store, inventory(store, recipe), recipe)
    decided = decisions_of(store, clips, policy.digest)["clip_row_id"]
    clips = clips.filter(pc.invert(pc.is_in(clips["clip_row_id"], decided.combine_chunks())))
    if not clips.num_rows:
        return clips, clips
    hands = store.read("hands", where=f"detector = '{policy.detector}'")
    hands = hands.filter(pc.is_in(hands["clip_row_id"], clips["clip_row_id"].combine_chunks()))
    seen = pc.is_in(clips["clip_id"], hands["clip_id"].combine_chunks())
    return clips.filter(pc.or_(seen, equals(clips["stage"], "robot"))), hands
