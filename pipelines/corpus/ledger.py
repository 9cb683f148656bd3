"""The ledger: every second of input is in exactly one place under the current recipe and policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import pyarrow as pa
import pyarrow.compute as pc

from infra.storage.tables import Store
from pipelines.corpus.corpus import Corpus
from pipelines.corpus.decisions import DECISION
from pipelines.corpus.duplicates import unread_of
from pipelines.corpus.episodes import EPISODE, STANDING, Rank, latest_rows, rank_of, standing_rows
from pipelines.corpus.inventory import ASSET, CLIP, CurrentAsset
from schemas import Episode
from schemas.columns import Column, table_from, values_of
from schemas.keys import asset_key, attempt_key, log_key
from schemas.spans import NS
from schemas.tables import TypedTable

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

    def reasons_s(self) -> dict[str, float]:
        """Seconds by reason, most first."""
        return {r: s(ns) for r, ns in sorted(self.by_reason.items(), key=lambda kv: (-kv[1], kv[0]))}

    def plain(self) -> dict[str, object]:
        """Seconds, as `ledger --json` prints them."""
        places = {f"{p}_s": s(self.places[p]) for p in PLACES}
        return {"input_s": s(self.input_ns), **places, "by_reason": self.reasons_s()}

    def unbalanced_ns(self) -> int:
        """Input less everything booked: 0 when the books balance."""
        return self.input_ns - sum(self.places.values())


@dataclass(frozen=True, slots=True)
class InputAccount:
    """The account of one place of input; sha256 is null where nothing could be read."""

    uri: str
    sha256: str | None
    account: Account

    def plain(self) -> dict[str, object]:
        """Seconds, as `ledger --by asset --json` prints them."""
        return {"uri": self.uri, "sha256": self.sha256, **self.account.plain()}


def s(ns: int) -> float:
    """Seconds for people."""
    return round(ns / NS, 6)


def ledger(store: Store, recipe: str, policy: str) -> tuple[Account, list[InputAccount]]:
    """The whole account, and one a place of input, refused ones included."""
    corpus = Corpus(store, recipe, policy)
    clips, booked = corpus.clips(), _bookings(corpus)
    covered = _sum_by(clips[CLIP.sha256], pc.subtract(clips[CLIP.end_ns], clips[CLIP.start_ns]))
    total = Account()
    inputs: list[InputAccount] = []
    for asset in corpus.assets().rows():
        account = _account(asset, covered.get(asset.sha256, 0), booked.get(asset.sha256, []))
        inputs.append(InputAccount(asset.uri, asset.sha256, account))
        _merge(total, account)
    for uri, reason in sorted({(str(r.uri), r.reason) for r in refused(corpus)} | _not_attempts(store)):
        inputs.append(InputAccount(uri, None, Account(by_reason={reason: 0})))
        total.by_reason.setdefault(reason, 0)
    return total, sorted(inputs, key=lambda i: i.uri)


def _not_attempts(store: Store) -> set[tuple[str, str]]:
    """Logs with attempts that do not count, and why: copies, and what a later reading does not give."""
    episodes = TypedTable(Episode, store.read("episodes", STANDING))
    others = sorted({*latest_rows(episodes)} - {*standing_rows(episodes)})
    rows = episodes.take(pa.array(others, pa.int64()))
    whys = zip(rows.values(EPISODE.uri), rows.values(EPISODE.withdrawn), strict=True)
    return {(uri, "withdrawn" if gone else "copy_of") for uri, gone in whys}


@dataclass(frozen=True, slots=True)
class Refused:
    """A recording or log that became nothing."""

    subject: str
    uri: str | None
    stage: str  # the hop that refused it
    reason: str
    detail: str


def refused(corpus: Corpus) -> list[Refused]:
    """Rejects of recordings and logs that became nothing under this recipe, by reason and place.

    A URL that could not be asked for its revision, which is the reason then, and was taken later is no longer refused;
    nor is what an earlier revision of a log, or of a robot's recording, lacked once a later one was read.
    """
    assets = corpus.assets()
    current, places = set(assets.values(ASSET.asset_id)), set(assets.values(ASSET.uri))
    where = f"stage in ('ingest', 'fold') and recipe = '{corpus.recipe}'"
    rejects = corpus.store.read("rejects", [f.name for f in fields(Refused)], where)
    left = [
        r
        for r in TypedTable(Refused, rejects).rows()
        if r.subject not in current
        and not (r.uri in places and r.subject == asset_key(str(r.uri), r.reason, corpus.recipe))
    ]
    newest = _newest_subjects(corpus.store, [r for r in left if r.stage == "fold"], corpus.recipe)
    left = [r for r in left if r.stage != "fold" or _is_of(r, newest[str(r.uri)])]
    return sorted(left, key=lambda r: (r.reason, r.stage, str(r.uri), r.subject))


def _newest_subjects(store: Store, rejects: Sequence[Refused], recipe: str) -> dict[str, str]:
    """By uri, the subject of a whole log, or recording, as it was read last. rejects: of fold, as they were written.

    A reading that gives no attempt withdraws those of before; where there are none it writes no rows but a reject of
    the whole log, the last of its rejects.
    """
    episodes = TypedTable(Episode, store.read("episodes", STANDING))
    withdrawn = episodes.values(EPISODE.withdrawn)
    uris, revisions = episodes.values(EPISODE.uri), episodes.values(EPISODE.revision)
    ranks: dict[str, Rank] = {}
    times = zip(episodes.values(EPISODE.reading), episodes.values(EPISODE.modified_ns), strict=True)
    for (reading, modified_ns), uri, revision in zip(times, uris, revisions, strict=True):
        rank = rank_of(reading, modified_ns, revision)
        ranks[uri] = max(ranks.get(uri, rank), rank)
    there = {(uris[i], revisions[i]) for i in latest_rows(episodes) if withdrawn[i] is None}
    newest: dict[str, str] = {}
    for uri, last in {str(r.uri): r for r in rejects}.items():
        newest[uri] = last.subject
        if uri in ranks:
            key = log_key(uri, ranks[uri][2], recipe)
            if (uri, ranks[uri][2]) in there or _is_of(last, key):
                newest[uri] = key
    return newest


def _is_of(reject: Refused, subject: str) -> bool:
    """Whether it refused the subject, or a part of it (which its detail begins with)."""
    return reject.subject in (subject, attempt_key(subject, reject.detail.partition(": ")[0]))


def _account(asset: CurrentAsset, covered_ns: int, bookings: list[Booking]) -> Account:
    account = Account(asset.duration_ns)
    if not asset.current:
        account.book("pending", asset.duration_ns, "new_recipe")
        return account
    if not asset.primary:
        account.book("rejected", asset.duration_ns, "exact_duplicate")
        return account
    if asset.duration_ns > asset.decoded_ns:
        account.book("failed", asset.duration_ns - asset.decoded_ns, "cut_short")
    for booking in bookings:
        account.book(booking.place, booking.length_ns, booking.reason)
    waiting = covered_ns - sum(booking.length_ns for booking in bookings)
    if waiting:
        account.book("pending", waiting, "undecided")
    for gap in asset.gaps:
        account.book("rejected", gap["end_ns"] - gap["start_ns"], gap["reason"])
        covered_ns += gap["end_ns"] - gap["start_ns"]
    if covered_ns < asset.decoded_ns:
        account.book("rejected", asset.decoded_ns - covered_ns, "no_episode")
    return account


def _merge(total: Account, part: Account) -> None:
    total.input_ns += part.input_ns
    for place, ns in part.places.items():
        total.book(place, ns)
    for reason, ns in part.by_reason.items():
        total.by_reason[reason] = total.by_reason.get(reason, 0) + ns


def _sum_by(keys: Column, values: Column) -> dict[str, int]:
    sums = table_from({"key": keys, "ns": values}).group_by("key").aggregate([("ns", "sum")])
    return dict(zip(values_of(sums["key"], str), values_of(sums["ns_sum"], int), strict=True))


@dataclass(frozen=True, slots=True)
class Booking:
    """Where a span's time goes, and why."""

    place: str
    reason: str | None
    length_ns: int


