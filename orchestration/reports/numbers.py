"""Numbers of the report: the ledger by place, reason, stage and recording; what was refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestration.reports.bars import Bar, count_of
from pipelines.corpus.corpus import Corpus
from pipelines.corpus.decisions import DECISION
from pipelines.corpus.inventory import ASSET
from pipelines.corpus.ledger import PLACE_OF, PLACES, Account, InputAccount, ledger, s
from schemas import Decision
from schemas.tables import TypedTable

# Reasons that the ledger itself gives; every other one comes from a decision or a refusal.
LEDGER_REASONS = {
    "new_recipe": "pending",
    "undecided": "pending",
    "exact_duplicate": "rejected",
    "no_episode": "rejected",
    "damaged": "rejected",
    "no_pictures": "rejected",
    "redacted": "rejected",
    "cut_short": "failed",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: where its seconds lie and what it stopped."""

    code: str
    places: tuple[str, ...]
    seconds: float
    spans: int
    inputs: int


@dataclass(frozen=True, slots=True)
class Books:
    """The ledger, ready to be drawn."""

    account: Account
    whole: Bar
    reasons: list[Reason]
    stages: list[Bar]
    recordings: list[Bar]  # longest first; note: stage

    @property
    def balanced(self) -> bool:
        """Whether every second has one place."""
        return self.account.unbalanced_ns() == 0


@dataclass(frozen=True, slots=True)
class LaterRefusals:
    """What a hop after ingest and fold refused for one reason."""

    hop: str
    reason: str
    count: int
    detail: str  # of one of them


def books_of(corpus: Corpus, decisions: TypedTable[Decision]) -> Books:
    """The corpus' books. decisions: those that hold now."""
    account, inputs = ledger(corpus.store, corpus.recipe, corpus.policy)
    assets = corpus.assets()
    stages = dict(zip(assets.values(ASSET.uri), assets.values(ASSET.stage), strict=True))
    by_stage: dict[str, list[InputAccount]] = {}
    for row in inputs:
        if row.account.input_ns:
            by_stage.setdefault(stages[row.uri], []).append(row)
    sums = {stage: _parts(_sum_s(rows)) for stage, rows in sorted(by_stage.items())}
    recordings = [row for rows in by_stage.values() for row in rows]
    scale_s = max((sum(value for _, value in parts) for parts in sums.values()), default=0.0)
    longest_s = max((s(row.account.input_ns) for row in recordings), default=0.0)
    return Books(
        account,
        Bar("all input", _parts(_places_s(account)), s(account.input_ns)),
        _reasons(account, decisions, inputs),
        [Bar(stage, parts, scale_s, count_of(len(by_stage[stage]), "recording")) for stage, parts in sums.items()],
        [
            Bar(row.uri, _parts(_places_s(row.account)), longest_s, stages[row.uri])
            for row in sorted(recordings, key=lambda row: (-row.account.input_ns, row.uri))
        ],
    )


def _places_s(account: Account) -> dict[str, float]:
    return {place: s(account.places[place]) for place in PLACES}


def _sum_s(rows: Sequence[InputAccount]) -> dict[str, float]:
    return {place: sum(s(row.account.places[place]) for row in rows) for place in PLACES}


def _parts(seconds: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple((place, seconds[place]) for place in PLACES)


def _reasons(account: Account, decisions: TypedTable[Decision], inputs: Sequence[InputAccount]) -> list[Reason]:
    """Every reason of the ledger with its seconds, most first."""
    spans: Counter[str] = Counter()
    places: dict[str, set[str]] = {code: {place} for code, place in LEDGER_REASONS.items()}
    for verdict, reasons in zip(decisions.values(DECISION.verdict), decisions.values(DECISION.reasons), strict=True):
        code = reasons[0] if reasons else ""
        spans[code] += 1
        places.setdefault(code, set()).add(PLACE_OF[verdict])
    stopped = Counter(code for row in inputs for code in row.account.by_reason)
    reasons_of = [
        Reason(code, tuple(p for p in PLACES if p in places.get(code, ())), s(ns), spans[code], stopped[code])
        for code, ns in account.by_reason.items()
    ]
    return sorted(reasons_of, key=lambda r: (-r.seconds, r.code))


def later_refusals(corpus: Corpus) -> list[LaterRefusals]:
    """What later hops refused, by hop and reason: how many, and one detail."""
    rows = corpus.store.read("rejects", ["stage", "reason", "detail"], "stage not in ('ingest', 'fold')")
    details: dict[tuple[str, str], list[str]] = {}
    for hop, reason, detail in zip(*(rows[c].to_pylist() for c in ("stage", "reason", "detail")), strict=True):
        details.setdefault((hop, reason), []).append(detail)
    refusals = [LaterRefusals(hop, reason, len(texts), min(texts)) for (hop, reason), texts in details.items()]
    return sorted(refusals, key=lambda r: (r.hop, -r.count, r.reason))
