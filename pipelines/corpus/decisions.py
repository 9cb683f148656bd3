"""A policy's verdicts as they hold now: what ledger, report, why, caption and publish read."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from infra.storage.tables import Store
from pipelines.corpus.duplicates import copies_of, without_copies
from schemas.columns import equals, with_nulls_as


def decisions_of(store: Store, clips: pa.Table, policy: str) -> pa.Table:
    """The policy's decisions (its digest) on current clips that rest on what is so now: pixels, stage and licence.

    A clip that was decoded, redacted or licensed otherwise since has none: it is undecided until keep runs again.
    """
    table = store.read("decisions", where=f"policy = '{policy}'")
    at = pc.index_in(table["clip_row_id"], clips["clip_row_id"].combine_chunks())
    table, now = table.filter(pc.is_valid(at)), clips.select(["stage", "licence"]).take(at.drop_null())
    then, today = (with_nulls_as(t["licence"], "") for t in (table, now))
    return table.filter(pc.and_(equals(table["stage"], now["stage"]), equals(then, today)))


def verdicts(store: Store, recipe: str, assets: pa.Table, clips: pa.Table, policy: str) -> pa.Table:
    """Those decisions with copies told. assets: the inventory."""
    decisions = decisions_of(store, clips, policy)
    return without_copies(decisions, copies_of(store, recipe, assets, decisions))
