"""Numbers of the report: the ledger by place, reason, stage, recording; the robot's by task and outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from infra.storage.tables import Store
from pipelines.corpus.inventory import ASSET, inventory
from pipelines.corpus.ledger import PLACE_OF, PLACES, Account, ledger, s
from schemas.columns import exceeds

Row = dict[str, Any]
OUTCOMES = ("success", "failure", "unknown")
# Reasons that the ledger itself gives; every other one comes from a decision or a refusal.
LEDGER_REASONS = {
    "new_recipe": "pending",
    "undecided": "pending",
    "exact_duplicate": "rejected",
    "no_episode": "rejected",
    "damaged": "rejected",
    "redacted": "rejected",
    "cut_short": "failed",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """Seconds in named parts. scale_s is what the bar's full width stands for."""

    name: str
    parts: tuple[tuple[str, float], ...]
    scale_s: float
    note: str = ""

    @property
    def total_s(self) -> float:
        """All parts together."""
        return sum(value for _, value in self.parts)

    def percent(self, value_s: float) -> float:
        """Share of the full width, 0..100."""
        return 100 * value_s / self.scale_s if self.scale_s else 0.0


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


def books(store: Store, recipe: str, policy: str, decisions: pa.Table) -> Books:
    """decisions: the policy's current ones, with `reason` (the first, or "")."""
    account, rows = ledger(store, recipe, policy)
    assets = inventory(store, recipe)
    stage_of = dict(zip(assets.values(ASSET.uri), assets.values(ASSET.stage), strict=True))
    by_stage: dict[str, list[Row]] = {}
    for row in rows:
        if row["input_s"]:
            by_stage.setdefault(stage_of[row["uri"]], []).append(row)
    sums = {stage: _places(_sum(group)) for stage, group in sorted(by_stage.items())}
    longest = max((sum(v for _, v in parts) for parts in sums.values()), default=0.0)
    lengths = [r for group in by_stage.values() for r in group]
    widest = max((r["input_s"] for r in lengths), default=0.0)
    return Books(
        account,
        Bar("all input", _places({p: s(account.places[p]) for p in PLACES}), s(account.input_ns)),
        _reasons(account, decisions, rows),
        [Bar(name, parts, longest, _count(len(by_stage[name]), "recording")) for name, parts in sums.items()],
        [
            Bar(r["uri"], _places({p: r[f"{p}_s"] for p in PLACES}), widest, stage_of[r["uri"]])
            for r in sorted(lengths, key=lambda r: (-r["input_s"], r["uri"]))
        ],
    )


def _sum(rows: Sequence[Row]) -> dict[str, float]:
    return {p: sum(r[f"{p}_s"] for r in rows) for p in PLACES}


