"""What an audit found: numbers with intervals, in total and by axis, and examples of what went wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.audits.intervals import Estimate
from pipelines.audits.tally import Metric
from schemas.errors import UsageError
from schemas.keys import key_of
from schemas.spans import NS

EXAMPLES = 36
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Mark:
    """A box to draw on an example's picture, in shares of it. role: missed, false, truth, found."""

    role: str
    box: Box
    keypoints: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """One thing that went wrong: where, and in words. kind: missed hand, false cut ..."""

    kind: str
    sha256: str
    start_ns: int  # [start_ns, end_ns) of the recording; one sample where they are equal
    end_ns: int
    words: str
    clips: tuple[str, ...] = ()  # whose proxies show it
    weight: float = 0.0  # the worst stand first
    marks: tuple[Mark, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()  # label, text


@dataclass(frozen=True, slots=True)
class Result:
    """One audit. by: {axis: {value: {metric: estimate}}}; unmatched: what took no part, counted."""

    audit: str
    n: int  # recordings, or attempts, that took part
    kinds: tuple[Metric, ...]
    metrics: dict[str, Estimate]
    by: dict[str, dict[str, dict[str, Estimate]]]
    unmatched: dict[str, int]
    examples: tuple[Example, ...] = ()
    uris: dict[str, str] = field(default_factory=dict)  # of the recordings, by sha256

    def plain(self) -> dict[str, object]:
        """As `--json` prints it."""
        by = {
            axis: {value: {name: e.plain() for name, e in estimates.items()} for value, estimates in values.items()}
            for axis, values in self.by.items()
        }
        return {
            "audit": self.audit, "n": self.n, "metrics": {name: e.plain() for name, e in self.metrics.items()},
            "by": by, "unmatched": self.unmatched, "examples": [self._plain_example(e) for e in self.examples],
        }  # fmt: skip

    def _plain_example(self, example: Example) -> dict[str, Any]:
        return {
            "kind": example.kind, "uri": self.uris.get(example.sha256), "sha256": example.sha256,
            "start_s": example.start_ns / NS, "end_s": example.end_ns / NS, "words": example.words,
            "texts": dict(example.texts),
        }  # fmt: skip


def chosen(examples: Iterable[Example], most: int = EXAMPLES) -> tuple[Example, ...]:
    """At most `most`: kinds take turns, and recordings within a kind; the worst first, the rest by hash."""
    ordered = sorted(examples, key=lambda e: (-e.weight, _lot(e)))
    ordered = _by_turns(ordered, lambda e: (e.kind, e.sha256))
    return tuple(sorted(_by_turns(ordered, lambda e: e.kind)[:most], key=lambda e: e.kind))


def _by_turns(examples: Iterable[Example], group: Callable[[Example], Hashable]) -> list[Example]:
    """The first of every group, then the second of each, and so on."""
    seen: Counter[Hashable] = Counter()
    turns = []
    for example in examples:
        turns.append((seen[group(example)], example))
        seen[group(example)] += 1
    return [e for _, e in sorted(turns, key=lambda t: t[0])]


def _lot(example: Example) -> str:
    return key_of("example", example.kind, example.sha256, example.start_ns, example.end_ns, example.words)


def broken(result: Result, floors: Sequence[tuple[str, float]], ceilings: Sequence[tuple[str, float]]) -> list[str]:
    """What a floor or a ceiling refuses, a line each; a metric without a case is below every floor.

    UsageError: no such metric, or a floor for one of which less is better (or a ceiling for one of which more is).
    """
    kinds = {m.name: m for m in result.kinds}
    lines = []
    for word, bounds in (("floor", floors), ("ceiling", ceilings)):
        for name, bound in bounds:
            if name not in kinds:
                raise UsageError(f"--{word} {name}: audit {result.audit} measures {', '.join(kinds)}")
            if kinds[name].less_is_better != (word == "ceiling"):
                other = "ceiling" if word == "floor" else "floor"
                raise UsageError(f"--{word} {name}: it takes a {other}; use --{other} {name}={bound:g}")
            value = result.metrics[name].estimate
            if value is None or (value < bound if word == "floor" else value > bound):
                verdict = "has no case to measure" if value is None else f"is {value:g}"
                lines.append(f"{name} {verdict}, its {word} is {bound:g}")
    return lines
