"""Which spans of copied clips go into a release: of the same seconds the best take is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from filters.connected import connected_components
from schemas.spans import Span, merge

COPY, MIRRORED = "near_duplicate", "mirrored"
MAX_COMPARED = 64  # clips of a key that are compared with all that have it
MIN_COVERED_SHARE = 0.5  # share of a span that better ones show already: from here on it is a copy


@dataclass(frozen=True, slots=True)
class CandidateSpan:
    """A span that would be kept, its clip, and the pixels of its pictures."""

    span_id: str
    clip_id: str
    start_ns: int
    end_ns: int
    pixels: int


@dataclass(frozen=True, slots=True)
class ClipPair:
    """Two clips that are copies: a time in a is that in b plus the offset."""

    clip_a: str
    clip_b: str
    offset_ns: int
    mirrored: bool


@dataclass(frozen=True, slots=True)
class CopiedSpan:
    """Why a span goes, and the kept span that shows the most of it."""

    reason: str
    of: str


def find_copied_spans(takes: Iterable[CandidateSpan], pairs: Iterable[ClipPair]) -> dict[str, CopiedSpan]:
    """The spans that go, by span_id: those of which kept ones show MIN_COVERED_SHARE or more.

    Kept first: most pixels, then what is paired with more than MAX_COMPARED (of a larger set of copies it alone is),
    then longest, then least clip and start. Nobody knows which of two mirrored takes is the
    true one: the same order decides, and the other is `mirrored` unless true copies of kept ones cover it alone.
    Nothing is lost by a chain: a span goes for kept ones alone. The same for any order of takes and pairs.
    """
    beside: dict[str, list[tuple[str, int, bool]]] = {}
    for p in pairs:
        beside.setdefault(p.clip_a, []).append((p.clip_b, p.offset_ns, p.mirrored))
        beside.setdefault(p.clip_b, []).append((p.clip_a, -p.offset_ns, p.mirrored))
    staying: dict[str, list[CandidateSpan]] = {}
    out: dict[str, CopiedSpan] = {}
    for take in sorted((t for t in takes if t.clip_id in beside), key=lambda t: _rank(t, len(beside[t.clip_id]))):
        shown_elsewhere = [
            (_cut((other.start_ns + offset_ns, other.end_ns + offset_ns), take), flipped, other.span_id)
            for clip, offset_ns, flipped in beside[take.clip_id]
            for other in staying.get(clip, [])
        ]
        reason = _reason(take, [(span, flipped) for span, flipped, _ in shown_elsewhere])
        if reason is None:
            staying.setdefault(take.clip_id, []).append(take)
        else:
            out[take.span_id] = CopiedSpan(reason, min((s[0] - s[1], of) for s, _, of in shown_elsewhere)[1])
    return out


def group_clips(pairs: Iterable[ClipPair]) -> Mapping[str, str]:
    """The least clip of each set of clips that pairs connect, by clip: what must not straddle a split."""
    return connected_components((p.clip_a, p.clip_b) for p in pairs)


def _rank(take: CandidateSpan, pairs: int) -> tuple[int, bool, int, str, int]:
    return -take.pixels, pairs <= MAX_COMPARED, take.start_ns - take.end_ns, take.clip_id, take.start_ns


def _cut(span: Span, take: CandidateSpan) -> Span:
    return max(span[0], take.start_ns), min(span[1], take.end_ns)


def _reason(take: CandidateSpan, shown_elsewhere: list[tuple[Span, bool]]) -> str | None:
    needed = MIN_COVERED_SHARE * (take.end_ns - take.start_ns)
    for reason, taken in (
        (COPY, [s for s, flipped in shown_elsewhere if not flipped]),
        (MIRRORED, [s for s, _ in shown_elsewhere]),
    ):
        if taken and sum(end - start for start, end in merge(taken)) >= needed:
            return reason
    return None
