"""cuts: is every cut of a recording where a clip ends, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from pipelines.audits.corpus_truth import Joined, Recording, human, nothing_joined
from pipelines.audits.result import Example, Result, chosen
from pipelines.audits.tally import Metric, Tally
from pipelines.corpus.inventory import CurrentClip
from schemas.spans import NS

SLACK_NS = 50_000_000  # beside one frame: clocks of containers are coarse

METRICS = (
    Metric("recall", "truth cuts at which a clip ends"),
    Metric("precision", "clip ends that are cuts; the recording's end and the longest clip's left out"),
    Metric("f1", "harmonic mean of both"),
)  # fmt: skip


def audit(joined: Joined, longest_s: float) -> Result:
    """Clip boundaries of the recordings that people made against truth; longest_s: the longest clip of the recipe."""
    tally, examples, looked = Tally(), [], 0
    for recording in human(joined):
        if recording.clips:
            looked += 1
            examples += judge(recording, longest_s, tally)
    if not looked:
        raise nothing_joined(joined, "no recording of people")
    return Result(
        "cuts", looked, METRICS, tally.metrics(METRICS), tally.by(METRICS), joined.unmatched, chosen(examples),
        {r.sha256: r.uri for r in joined.recordings},
    )  # fmt: skip


def judge(recording: Recording, longest_s: float, tally: Tally) -> list[Example]:
    """Marks of one recording; its missed and false cuts. Nothing is drawn by wearer: a recording is one trial."""
    head, cluster = recording.truth.head, (recording.sha256, recording.sha256)
    cut, tiles = boundaries(recording.clips, round(longest_s * NS))
    tolerance_ns = round(NS / head.fps_hz) + SLACK_NS
    pairs = paired([*cut, *tiles], head.cuts_ns, tolerance_ns)
    matched = {made for made, _ in pairs}
    false = [t for t in cut if t not in matched]
    missed = sorted(set(head.cuts_ns) - {true for _, true in pairs})
    for t_ns, metric_marks in (
        *((true, (("recall", 1, 1), ("precision", 1, 1), ("f1", 2, 2))) for _, true in pairs),
        *((t, (("recall", 0, 1), ("f1", 0, 1))) for t in missed),
        *((t, (("precision", 0, 1), ("f1", 0, 1))) for t in false),
    ):
        shot = recording.shot_at(t_ns)
        for metric, got, of in metric_marks:
            tally.add(metric, got, of, cluster, shot.variation if shot else {})
    return [_example("missed cut", recording, t) for t in missed] + [_example("false cut", recording, t) for t in false]


def boundaries(clips: Sequence[CurrentClip], longest_ns: int) -> tuple[list[int], list[int]]:
    """Where one clip becomes the next: after a cut, and where the clip before was as long as one may be."""
    cut: list[int] = []
    tiles: list[int] = []
    for before, after in pairwise(clips):
        if before.end_ns == after.start_ns:
            full = before.end_ns - before.start_ns >= longest_ns - SLACK_NS
            (tiles if full else cut).append(after.start_ns)
    return cut, tiles


def paired(made: Sequence[int], true: Sequence[int], tolerance_ns: int) -> list[tuple[int, int]]:
    """(boundary, cut) one-to-one, nearest first, at most the tolerance apart."""
    near = sorted((abs(m - t), m, t) for m in made for t in true if abs(m - t) <= tolerance_ns)
    pairs: list[tuple[int, int]] = []
    for _, m, t in near:
        if all(m != a and t != b for a, b in pairs):
            pairs.append((m, t))
    return pairs


def _example(kind: str, recording: Recording, t_ns: int) -> Example:
    span = (max(0, t_ns - NS), t_ns + NS)
    shot = recording.shot_at(t_ns)
    scene = f", {shot.scene}" if shot else ""
    return Example(kind, recording.sha256, *span, f"at {t_ns / NS:.2f} s{scene}", recording.clips_in(*span))
