"""Half-open spans [start_ns, end_ns) of integer nanoseconds."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Protocol, TypedDict

NS = 1_000_000_000
Span = tuple[int, int]


class SpanOfBytes(Protocol):
    """A row that speaks of a span of a recording's bytes."""

    @property
    def sha256(self) -> str: ...
    @property
    def start_ns(self) -> int: ...
    @property
    def end_ns(self) -> int: ...


class StoredSpan(TypedDict):
    """A span as a table keeps it."""

    start_ns: int
    end_ns: int


def merge(spans: Iterable[Span]) -> list[Span]:
    """Sorted disjoint union; touching spans become one, empty ones vanish."""
    out: list[Span] = []
    for start, end in sorted(s for s in spans if s[1] > s[0]):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out


def complement(spans: Iterable[Span], within: Span) -> list[Span]:
    """What the spans leave uncovered of `within`; with the clipped spans it tiles `within`."""
    out: list[Span] = []
    at = within[0]
    for start, end in merge(spans):
        if start > at:
            out.append((at, min(start, within[1])))
        at = max(at, end)
    if at < within[1]:
        out.append((at, within[1]))
    return [s for s in out if s[1] > s[0]]


def split(span: Span, longest_ns: int) -> list[Span]:
    """The span in equal parts of at most `longest_ns`; they tile it (sizes differ by at most 1 ns)."""
    start, end = span
    parts = max(1, -(-(end - start) // longest_ns))
    edges = [start + (end - start) * i // parts for i in range(parts + 1)]
    return list(pairwise(edges))


def seconds(ns: int) -> float:
    """Nanoseconds as seconds, for people and JSON only."""
    return ns / NS