def _places(sums: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple((p, sums[p]) for p in PLACES)


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def _reasons(account: Account, decisions: pa.Table, rows: Sequence[Row]) -> list[Reason]:
    """Every reason of the ledger with its seconds, most first."""
    spans: dict[str, int] = {}
    places: dict[str, set[str]] = {code: {place} for code, place in LEDGER_REASONS.items()}
    counted = decisions.group_by(["reason", "verdict"]).aggregate([("span_id", "count")])
    for row in counted.to_pylist():
        spans[row["reason"]] = spans.get(row["reason"], 0) + row["span_id_count"]
        places.setdefault(row["reason"], set()).add(PLACE_OF[row["verdict"]])
    inputs = Counter(code for row in rows for code in row["by_reason"])
    out = [
        Reason(
            code,
            tuple(p for p in PLACES if p in places.get(code, ())),
            s(ns),
            spans.get(code, 0),
            inputs[code],
        )
        for code, ns in account.by_reason.items()
    ]
    return sorted(out, key=lambda r: (-r.seconds, r.code))


def attempts(episodes: pa.Table, by: str, most: int) -> list[Bar]:
    """Seconds of episodes by outcome, a bar a value of a column, longest first; what is left is one bar.

    episodes: one row an episode, with `seconds`.
    """
    sums = episodes.group_by([by, "outcome"]).aggregate([("seconds", "sum"), ("episode_id", "count")])
    found: dict[str, dict[str, tuple[float, int]]] = {}
    for row in sums.to_pylist():
        name = "not stated" if row[by] is None else str(row[by])
        found.setdefault(name, {})[row["outcome"]] = (row["seconds_sum"] or 0.0, row["episode_id_count"])
    ordered = sorted(found.items(), key=lambda kv: (-sum(v for v, _ in kv[1].values()), kv[0]))
    if len(ordered) > most:
        ordered = [
            *ordered[: most - 1],
            (f"{len(ordered) - most + 1} others", _together(ordered[most - 1 :])),
        ]
    scale = max((sum(v for v, _ in outcomes.values()) for _, outcomes in ordered), default=0.0)
    return [
        Bar(
            name,
            tuple((o, outcomes.get(o, (0.0, 0))[0]) for o in OUTCOMES),
            scale,
            _count(sum(n for _, n in outcomes.values()), "attempt")
            if by == "outcome"
            else ", ".join(f"{outcomes[o][1]:,} {o}" for o in OUTCOMES if o in outcomes),
        )
        for name, outcomes in ordered
    ]


def _together(groups: Sequence[tuple[str, dict[str, tuple[float, int]]]]) -> dict[str, tuple[float, int]]:
    out: dict[str, tuple[float, int]] = {}
    for _, outcomes in groups:
        for outcome, (value, n) in outcomes.items():
            before = out.get(outcome, (0.0, 0))
            out[outcome] = before[0] + value, before[1] + n
    return out


def episodes_of(store: Store) -> pa.Table:
    """One row an episode, its latest (modified_ns, revision), with `seconds`."""
    columns = [
        "episode_id", "name", "uri", "revision", "modified_ns", "embodiment", "instruction", "outcome",
        "outcome_source", "failure_mode", "failure_frame", "policy_id", "trained_on", "collect_mode",
        "fps_hz", "frame_count", "cameras",
    ]  # fmt: skip
    table = store.read("episodes", columns)
    order = pc.sort_indices(
        table.select(["episode_id", "modified_ns", "revision"]),
        sort_keys=[("episode_id", "ascending"), ("modified_ns", "descending"), ("revision", "descending")],
    )
    seen = table["episode_id"].take(order).to_pylist()
    firsts = [i for i, episode in enumerate(seen) if i == 0 or episode != seen[i - 1]]
    table = table.take(order.take(pa.array(firsts, pa.int64())))
    fps = pc.if_else(exceeds(table["fps_hz"], 0), table["fps_hz"], pa.scalar(None, pa.float64()))
    return table.append_column("seconds", pc.divide(pc.cast(table["frame_count"], pa.float64()), fps))


@dataclass(frozen=True, slots=True)
class Published:
    """What a release says of itself, ready to be shown; absent counts are empty."""

    name: str
    id: str
    parent: str | None
    created: str | None
    views: list[tuple[str, int, float, str]]  # name, clips, hours, splits
    counts: list[tuple[str, str]]


def published(release: Row, most: int) -> Published:
    """release: parsed release.json; most: tasks at most."""
    counts = release.get("counts") or {}
    splits = release.get("splits") or {}
    views = [
        (name, int(view.get("clips") or 0), float(view.get("hours") or 0.0), _listed(splits.get(name)))
        for name, view in sorted((release.get("views") or {}).items())
    ]
    lines = [(f"{stage} time", _hours(h)) for stage, h in (counts.get("hours_by_stage") or {}).items()]
    lines += [(f"attempts: {outcome}", f"{n:,}") for outcome, n in (counts.get("outcomes") or {}).items()]
    lines += [(f"robot {robot}", _listed(n)) for robot, n in (counts.get("embodiments") or {}).items()]
    lines += [(str(task), _listed(n)) for task, n in list((counts.get("tasks") or {}).items())[:most]]
    parent, created = release.get("parent"), release.get("created")
    published_at = str(created)[:16].replace("T", " ") if created else None
    name, digest = str(release["name"]), str(release["id"])
    return Published(name, digest, str(parent) if parent else None, published_at, views, lines)


def _listed(value: Any) -> str:
    """A count, or counts by name, in words."""
    if not isinstance(value, dict):
        return "" if value is None else f"{value:,}"
    return ", ".join(
        _hours(n) if name == "hours" else _count(n, name.removesuffix("s")) if name.endswith("s") else f"{n:,} {name}"
        for name, n in value.items()
    )


def _hours(value: float) -> str:
    return f"{value:,.2f} h" if value >= 1 else f"{60 * value:.1f} min"
