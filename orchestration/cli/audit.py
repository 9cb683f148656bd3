"""`handwheel audit`: how good hands, cuts, captions and outcomes are, against truth beside the recordings."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from io import StringIO
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestration import turn as turns
from orchestration.cli.options import ConfigFile, Json, Root, Sets, load, output, say
from orchestration.config import Config
from pipelines.audits.corpus_truth import Joined, join, truths_below
from pipelines.audits.intervals import Estimate
from pipelines.audits.result import Result, broken
from pipelines.audits.tally import Metric
from schemas.errors import UsageError, VerificationFailed

audits = typer.Typer(
    no_args_is_help=True, help="Measure how good the results are against truth, with intervals and pictures."
)

TruthFolder = Annotated[Path, typer.Option("--truth", help="folder with *.truth.json, as `handwheel sim` writes them")]
Page = Annotated[
    Path | None, typer.Option("--page", help="write an HTML page here, with bars and pictures of what went wrong")
]
Floors = Annotated[
    list[str] | None, typer.Option("--floor", help="metric=value: exit 4 if the metric is lower; may be repeated")
]
Ceilings = Annotated[
    list[str] | None, typer.Option("--ceiling", help="metric=value: exit 4 if the metric is higher; may be repeated")
]
COLUMN = 28  # characters of a metric in a table
NAMES = 46  # of an axis and its value
WIDEST = 160


def _hands(joined: Joined, config: Config) -> Result:
    """Measure the hand tracks: recall, precision, sides, key points, and seconds rightly kept."""
    from pipelines.audits.hands import audit

    return audit(joined, config.policy.detector)


def _cuts(joined: Joined, config: Config) -> Result:
    """Compare the clips' boundaries with the true cuts of the recordings."""
    from pipelines.audits.cuts import audit

    return audit(joined, config.ingest.cutting.cut.longest_s)


def _captions(joined: Joined, config: Config) -> Result:
    """Compare the verbs, objects, colours, hands and endings of captions with what was done."""
    from pipelines.audits.captions import audit

    del config
    return audit(joined)


def _outcomes(joined: Joined, config: Config) -> Result:
    """Compare the outcome that each robot log states, and how surely, with what happened."""
    from pipelines.audits.outcomes import audit

    del config
    return audit(joined)


AUDITS: dict[str, Callable[[Joined, Config], Result]] = {
    "hands": _hands, "cuts": _cuts, "captions": _captions, "outcomes": _outcomes,
}  # fmt: skip


def run(name: str, config: Config, truth: Path) -> Result:
    """One audit of the corpus under a config. UsageError: no truth, no corpus, or nothing that has both."""
    truths = truths_below(truth)
    store = turns.context_of(config).run.store
    return AUDITS[name](join(store, turns.recipe(config), config.policy.digest, truths), config)


def _command(name: str) -> None:
    def command(
        truth: TruthFolder, page: Page = None, floor: Floors = None, ceiling: Ceilings = None,
        config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False,
    ) -> None:  # fmt: skip
        settings, floors, ceilings = load(config, sets, root), bounds("floor", floor), bounds("ceiling", ceiling)
        with output(as_json) as tell:
            result = run(name, settings, truth)
            refused = broken(result, floors, ceilings)
            if page is not None:
                from orchestration.reports.audit_page import write

                say(f"{write(turns.context_of(settings).run.store, result, page)} is written; open it in a browser")
            tell(result.plain() if as_json else as_text(result))
        if refused:
            raise VerificationFailed(f"audit {name}: {'; '.join(refused)}. `--page FILE` shows what went wrong")

    audits.command(name, help=AUDITS[name].__doc__)(command)


for _name in AUDITS:
    _command(_name)


def bounds(option: str, given: Iterable[str] | None) -> list[tuple[str, float]]:
    """Metric and value of every --floor or --ceiling."""
    limits = []
    for text in given or []:
        metric, _, value = text.partition("=")
        try:
            limits.append((metric.strip(), float(value)))
        except ValueError:
            raise UsageError(f"--{option} {text}: write it as metric=value, e.g. --{option} recall=0.9") from None
    return limits


def as_text(result: Result) -> str:
    """The audit for people: its metrics, then a table an axis value with some of them at a time."""
    width = min(WIDEST, max(100, shutil.get_terminal_size((WIDEST, 24)).columns))
    paper = Console(file=StringIO(), width=width, highlight=False, color_system=None)
    paper.print(_totals(result))
    by = {axis: values for axis, values in result.by.items() if len(values) > 1}
    there = {name for values in by.values() for estimates in values.values() for name in estimates}
    kinds = tuple(m for m in result.kinds if m.name in there)
    fit = max(1, (width - NAMES) // COLUMN)
    for i in range(0, len(kinds), fit):
        paper.print(_by_axis(by, kinds[i : i + fit]))
    if alone := [f"{axis} {next(iter(values))}" for axis, values in result.by.items() if axis not in by]:
        paper.print(f"the same throughout: {', '.join(alone)}", markup=False)
    counts = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in result.unmatched.items() if count)
    paper.print(f"left out: {counts or 'nothing'}", markup=False)
    return str(paper.file.getvalue()).rstrip()  # type: ignore[attr-defined]


def _totals(result: Result) -> Table:
    table = Table(
        title=f"audit {result.audit}: {result.n}, 95 % intervals", title_justify="left", box=None, pad_edge=False
    )
    for name in ("metric", "n", "estimate", "what it is"):
        table.add_column(name, justify="right" if name in ("n", "estimate") else "left", no_wrap=name != "what it is")
    for metric in result.kinds:
        total = result.metrics[metric.name]
        less = "; less is better" if metric.less_is_better else ""
        table.add_row(metric.name, f"{total.n:,}", in_words(total, metric), metric.doc + less)
    return table


def _by_axis(by: Mapping[str, Mapping[str, Mapping[str, Estimate]]], kinds: tuple[Metric, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("axis", no_wrap=True)
    table.add_column("value", overflow="fold")
    for metric in kinds:
        table.add_column("n", justify="right", style="dim")
        table.add_column(metric.name, no_wrap=True, justify="right")
    for axis, values in by.items():
        first = axis
        for value, estimates in values.items():
            cells = [estimates.get(m.name) for m in kinds]
            if any(cells):
                words = [
                    w for m, e in zip(kinds, cells, strict=True) for w in (f"{e.n:,}" if e else "", in_words(e, m))
                ]
                table.add_row(Text(first), Text(value), *words)
                first = ""
    return table


def in_words(estimate: Estimate | None, metric: Metric) -> str:
    """An estimate in few characters: .93 [.88, .97]."""
    if estimate is None or estimate.estimate is None:
        return ""
    digits = 2 if metric.share or not metric.unit else 1

    def short(value: float) -> str:
        return f"{value:.{digits}f}"

    if estimate.low is None or estimate.high is None:
        return f"{short(estimate.estimate)} [ ?  ,  ?  ]"
    return f"{short(estimate.estimate)} [{short(estimate.low)}, {short(estimate.high)}]"
