"""The report, one HTML page: what a corpus holds, what was refused and why, what was published."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
import pyarrow.compute as pc
from markupsafe import Markup

from infra.storage.tables import Store
from orchestration.reports import contact_sheets as contact
from orchestration.reports import numbers
from orchestration.reports.numbers import OUTCOMES
from orchestration.reports.pictures import Look
from pipelines.corpus.corpus import Corpus
from pipelines.corpus.ledger import PLACE_OF, PLACES, refused
from pipelines.corpus.releases import load, newest, pin_uri
from schemas.columns import differs, equals
from schemas.spans import NS, Span

Row = dict[str, Any]
FIRST = ("failure", "unknown", "success")  # what teaches most stands first
TEMPLATES = resources.files("orchestration.reports") / "templates"


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What the page shows at most, and what it is told beside the tables."""

    kept: int = 24  # tiles
    refused: int = 36  # tiles
    attempts: int = 18  # tiles
    recordings: int = 60  # lines
    files: int = 80  # lines of refused files
    tasks: int = 12  # bars
    pictures_bytes: int = 5_000_000  # of data URLs; tiles beyond it carry words only
    look: Look = field(default_factory=Look)
    pin: str | None = None  # where the release's pin lies
    detector: str | None = None  # whose hands are drawn; None: whichever there is


def report(
    store: Store,
    recipe: str,
    policy: str,
    release: Row | None,
    out: Path,
    options: ReportOptions | None = None,
) -> Path:
    """Writes the page about a corpus under a recipe and a policy (their digests) and returns its path.

    release: parsed release.json, or None before the first. The same tables give the same page, which has no
    clock of its own. Only the proxies of the spans shown are read.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page(store, recipe, policy, release, options or ReportOptions()), encoding="utf-8")
    return out


def report_of(
    store: Store, recipe: str, policy: str, name: str | None, out: Path, options: ReportOptions | None = None
) -> Path:
    """The page about a release by name; None: the newest, or the corpus alone before the first.

    UsageError: no release of that name.
    """
    return report(store, recipe, policy, load(store, name) if name else newest(store), out, options)


def page(store: Store, recipe: str, policy: str, release: Row | None, options: ReportOptions) -> str:
    """The page's HTML."""
    now = Corpus(store, recipe, policy)
    assets, clips, decisions = now.assets(), now.clips().table, contact.current_decisions(now)
    corpus = contact.Corpus(store, assets, clips, decisions, options.detector, options.look)
    left_out = refused(now)
    books = numbers.books(store, recipe, policy, decisions)
    budget = contact.Budget(options.pictures_bytes)
    shown = _attempts(corpus, options, budget) | _spans(corpus, assets, books, options, budget)
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            release=numbers.published(release, options.tasks) if release else None,
            pin=options.pin or (pin_uri(store, str(release["name"])) if release else None),
            options=options,
            recipe=recipe,
            policy=policy,
            books=books,
            refused=left_out[: options.files],
            refused_total=len(left_out),
            later=refused_later(store),
            budget=budget,
            **shown,
        )
    )


def _attempts(corpus: contact.Corpus, options: ReportOptions, budget: contact.Budget) -> Row:
    """What the page shows of the robot."""
    episodes = numbers.episodes_of(corpus.store)
    tries = contact.attempts(corpus, contact.choose_attempts(episodes, options.attempts), budget)
    return {
        "episodes_total": episodes.num_rows,
        "tasks": numbers.attempts(episodes, "instruction", options.tasks),
        "outcomes": numbers.attempts(episodes, "outcome", len(OUTCOMES)),
        "embodiments": numbers.attempts(episodes, "embodiment", options.tasks),
        "failures": _failures(episodes),
        "attempts": sorted(tries, key=lambda a: (FIRST.index(a.row["outcome"]), str(a.row["name"]))),
    }


def _spans(
    corpus: contact.Corpus, assets: Any, books: numbers.Books, options: ReportOptions, budget: contact.Budget
) -> Row:
    """What the page shows of spans. The robot's own stand with their attempt, unless a policy refused them."""
    primary = assets.filter(assets["primary"])
    uris = dict(zip(primary["sha256"].to_pylist(), primary["uri"].to_pylist(), strict=True))
    decisions = corpus.decisions
    accepted = equals(decisions["verdict"], "accept")
    shown = pc.or_(differs(decisions["stage"], "robot"), equals(decisions["verdict"], "reject"))
    kept, others = decisions.filter(accepted), decisions.filter(pc.and_(pc.invert(accepted), shown))
    kept_sheet = _sheet(corpus, kept, uris, options.kept, budget)
    groups = _by_reason(_sheet(corpus, others, uris, options.refused, budget))
    return {
        "kept": kept_sheet,
        "kept_total": kept.num_rows,
        "others": sorted(groups, key=lambda group: -books.account.by_reason.get(group[0], 0)),
        "others_total": others.num_rows,
    }


