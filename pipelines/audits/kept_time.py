"""Kept seconds against seconds of work: the policy's verdicts judged by truth."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from pipelines.audits.corpus_truth import Joined, Recording
from pipelines.audits.matching import HandRules
from pipelines.audits.tally import Tally
from schemas.spans import NS, Span, complement, merge
from schemas.truth import FrameTruth, RecordingTruth

IDLE = ("gesture", "none", "rest", "wait")  # verbs of which nothing comes


def kept_spans(joined: Joined, recording: Recording) -> tuple[list[Span], list[Span]]:
    """Spans of a recording that the policy keeps, and all that it decided."""
    rows = joined.decided(recording)
    spans = [(r.start_ns, r.end_ns) for r in rows]
    return merge(s for s, r in zip(spans, rows, strict=True) if r.verdict == "accept"), merge(spans)


def judge_seconds(
    recording: Recording, frames: Sequence[FrameTruth], kept: list[Span], decided: list[Span], rules: HandRules,
    tally: Tally,
) -> None:  # fmt: skip
    """Kept seconds against seconds of work, shot by shot, within what was decided."""
    work = work_of(recording.truth.head, frames, rules)
    pad = round(rules.padded_s * NS)
    near = merge((a - pad, b + pad) for a, b in work)
    for shot in recording.truth.head.shots:
        cluster, span = recording.cluster(shot), (shot.start_ns, shot.end_ns)
        here = both(decided, [span])
        kept_here, at_work, around = both(kept, here), both(work, here), both(near, here)
        right, idle = length_s(both(kept_here, at_work)), [p for s in here for p in complement(around, s)]
        for metric, got, of in (
            ("kept_recall", right, length_s(at_work)),
            ("kept_precision", right, length_s(kept_here)),
            ("kept_precision_padded", length_s(both(kept_here, around)), length_s(kept_here)),
            ("idle_refused", length_s(idle) - length_s(both(kept_here, idle)), length_s(idle)),
        ):
            if of:
                tally.add(metric, got, of, cluster, shot.variation)


def work_of(head: RecordingTruth, frames: Sequence[FrameTruth], rules: HandRules) -> list[Span]:
    """When a hand of the wearer touches something in view, or a task is done."""
    tasks = [(t.start_ns, t.end_ns) for s in head.shots for t in s.tasks if t.verb not in IDLE]
    ends = [*(b.t_ns for _, b in pairwise(frames)), *(f.t_ns + round(NS / head.fps_hz) for f in frames[-1:])]
    touching = [
        (f.t_ns, end)
        for f, end in zip(frames, ends, strict=True)
        if any(h.person == "wearer" and h.touches and h.visible >= rules.visible_least for h in f.hands)
    ]
    return merge([*tasks, *touching])


def both(a: Sequence[Span], b: Sequence[Span]) -> list[Span]:
    """Where two lists of disjoint spans overlap."""
    return merge((max(s[0], o[0]), min(s[1], o[1])) for s in a for o in b)


def length_s(spans: Sequence[Span]) -> float:
    """Seconds of disjoint spans."""
    return sum(end - start for start, end in spans) / NS
