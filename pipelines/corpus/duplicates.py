"""Which spans are copies of better ones now: the pairs that dedup found, and the verdicts of keep."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from filters import fingerprint_match, fingerprints
from filters.duplicates import COPY, MIRRORED, Copy, Pair, Take, copies
from infra.storage.tables import Store
from schemas.columns import equals, values_of
from schemas.keys import digest_of, stored_text

RULE = fingerprint_match.Rule()
VERDICT_OF = {COPY: "reject", MIRRORED: "quarantine"}


def version_of(recipe: str) -> str:
    """Digest of everything that makes two clips a pair."""
    return digest_of([recipe, fingerprints.VERSION, fingerprint_match.VERSION, stored_text(RULE, "Rule")])[:16]


def pairs_of(store: Store, recipe: str) -> list[Pair]:
    """Every pair of clips that are copies, the same whatever the order in which the clips came.

    A pair that met while its keys were rare counts no longer where too few of them would bring it together now.
    """
    where = f"version = '{version_of(recipe)}'"
    common: dict[int, str] = {}
    for row in store.read("commons", ["key", "rank"], where).to_pylist():
        common[row["key"]] = min(row["rank"], common.get(row["key"], row["rank"]))
    columns = ["clip_a", "clip_b", "offset_ns", "kind", *(["keys", "needed", "rank"] if common else [])]
    rows = store.read("duplicates", columns, where).to_pylist()
    return [
        Pair(r["clip_a"], r["clip_b"], r["offset_ns"], r["kind"] == "mirrored")
        for r in rows
        if not common or sum(r["rank"] <= common.get(k, r["rank"]) for k in r["keys"]) >= r["needed"]
    ]


def copies_of(store: Store, recipe: str, assets: pa.Table, decisions: pa.Table) -> dict[str, Copy]:
    """The accepted spans that are copies of better ones, by span_id; a robot's never are.

    assets: the inventory; decisions: one policy's, of current clips. A recording that could not be cut for a release
    shows nothing in it, so that its copies stay.
    """
    pairs = pairs_of(store, recipe)
    if not pairs:
        return {}
    unread = unread_of(store, recipe)
    parents = assets.filter(assets["primary"]).select(["sha256", "stage", "width_px", "height_px"]).to_pylist()
    pixels = {a["sha256"]: a["width_px"] * a["height_px"] for a in parents if a["stage"] != "robot"}
    paired = pa.array(sorted({c for p in pairs for c in (p.clip_a, p.clip_b)}))
    wanted = pc.and_(pc.is_in(decisions["clip_id"], paired), equals(decisions["verdict"], "accept"))
    columns = ["span_id", "clip_id", "start_ns", "end_ns", "sha256"]
    rows = decisions.filter(wanted).select(columns).to_pylist()
    takes = [
        Take(r["span_id"], r["clip_id"], r["start_ns"], r["end_ns"], pixels[r["sha256"]])
        for r in rows
        if r["sha256"] in pixels and r["sha256"] not in unread
    ]
    return copies(takes, pairs)


def without_copies(decisions: pa.Table, gone: Mapping[str, Copy]) -> pa.Table:
    """Decisions as they hold once copies went: those spans have the verdict and reason of a copy."""
    if not gone:
        return decisions
    copied = [gone.get(span) for span in values_of(decisions["span_id"], str)]
    rows = zip(copied, decisions["verdict"].to_pylist(), decisions["reasons"].to_pylist(), strict=True)
    now = [(VERDICT_OF[c.reason], [c.reason]) if c else (verdict, reasons) for c, verdict, reasons in rows]
    for name, values in (("verdict", [v for v, _ in now]), ("reasons", [r for _, r in now])):
        at = decisions.schema.get_field_index(name)
        decisions = decisions.set_column(
            at, decisions.schema.field(at), pa.array(values, decisions.schema.field(at).type)
        )
    return decisions


def unread_of(store: Store, recipe: str) -> dict[str, str]:
    """Recordings that decoded once and could not be cut when they were published, with the reason."""
    rows = store.read("rejects", ["subject", "reason"], f"stage = 'publish' and recipe = '{recipe}'").to_pylist()
    return {r["subject"]: r["reason"] for r in rows}
