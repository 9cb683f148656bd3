"""A policy's decisions as they hold now: what ledger, report, why, caption and publish read."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from infra.storage.tables import Store
from pipelines.corpus.duplicates import VERDICT_OF, Copies
from pipelines.corpus.inventory import CLIP, CurrentClip
from schemas import Decision
from schemas.columns import equals, with_nulls_as
from schemas.tables import TypedTable, columns_of

DECISION = columns_of(Decision)


def decisions_of(store: Store, clips: TypedTable[CurrentClip], policy: str) -> TypedTable[Decision]:
    """The policy's decisions (its digest) on current clips that rest on what is so now: pixels, stage and licence.

    A clip that was decoded, redacted or licensed otherwise since has none: it is undecided until filter runs again.
    """
    table = TypedTable(Decision, store.read("decisions", where=f"policy = '{policy}'"))
    at = pc.index_in(table[DECISION.clip_row_id], clips[CLIP.clip_row_id].combine_chunks())
    table, now = table.filter(pc.is_valid(at)), clips.take(at.drop_null())
    same_licence = equals(*(with_nulls_as(c, "") for c in (table[DECISION.licence], now[CLIP.licence])))
    return table.filter(pc.and_(equals(table[DECISION.stage], now[CLIP.stage]), same_licence))


def without_copies(decisions: TypedTable[Decision], copies: Copies) -> TypedTable[Decision]:
    """Decisions as they hold once copies went: those spans have the verdict and reason of a copy."""
    if not copies:
        return decisions
    copied = [copies.get(span) for span in decisions.values(DECISION.span_id)]
    verdicts, reasons = decisions.values(DECISION.verdict), decisions.values(DECISION.reasons)
    table = decisions.table
    for name, values in (
        (str(DECISION.verdict), [VERDICT_OF[c.reason] if c else v for c, v in zip(copied, verdicts, strict=True)]),
        (str(DECISION.reasons), [[c.reason] if c else r for c, r in zip(copied, reasons, strict=True)]),
    ):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type))
    return TypedTable(Decision, table)
