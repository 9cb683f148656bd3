"""Where clips end: at shots, at the edges of given spans, and around what no clip may hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain

from schemas.spans import Span, merge, split

# A stretch of a recording that no clip holds, and why: [start_ns, end_ns), reason.
Gap = tuple[int, int, str]
# cut(start_ns, t_ns, next_ns, starts_shot): where the clip that began at start_ns ends before the frame that is shown
# over [t_ns, next_ns); asked again, with the next clip's start, until it says None.
Cutter = Callable[[int, int, int, bool], int | None]


def at_shots(longest_ns: int) -> Cutter:
    """Cut at shots, and before the frame that would make a clip too long; where no frame comes in time, without one."""

    def cut(start_ns: int, t_ns: int, next_ns: int, starts_shot: bool) -> int | None:
        if t_ns > start_ns and (starts_shot or next_ns - start_ns > longest_ns):
            return min(t_ns, start_ns + longest_ns)
        return None

    return cut


def at_edges(spans: Sequence[Span], longest_ns: int) -> Cutter:
    """Cut at every time at which a clip of given spans starts or ends."""
    edges = iter(sorted(set(chain.from_iterable(chain.from_iterable(split(s, longest_ns) for s in spans)))))
    coming = next(edges, None)

    def cut(start_ns: int, t_ns: int, next_ns: int, starts_shot: bool) -> int | None:
        nonlocal coming
        del start_ns, next_ns, starts_shot
        if coming is None or t_ns < coming:
            return None
        at, coming = coming, next(edges, None)
        return at

    return cut


def lengthen(gaps: list[Gap], end_ns: int, why: str) -> None:
    """The last gap, or a new one behind it where the reason is another, ends at `end_ns`."""
    start_ns, last_ns, reason = gaps[-1]
    if reason == why or start_ns == last_ns:
        gaps[-1] = (start_ns, end_ns, why)
    else:
        gaps.append((last_ns, end_ns, why))


def within(spans: Iterable[Span]) -> Callable[[int], bool]:
    """Whether a time lies in any of the spans, for times that do not decrease."""
    overlaps = touches(spans)
    return lambda t_ns: overlaps(t_ns, t_ns + 1)


def touches(spans: Iterable[Span]) -> Callable[[int, int], bool]:
    """Whether [start, end) overlaps any of the spans, for starts that do not decrease."""
    left = merge(spans)

    def overlaps(start_ns: int, end_ns: int) -> bool:
        while left and left[0][1] <= start_ns:
            del left[0]
        return bool(left) and left[0][0] < end_ns

    return overlaps
