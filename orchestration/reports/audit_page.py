"""An audit as one HTML page: bars with whiskers by axis, and pictures of what went wrong with truth drawn over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.storage.tables import Store
from orchestration.reports.page import environment
from orchestration.reports.pictures import DrawnHand, Picture, PictureStyle, frames_of, picture_of, proxies_of
from pipelines.audits.intervals import Estimate
from pipelines.audits.result import Example, Result
from pipelines.audits.tally import Metric
from schemas import Proxy

BAR_PX = 240
ROW_PX = 22
PICTURES_BYTES = 6_000_000
ONE = PictureStyle(frames=1, thumb_px=320, tallest_px=320, quality=80)  # one frame: drawn twice as large
STRIP = PictureStyle(frames=6, thumb_px=200, tallest_px=200, quality=72)


@dataclass(frozen=True, slots=True)
class EstimateBar:
    """One estimate in a chart, in px of its drawing."""

    value: str
    y: int
    bar: float | None  # length; None: unknown
    whisker: tuple[float, float] | None
    words: str
    n: int
    flag: bool  # its interval lies off the total's on the bad side


@dataclass(frozen=True, slots=True)
class Chart:
    """A metric by one axis."""

    axis: str
    bars: tuple[EstimateBar, ...]
    total_x: float | None
    height_px: int


@dataclass(frozen=True, slots=True)
class Panel:
    """A metric: in total, then by every axis."""

    metric: Metric
    total: Estimate
    words: str
    scale: float  # value at the bar's full length
    charts: tuple[Chart, ...]


@dataclass(frozen=True, slots=True)
class ExampleTile:
    """An example with its picture."""

    example: Example
    uri: str
    picture: Picture | None


def write(store: Store, result: Result, out: Path) -> Path:
    """Writes the page of an audit and returns its path. Only the proxies of the examples shown are read."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page(store, result), encoding="utf-8")
    return out


def page(store: Store, result: Result) -> str:
    """The page's HTML."""
    groups: dict[str, list[ExampleTile]] = {}
    for tile in tiles_of(store, result):
        groups.setdefault(tile.example.kind, []).append(tile)
    return environment().get_template("audit.html.j2").render(
        result=result, panels=[panel(result, m) for m in result.kinds], groups=groups, bar_px=BAR_PX, row_px=ROW_PX
    )  # fmt: skip


def panel(result: Result, metric: Metric) -> Panel:
    """A metric's charts, of axes with values to compare; bars of what is not a share are scaled to the largest."""
    total = result.metrics[metric.name]
    by = {
        axis: {value: e[metric.name] for value, e in values.items() if metric.name in e}
        for axis, values in result.by.items()
    }
    every = [total, *(e for values in by.values() for e in values.values())]
    largest = max((e.high or e.estimate or 0.0 for e in every), default=0.0)
    scale = 1.0 if metric.share and not metric.less_is_better else max(largest, 1e-9)
    charts = tuple(chart(axis, values, total, metric, scale) for axis, values in by.items() if len(values) > 1)
    return Panel(metric, total, in_words(total, metric), scale, charts)


def chart(axis: str, values: dict[str, Estimate], total: Estimate, metric: Metric, scale: float) -> Chart:
    """One axis of a metric as bars."""
    bars = tuple(
        EstimateBar(
            value=value,
            y=i * ROW_PX,
            bar=None if e.estimate is None else _px(e.estimate, scale),
            whisker=None if e.low is None or e.high is None else (_px(e.low, scale), _px(e.high, scale)),
            words=in_words(e, metric),
            n=e.n,
            flag=worse(e, total, metric),
        )
        for i, (value, e) in enumerate(values.items())
    )
    total_x = None if total.estimate is None else _px(total.estimate, scale)
    return Chart(axis, bars, total_x, len(bars) * ROW_PX)


def worse(part: Estimate, total: Estimate, metric: Metric) -> bool:
    """Whether all of a part's interval is worse than the estimate over everything."""
    if part.low is None or part.high is None or total.estimate is None:
        return False
    return part.low > total.estimate if metric.less_is_better else part.high < total.estimate


def in_words(estimate: Estimate, metric: Metric) -> str:
    """An estimate with its limits for people."""
    if estimate.estimate is None:
        return "no case"
    digits = 1 if metric.unit else 2
    text = f"{estimate.estimate:.{digits}f}"
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} ({estimate.low:.{digits}f} to {estimate.high:.{digits}f})"


def _px(value: float, scale: float) -> float:
    return round(min(value / scale, 1.0) * BAR_PX, 1)


def tiles_of(store: Store, result: Result) -> list[ExampleTile]:
    """The examples with pictures: the sample itself with its marks, or some frames of the span."""
    wanted = [row_id for example in result.examples for row_id in example.clips]
    proxies = {proxy.clip_row_id: proxy for proxy in proxies_of(store, wanted)}
    left, tiles = PICTURES_BYTES, []
    for example in result.examples:
        picture = picture_of_example(example, [proxies[c] for c in example.clips if c in proxies])
        if picture is not None and len(picture.src) > left:
            picture = None
        left -= len(picture.src) if picture else 0
        tiles.append(ExampleTile(example, result.uris.get(example.sha256, example.sha256), picture))
    return tiles


def picture_of_example(example: Example, proxies: Sequence[Proxy]) -> Picture | None:
    """Frames of an example, from the proxies of its clips; None where there are none."""
    if not proxies:
        return None
    span = (example.start_ns, max(example.end_ns, example.start_ns + 1))
    hands: Mapping[int, Sequence[DrawnHand]] = {}
    if example.marks:
        hands = {example.start_ns: [DrawnHand(m.role, m.box, m.keypoints) for m in example.marks]}
    return picture_of(frames_of(proxies), hands, span, ONE if example.marks else STRIP)