def refused_later(store: Store) -> list[Row]:
    """What later hops refused, by hop and reason: how many, and one detail."""
    rows = store.read("rejects", ["stage", "reason", "detail"], "stage not in ('ingest', 'fold')")
    counted = rows.group_by(["stage", "reason"]).aggregate([("detail", "count"), ("detail", "min")]).to_pylist()
    return sorted(counted, key=lambda r: (r["stage"], -r["detail_count"], r["reason"]))


def _sheet(
    corpus: contact.Corpus, decisions: Any, uris: dict[str, str], most: int, budget: contact.Budget
) -> list[tuple[contact.Tile, Any]]:
    """At most `most` tiles with their pictures, by stage, place and time."""
    tiles = contact.tiles(corpus, contact.choose(decisions, most), uris)
    images = contact.pictures(corpus, [(t.clip_id, t.span) for t in tiles], budget)
    ordered = sorted(tiles, key=lambda t: (t.stage, t.uri, t.span))
    return [(t, images.get((t.clip_id, t.span))) for t in ordered]


def _by_reason(sheet: Sequence[tuple[contact.Tile, Any]]) -> list[tuple[str, list[tuple[contact.Tile, Any]]]]:
    """Tiles grouped by their first reason."""

    def key(item: tuple[contact.Tile, Any]) -> tuple[str, str]:
        tile = item[0]
        return tile.reasons[0] if tile.reasons else tile.verdict, tile.uri

    return [(reason, list(group)) for reason, group in groupby(sorted(sheet, key=key), key=lambda i: key(i)[0])]


def _failures(episodes: Any) -> list[tuple[str, int]]:
    """How often each failure mode was named, most first."""
    failed = episodes.filter(equals(episodes["outcome"], "failure"))
    counts = failed.group_by("failure_mode").aggregate([("episode_id", "count")]).to_pylist()
    named = [(r["failure_mode"] or "not named", r["episode_id_count"]) for r in counts]
    return sorted(named, key=lambda n: (-n[1], n[0]))


def environment() -> jinja2.Environment:
    """Autoescape always on: every name and text of a corpus is hostile."""
    env = jinja2.Environment(
        loader=jinja2.PackageLoader("orchestration.reports"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    env.globals |= {
        "style": Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
        "script": Markup(script),
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "places": PLACES,
        "place_of": PLACE_OF,
    }
    env.filters |= {
        "duration": duration,
        "short": short,
        "place": place,
        "share": share,
        "length_s": contact.length_s,
        "leveled": contact.leveled,
        "times": times,
    }
    return env


def duration(value_s: float | None) -> str:
    """Seconds for people: 0.8 s, 4 min 12 s, 3.42 h."""
    if value_s is None:
        return "unknown"
    if value_s < 60:
        return f"{value_s:.1f} s"
    if value_s < 3600:
        return f"{int(value_s // 60)} min {int(value_s % 60):02d} s"
    return f"{value_s / 3600:,.2f} h"


def share(part: float, whole: float) -> str:
    """A share for people: what is there is never 0 %."""
    if not whole or not part:
        return "0 %"
    return "< 0.1 %" if part / whole < 0.001 else f"{100 * part / whole:.1f} %"


def short(text: object, most: int = 300) -> str:
    """The text, cut where it is longer than the page can bear."""
    words = str(text)
    return words if len(words) <= most else words[: most - 1] + "…"


def place(uri: object) -> str:
    """The last folder and the name: enough to tell files apart; the whole URI is in the title."""
    parts = [p for p in str(uri).split("/") if p]
    return short("/".join(parts[-2:]) or uri, 120)


def times(span: Span) -> str:
    """A span for people; a short one with more digits."""
    digits = 1 if contact.length_s(span) >= 1 else 2
    return f"{span[0] / NS:.{digits}f} to {span[1] / NS:.{digits}f} s"
