"""The ledger: every second of input is in exactly one place under the current recipe and policy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from infra.storage.tables import Store
from pipelines.corpus.decisions import verdicts
from pipelines.corpus.duplicates import unread_of
from pipelines.corpus.inventory import current_clips, inventory
from schemas.columns import Column, table_from, values_of
from schemas.keys import key_of
from schemas.spans import NS

PLACES = ("kept", "rejected", "quarantined", "unknown", "failed", "pending")
PLACE_OF = {"accept": "kept", "reject": "rejected", "quarantine": "quarantined", "unknown": "unknown"}


@dataclass(slots=True)
class Account:
    """Where some input's nanoseconds went."""

    input_ns: int = 0
    places: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PLACES, 0))
    by_reason: dict[str, int] = field(default_factory=dict)

    def book(self, place: str, ns: int, reason: str | None = None) -> None:
        """Books time to a place, with why it is not kept."""
        self.places[place] += ns
        if reason is not None:
            self.by_reason[reason] = self.by_reason.get(reason, 0) + ns

    def plain(self) -> dict[str, Any]:
        """Seconds, as `ledger --json` prints them."""
        reasons = {r: s(ns) for r, ns in sorted(self.by_reason.items(), key=lambda kv: (-kv[1], kv[0]))}
        return {"input_s": s(self.input_ns)} | {f"{p}_s": s(self.places[p]) for p in PLACES} | {"by_reason": reasons}

    def unbalanced_ns(self) -> int:
        """Input less everything booked: 0 when the books balance."""
        return self.input_ns - sum(self.places.values())


def s(ns: int) -> float:
    """Seconds for people."""
    return round(ns / NS, 6)


def ledger(store: Store, recipe: str, policy: str) -> tuple[Account, list[dict[str, Any]]]:
    """The whole account, and one a place of input, refused ones included."""
    assets = inventory(store, recipe)
    clips = current_clips(store, assets, recipe)
    covered = _sum_by(clips, "sha256", pc.subtract(clips["end_ns"], clips["start_ns"]))
    decided = _decisions(store, assets, clips, recipe, policy)
    total, rows = Account(), []
    for asset in assets.to_pylist():
        account = _account(asset, covered.get(asset["sha256"], 0), decided.get(asset["sha256"], []))
        rows.append({"uri": asset["uri"], "sha256": asset["sha256"]} | account.plain())
        _merge(total, account)
    for uri, reason in sorted({(str(r["uri"]), str(r["reason"])) for r in refused(store, recipe, assets)}):
        rows.append({"uri": uri, "sha256": None} | Account(by_reason={reason: 0}).plain())
        total.by_reason.setdefault(reason, 0)
    return total, sorted(rows, key=lambda r: str(r["uri"]))


def refused(store: Store, recipe: str, assets: pa.Table) -> list[dict[str, Any]]:
    """Rejects of recordings and logs that became nothing under this recipe, by reason and place.

    A URL that could not be asked for its revision, which is the reason then, and was taken later is no longer refused.
    """
    current, places = set(assets["asset_id"].to_pylist()), set(assets["uri"].to_pylist())
    where = f"stage in ('ingest', 'fold') and recipe = '{recipe}'"
    rejects = store.read("rejects", ["subject", "uri", "stage", "reason", "detail"], where).to_pylist()
    left = [
        r
        for r in rejects
        if r["subject"] not in current
        and not (r["uri"] in places and r["subject"] == key_of(r["uri"], r["reason"], recipe))
    ]
    return sorted(left, key=lambda r: tuple(str(r[c]) for c in ("reason", "stage", "uri", "subject")))


def _account(asset: dict[str, Any], covered_ns: int, decided: list[tuple[str, str | None, int]]) -> Account:
    account = Account(asset["duration_ns"])
    if not asset["current"]:
        account.book("pending", asset["duration_ns"], "new_recipe")
        return account
    if not asset["primary"]:
        account.book("rejected", asset["duration_ns"], "exact_duplicate")
        return account
    if asset["duration_ns"] > asset["decoded_ns"]:
        account.book("failed", asset["duration_ns"] - asset["decoded_ns"], "cut_short")
    for place, reason, ns in decided:
        account.book(place, ns, reason)
    waiting = covered_ns - sum(ns for _, _, ns in decided)
    if waiting:
        account.book("pending", waiting, "undecided")
    for gap in asset["gaps"]:
        account.book("rejected", gap["end_ns"] - gap["start_ns"], gap["reason"])
        covered_ns += gap["end_ns"] - gap["start_ns"]
    if covered_ns < asset["decoded_ns"]:
        account.book("rejected", asset["decoded_ns"] - covered_ns, "no_episode")
    return account


def _merge(total: Account, part: Account) -> None:
    total.input_ns += part.input_ns
    for place, ns in part.places.items():
        total.book(place, ns)
    for reason, ns in part.by_reason.items():
        total.by_reason[reason] = total.by_reason.get(reason, 0) + ns


def _sum_by(table: pa.Table, key: str, values: Column) -> dict[str, int]:
    sums = table_from({"key": table[key], "ns": values}).group_by("key").aggregate([("ns", "sum")])
    return dict(zip(values_of(sums["key"], str), values_of(sums["ns_sum"], int), strict=True))


def _decisions(
    store: Store, assets: pa.Table, clips: pa.Table, recipe: str, policy: str
) -> dict[str, list[tuple[str, str | None, int]]]:
    """Place, first reason and length of every current span, by recording."""
    columns = ["sha256", "start_ns", "end_ns", "verdict", "reasons"]
    table = verdicts(store, recipe, assets, clips, policy).select(columns)
    unread = unread_of(store, recipe)
    out: dict[str, list[tuple[str, str | None, int]]] = {}
    for row in table.to_pylist():
        reason = row["reasons"][0] if row["reasons"] else None
        place = PLACE_OF[row["verdict"]]
        if place in ("kept", "unknown") and row["sha256"] in unread:
            place, reason = "failed", unread[row["sha256"]]
        out.setdefault(row["sha256"], []).append((place, reason, row["end_ns"] - row["start_ns"]))
    return out


def as_json(account: Account, rows: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """What `handwheel ledger --json` prints."""
    return account.plain() if rows is None else {"assets": rows}


def as_text(account: Account, rows: list[dict[str, Any]] | None = None) -> str:
    """The ledger for people."""
    lines = [f"{'input':>12} {account.input_ns / NS:12.2f} s"]
    lines += [f"{p:>12} {account.places[p] / NS:12.2f} s" for p in PLACES]
    if account.unbalanced_ns():
        lines.append(f"{'MISSING':>12} {account.unbalanced_ns() / NS:12.2f} s")
    lines += [f"{'':>12} {sec:12.2f} s  {reason}" for reason, sec in account.plain()["by_reason"].items()]
    for row in rows or []:
        why = ", ".join(f"{r} {sec:.1f} s" if sec else r for r, sec in row["by_reason"].items())
        lines.append(f"{row['kept_s']:9.1f} of {row['input_s']:9.1f} s kept  {row['uri']}  {why}")
    return "\n".join(lines)
