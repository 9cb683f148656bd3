"""The report, one HTML page: what a corpus holds, what was refused and why, what was published."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import jinja2
import pyarrow.compute as pc
from markupsafe import Markup

from infra.storage.tables import Store
from orchestration.reports import page as pages
from orchestration.reports.attempt_numbers import ATTEMPT, OUTCOMES, attempt_bars, attempts_of, failure_modes
from orchestration.reports.attempt_sheets import attempt_tiles
from orchestration.reports.contact_sheets import PictureBudget, SheetSource, SpanTile, span_tiles
from orchestration.reports.numbers import Books, books_of, later_refusals
from orchestration.reports.pictures import PictureStyle
from orchestration.reports.release_numbers import published_of
from pipelines.corpus.corpus import Corpus
from pipelines.corpus.decisions import DECISION
from pipelines.corpus.ledger import PLACE_OF, PLACES, refused
from pipelines.corpus.release_document import ReleaseDocument
from pipelines.corpus.releases import load, newest, pin_uri
from schemas.columns import differs, equals


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
    style: PictureStyle = field(default_factory=PictureStyle)
    pin: str | None = None  # where the release's pin lies
    detector: str | None = None  # whose hands are drawn; None: whichever there is


def report(
    store: Store,
    recipe: str,
    policy: str,
    release: ReleaseDocument | None,
    out: Path,
    options: ReportOptions | None = None,
) -> Path:
    """Writes the page about a corpus under a recipe and a policy (their digests) and returns its path.

    release: None before the first. The same tables give the same page, which has no clock of its own. Only the
    proxies of the spans shown are read.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page(store, recipe, policy, release, options or ReportOptions()), encoding="utf-8")
    return out


def report_of(
    store: Store, recipe: str, policy: str, name: str | None, out: Path, options: ReportOptions | None = None
) -> Path:
    """The page about a release by name; None: the newest, or the corpus alone before the first.

    UsageError: there is not a release of that name.
    """
    return report(store, recipe, policy, load(store, name) if name else newest(store), out, options)


def page(store: Store, recipe: str, policy: str, release: ReleaseDocument | None, options: ReportOptions) -> str:
    """The page's HTML."""
    corpus = Corpus(store, recipe, policy)
    decisions = corpus.decisions(without_duplicates=True)
    source = SheetSource(corpus, decisions, options.detector, options.style)
    books, refusals = books_of(corpus, decisions), refused(corpus)
    budget = PictureBudget(options.pictures_bytes)
    sections = {**_robot_section(source, options, budget), **_span_sections(source, books, options, budget)}
    return _environment().get_template("report.html.j2").render(
        release=published_of(release, options.tasks) if release else None,
        pin=options.pin or (pin_uri(store, release.name) if release else None),
        options=options,
        recipe=recipe,
        policy=policy,
        books=books,
        refused=refusals[: options.files],
        refused_total=len(refusals),
        later=later_refusals(corpus),
        budget=budget,
        **sections,
    )  # fmt: skip


def _robot_section(source: SheetSource, options: ReportOptions, budget: PictureBudget) -> dict[str, object]:
    """What the page shows of the robot."""
    attempts = attempts_of(source.corpus.store)
    return {
        "episodes_total": len(attempts),
        "tasks": attempt_bars(attempts, ATTEMPT.instruction, options.tasks),
        "outcomes": attempt_bars(attempts, ATTEMPT.outcome, len(OUTCOMES)),
        "embodiments": attempt_bars(attempts, ATTEMPT.embodiment, options.tasks),
        "failures": failure_modes(attempts),
        "attempts": attempt_tiles(source, attempts, options.attempts, budget),
    }


def _span_sections(
    source: SheetSource, books: Books, options: ReportOptions, budget: PictureBudget
) -> dict[str, object]:
    """What the page shows of spans. The robot's own stand with their attempt, unless a policy refused them."""
    decisions = source.decisions
    accepted, refused_by_policy = (equals(decisions[DECISION.verdict], verdict) for verdict in ("accept", "reject"))
    listed = pc.or_(differs(decisions[DECISION.stage], "robot"), refused_by_policy)
    kept, others = decisions.filter(accepted), decisions.filter(pc.and_(pc.invert(accepted), listed))
    kept_tiles = span_tiles(source, kept, options.kept, budget)
    groups = _by_reason(span_tiles(source, others, options.refused, budget))
    return {
        "kept": kept_tiles,
        "kept_total": len(kept),
        "others": sorted(groups, key=lambda group: -books.account.by_reason.get(group[0], 0)),
        "others_total": len(others),
    }


def _by_reason(tiles: Sequence[SpanTile]) -> list[tuple[str, list[SpanTile]]]:
    """Tiles grouped by reason, each group by place."""
    ordered = sorted(tiles, key=lambda tile: (tile.reason, tile.uri))
    return [(reason, list(group)) for reason, group in groupby(ordered, key=lambda tile: tile.reason)]


def _environment() -> jinja2.Environment:
    """The report's own script, and the names of the ledger's places."""
    env = pages.environment()
    script = (pages.TEMPLATES / "report.js").read_text(encoding="utf-8")
    env.globals |= {
        "script": Markup(script),
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "places": PLACES,
        "place_of": PLACE_OF,
    }
    return env
