"""Everything measured about one kept span: what a caption may say."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median
from typing import Protocol

from schemas import Episode
from schemas.hands import StoredHand
from schemas.keys import as_stored, digest_of
from schemas.recordings import StoredNarration
from schemas.spans import SpanOfBytes


class Spoken(SpanOfBytes, Protocol):
    """A span that captions are of."""

    @property
    def span_id(self) -> str: ...


class Track(Protocol):
    """A clip's hand track: its samples' times, and every hand of every sample (schemas.hands)."""

    @property
    def sample_ns(self) -> Sequence[int]: ...
    @property
    def hands(self) -> Sequence[StoredHand]: ...


SEEN_SHARE = 0.1  # a side counts as in view from here on, as two hands do in decisions.bimanual
CONTACT_SHARE = 0.5  # of a side's measured samples with contact evidence of at least CONTACT_SCORE
CONTACT_SCORE = 0.5
END_SLACK_NS = 500_000_000  # a span that stops this close to an attempt's end shows it


@dataclass(frozen=True, slots=True, kw_only=True)
class SideFacts:
    """One hand over the span. Places are shares of the picture: x from the left, y from the top."""

    share: float  # of the span's samples with this hand, 0..1
    x: float  # median centre
    y: float
    dx: float  # median centre of its last quarter minus that of its first
    dy: float
    path: float  # length of the centre's way, in picture sizes
    contact_share: float | None  # of its samples with contact evidence; None: not measured

    @property
    def in_view(self) -> bool:
        return self.share >= SEEN_SHARE

    @property
    def handles(self) -> bool:
        return self.contact_share is not None and self.contact_share >= CONTACT_SHARE


@dataclass(frozen=True, slots=True, kw_only=True)
class HandFacts:
    """The hand track within the span; a side that was never found is None."""

    samples: int
    left: SideFacts | None
    right: SideFacts | None
    both_share: float  # of samples with a left and a right hand, 0..1

    @property
    def sides(self) -> tuple[str, ...]:
        """Sides in view: none, one, or left and right."""
        pairs = (("left", self.left), ("right", self.right))
        return tuple(name for name, side in pairs if side is not None and side.in_view)

    @property
    def together(self) -> bool:
        return self.both_share >= SEEN_SHARE


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFacts:
    """What the log says of a robot's attempt."""

    instruction: str | None
    outcome: str  # success, failure, unknown
    outcome_source: str | None
    failure_mode: str | None
    failed_after_s: float | None  # from the attempt's start
    embodiment: str
    collect_mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a caption of one span may rest on."""

    basis: str  # basis_of: what its captions rest on
    span_id: str  # hash of sha256, start and end: the content hash that travels with a request
    sha256: str
    start_ns: int
    end_ns: int
    stage: str  # web, ego, robot
    narration: str | None
    hands: HandFacts | None  # None: no detector looked
    camera_motion: float | None  # of its clip, share of the long side a second
    attempt: AttemptFacts | None

    @property
    def original(self) -> str | None:
        """The words that captions rest on: the narration, or what the robot was told."""
        instruction = self.attempt.instruction if self.attempt else None
        return instruction or self.narration


def facts_of(
    span: Spoken, hands: Track | None, camera_motion: float | None, episode: Episode | None, stage: str,
    narrations: Sequence[StoredNarration],
) -> Facts:  # fmt: skip
    """Facts of a span. hands: its clip's track, of which only the span's samples count; None: no detector looked."""
    return Facts(
        basis=basis_of(narrations, episode, span),
        span_id=span.span_id,
        sha256=span.sha256,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        stage=stage,
        narration=narration_of(narrations, span.start_ns, span.end_ns),
        hands=None if hands is None else hand_facts(hands, span.start_ns, span.end_ns),
        camera_motion=camera_motion,
        attempt=None if episode is None else attempt_facts(episode, span),
    )


def basis_of(narrations: Iterable[StoredNarration], episode: Episode | None, span: SpanOfBytes) -> str:
    """Digest of the words that a span's captions rest on. A corrected narration or outcome gives another.

    32 hex digits. The hand track is not in it.
    """
    words = narration_of(narrations, span.start_ns, span.end_ns)
    attempt = None if episode is None else as_stored(attempt_facts(episode, span))
    return digest_of([words, attempt])[:32]


def narration_of(narrations: Iterable[StoredNarration], start_ns: int, end_ns: int) -> str | None:
    """The original words about [start_ns, end_ns), by time; those about the whole where there are none.

    A timed narration counts where half of it or of the span lies in both; one without an end is a point.
    """
    narrations = list(narrations)
    inside = [(n["start_ns"], n) for n in narrations if n["start_ns"] is not None and _is_about(n, start_ns, end_ns)]
    timed = [n for _, n in sorted(inside, key=lambda pair: pair[0])]
    chosen = timed or [n for n in narrations if n["start_ns"] is None]
    texts = [text.rstrip(".") for n in chosen if (text := _text(n["text"])) is not None]
    return _text(". ".join(dict.fromkeys(texts)))


def _is_about(narration: StoredNarration, start_ns: int, end_ns: int) -> bool:
    """Of a narration with a start."""
    first = narration["start_ns"] or 0
    last = first if narration["end_ns"] is None else narration["end_ns"]
    if last <= first:
        return bool(start_ns <= first < end_ns)
    both = min(last, end_ns) - max(first, start_ns)
    return bool(2 * both >= min(last - first, end_ns - start_ns))


def hand_facts(hands: Track, start_ns: int, end_ns: int) -> HandFacts | None:
    """The track within [start_ns, end_ns); None where no sample of it was looked at."""
    inside = {i for i, t in enumerate(hands.sample_ns) if start_ns <= t < end_ns}
    if not inside:
        return None
    best: dict[str, dict[int, StoredHand]] = {"left": {}, "right": {}}
    for hand in hands.hands:
        track = best.get(str(hand["side"]))
        if track is None or hand["sample"] not in inside:
            continue
        known = track.get(hand["sample"])
        if known is None or (hand["score"] or 0.0) > (known["score"] or 0.0):
            track[hand["sample"]] = hand
    return HandFacts(
        samples=len(inside),
        left=_side(best["left"], len(inside)),
        right=_side(best["right"], len(inside)),
        both_share=len(best["left"].keys() & best["right"].keys()) / len(inside),
    )


def _side(track: Mapping[int, StoredHand], samples: int) -> SideFacts | None:
    if not track:
        return None
    rows = [track[i] for i in sorted(track)]
    xs = [_within((r["x0"] + r["x1"]) / 2) for r in rows]
    ys = [_within((r["y0"] + r["y1"]) / 2) for r in rows]
    quarter = max(1, len(rows) // 4)
    contact = [score >= CONTACT_SCORE for r in rows if (score := r.get("contact")) is not None]
    return SideFacts(
        share=len(rows) / samples,
        x=median(xs),
        y=median(ys),
        dx=median(xs[-quarter:]) - median(xs[:quarter]),
        dy=median(ys[-quarter:]) - median(ys[:quarter]),
        path=sum(math.dist(a, b) for a, b in _pairs(list(zip(xs, ys, strict=True)))),
        contact_share=fmean(contact) if contact else None,
    )


def _pairs(points: list[tuple[float, float]]) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    return list(pairwise(points))


def _within(x: float) -> float:
    return min(1.0, max(0.0, float(x)))


def attempt_facts(episode: Episode, span: SpanOfBytes) -> AttemptFacts:
    """The log's own words about an attempt, of which the span may show a part.

    A span that ends before the attempt does shows no outcome: there it is unknown. Where the tasks change on the way,
    the instruction is what was to be done within the span.
    """
    ends = [c["end_ns"] for c in episode.cameras if c["sha256"] == span.sha256]
    ends = [end for end in ends if end > span.start_ns]
    shows_end = not ends or span.end_ns >= min(ends) - END_SLACK_NS
    frame, fps_hz = episode.failure_frame, episode.fps_hz
    return AttemptFacts(
        instruction=_instruction(episode, span),
        outcome=episode.outcome if shows_end else "unknown",
        outcome_source=episode.outcome_source,
        failure_mode=_text(episode.failure_mode),
        failed_after_s=frame / fps_hz if frame is not None and fps_hz else None,
        embodiment=episode.embodiment,
        collect_mode=episode.collect_mode,
    )


def _instruction(episode: Episode, span: SpanOfBytes) -> str | None:
    """The tasks of which half lies in the span, or in which half of the span lies, in order; else the attempt's own."""
    tasks = [t for t in episode.tasks or () if t["kind"] == "task"]
    places = [c for c in episode.cameras if c["sha256"] == span.sha256 and c["end_ns"] > span.start_ns]
    if not tasks or not places or not episode.frame_count:
        return _text(episode.instruction)
    place = min(places, key=lambda c: c["start_ns"])
    frame_ns = (place["end_ns"] - place["start_ns"]) / episode.frame_count  # row i is frame i
    timed = [
        StoredNarration(
            text=t["text"],
            start_ns=place["start_ns"] + round(t["start_frame"] * frame_ns),
            end_ns=place["start_ns"] + round(t["end_frame"] * frame_ns),
        )
        for t in tasks
    ]
    return narration_of(timed, span.start_ns, span.end_ns) or _text(episode.instruction)


def _text(value: str | None) -> str | None:
    """The text without outer space; None where nothing is left."""
    return (value or "").strip() or None