def _bookings(corpus: Corpus) -> dict[str, list[Booking]]:
    """Place, first reason and length of every current span, by recording."""
    decisions, unread = corpus.decisions(without_duplicates=True), unread_of(corpus.store, corpus.recipe)
    columns = (DECISION.sha256, DECISION.start_ns, DECISION.end_ns, DECISION.verdict, DECISION.reasons)
    out: dict[str, list[Booking]] = {}
    for sha256, start_ns, end_ns, verdict, reasons in zip(*(decisions.values(c) for c in columns), strict=True):
        place, reason = PLACE_OF[verdict], reasons[0] if reasons else None
        if place in ("kept", "unknown") and sha256 in unread:
            place, reason = "failed", unread[sha256]
        out.setdefault(sha256, []).append(Booking(place, reason, end_ns - start_ns))
    return out


def as_json(account: Account, inputs: Sequence[InputAccount] | None = None) -> dict[str, object]:
    """What `handwheel ledger --json` prints."""
    return account.plain() if inputs is None else {"assets": [i.plain() for i in inputs]}


def as_text(account: Account, inputs: Sequence[InputAccount] = ()) -> str:
    """The ledger for people."""
    lines = [f"{'input':>12} {account.input_ns / NS:12.2f} s"]
    lines += [f"{p:>12} {account.places[p] / NS:12.2f} s" for p in PLACES]
    if account.unbalanced_ns():
        lines.append(f"{'MISSING':>12} {account.unbalanced_ns() / NS:12.2f} s")
    lines += [f"{'':>12} {sec:12.2f} s  {reason}" for reason, sec in account.reasons_s().items()]
    for i in inputs:
        why = ", ".join(f"{r} {sec:.1f} s" if sec else r for r, sec in i.account.reasons_s().items())
        kept_s, input_s = s(i.account.places["kept"]), s(i.account.input_ns)
        lines.append(f"{kept_s:9.1f} of {input_s:9.1f} s kept  {i.uri}  {why}")
    return "\n".join(lines)
