"""What every page shares: its templates, its style, and how spans, times and shares are written for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources

import jinja2
from markupsafe import Markup

from orchestration import reports
from schemas.spans import NS, Span

TEMPLATES = resources.files(reports) / "templates"


def environment() -> jinja2.Environment:
    """Autoescape always on: every name and text of a corpus is hostile."""
    env = jinja2.Environment(
        loader=jinja2.PackageLoader(reports.__name__), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    env.globals["style"] = Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))
    env.filters |= {
        "duration": duration, "leveled": leveled, "length_s": length_s, "place": place, "share": share,
        "short": short, "times": times,
    }  # fmt: skip
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


def short(text: object, max_characters: int = 300) -> str:
    """The text, cut where it is longer than the page can bear."""
    words = str(text)
    return words if len(words) <= max_characters else words[: max_characters - 1] + "…"


def place(uri: object) -> str:
    """The last folder and the name: enough to tell files apart; the whole URI is in the title."""
    parts = [p for p in str(uri).split("/") if p]
    return short("/".join(parts[-2:]) or uri, 120)


def times(span: Span) -> str:
    """A span for people; a short one with more digits."""
    digits = 1 if length_s(span) >= 1 else 2
    return f"{span[0] / NS:.{digits}f} to {span[1] / NS:.{digits}f} s"


def length_s(span: Span) -> float:
    """Seconds of a span."""
    return (span[1] - span[0]) / NS


def leveled(texts: Mapping[str, str], kinds: Sequence[str]) -> list[tuple[str, str]]:
    """Names and texts of the kinds there are; a text that repeats the one before shares its line."""
    out: list[tuple[str, str]] = []
    for kind in kinds:
        if kind not in texts:
            continue
        if out and out[-1][1] == texts[kind]:
            out[-1] = (f"{out[-1][0]} {kind}", texts[kind])
        else:
            out.append((kind, texts[kind]))
    return out
