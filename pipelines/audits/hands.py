"""hands: is every hand found, is what was found a hand, on which side, how exactly; are the right seconds kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.audits.corpus_truth import Joined, Recording, human, nothing_joined
from pipelines.audits.kept_time import judge_seconds, kept_spans
from pipelines.audits.matching import HandRules, Pair, axes_of, box_of, match, must_be_found, nearest_frames, overlap_of
from pipelines.audits.result import Example, Mark, Result, chosen
from pipelines.audits.tally import Axes, Cluster, Metric, Tally
from pipelines.corpus.inventory import CurrentClip
from schemas.hands import StoredHand
from schemas.truth import FrameTruth, HandTruth, RecordingTruth, ShotTruth

CLIPS_AT_ONCE = 64
EXAMPLES_OF_A_CLIP = 4

METRICS = (
    Metric("recall", "truth hands that are found"),
    Metric("precision", "detections that lie on a hand"),
    Metric("side_accuracy", "found hands told by their side"),
    Metric("keypoint_error", "mean distance of the 21 points, share of the hand's size", False, True),
    Metric("kept_recall", "seconds of work that are kept"),
    Metric("kept_precision", "kept seconds that are work"),
    Metric("kept_precision_padded", "kept seconds within a second of work: the policy pads by as much"),
    Metric("idle_refused", "seconds farther than that from work that are not kept"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Track:
    """What is read of a clip's hands."""

    clip_row_id: str
    detector: str
    sample_ns: list[int]
    hands: list[StoredHand]


def audit(joined: Joined, detector: str, rules: HandRules | None = None) -> Result:
    """Hand tracks of a detector and the policy's verdicts against truth."""
    rules, tally, looked = rules or HandRules(), Tally(), 0
    examples: list[Example] = []
    unmatched = {"samples_without_frame": 0, "clips_not_looked_at": 0} | joined.unmatched
    for recording in human(joined):
        frames = recording.truth.frames()
        looked += 1
        for clip, track in _tracks(joined, recording, detector):
            if track is None:
                unmatched["clips_not_looked_at"] += 1
                continue
            here, lost = judge_track(recording, clip, track, frames, rules, tally)
            unmatched["samples_without_frame"] += lost
            examples += chosen(here, EXAMPLES_OF_A_CLIP)
        kept, decided = kept_spans(joined, recording)
        judge_seconds(recording, frames, kept, decided, rules, tally)
    if not looked:
        raise nothing_joined(joined, "no recording of people")
    return Result(
        "hands", looked, METRICS, tally.metrics(METRICS), tally.by(METRICS), unmatched, chosen(examples),
        {r.sha256: r.uri for r in joined.recordings},
    )  # fmt: skip


def _tracks(joined: Joined, recording: Recording, detector: str) -> Iterator[tuple[CurrentClip, Track | None]]:
    """Each clip with its hand track, some clips at a time."""
    for i in range(0, len(recording.clips), CLIPS_AT_ONCE):
        some = recording.clips[i : i + CLIPS_AT_ONCE]
        rows = joined.read(Track, "hands", "clip_row_id", [c.clip_row_id for c in some])
        tracks = {track.clip_row_id: track for track in rows if track.detector == detector}
        yield from ((c, tracks.get(c.clip_row_id)) for c in some)


def judge_track(
    recording: Recording, clip: CurrentClip, track: Track, frames: Sequence[FrameTruth], rules: HandRules, tally: Tally
) -> tuple[list[Example], int]:
    """Marks of a clip's track , its misses and false hands, and samples without truth."""
    head, examples, lost = recording.truth.head, [], 0
    of_sample: dict[int, list[StoredHand]] = {}
    for hand in track.hands:
        of_sample.setdefault(hand["sample"], []).append(hand)
    nearest = nearest_frames(track.sample_ns, [f.t_ns for f in frames], head.fps_hz)
    for sample, (t_ns, at) in enumerate(zip(track.sample_ns, nearest, strict=True)):
        if at is None:
            lost += 1
            continue
        detected, frame, shot = of_sample.get(sample, []), frames[at], recording.shot_at(frames[at].t_ns)
        pairs = match(detected, frame.hands, head, rules)
        _mark(tally, recording.cluster(shot), shot, (detected, frame.hands, pairs), head, rules)
        examples += _wrong(recording.sha256, clip.clip_row_id, t_ns, (detected, frame, pairs), head, rules)
    return examples, lost


def _mark(
    tally: Tally, cluster: Cluster, shot: ShotTruth | None,
    seen: tuple[Sequence[StoredHand], Sequence[HandTruth], Sequence[Pair]], head: RecordingTruth, rules: HandRules,
) -> None:  # fmt: skip
    detected, true, pairs = seen
    variation: Axes = shot.variation if shot else {}
    for pair in pairs:
        truth = None if pair.true is None else true[pair.true]
        if pair.detected is not None:
            axes = dict(variation) | (axes_of(truth, head) if truth else {"side": str(detected[pair.detected]["side"])})
            tally.add("precision", float(truth is not None), 1, cluster, axes)
        if truth is None or not must_be_found(truth, head, rules):
            continue
        axes = dict(variation) | axes_of(truth, head)
        tally.add("recall", float(pair.detected is not None), 1, cluster, axes)
        if pair.detected is not None:
            tally.add("side_accuracy", float(detected[pair.detected]["side"] == truth.side), 1, cluster, axes)
        if pair.distance is not None:
            tally.add("keypoint_error", pair.distance, 1, cluster, axes)


def _wrong(
    sha256: str, clip: str, t_ns: int, seen: tuple[Sequence[StoredHand], FrameTruth, Sequence[Pair]],
    head: RecordingTruth, rules: HandRules,
) -> list[Example]:  # fmt: skip
    """Missed and false hands of a sample; its other hands are drawn beside."""
    detected, frame, pairs = seen
    out = []
    everything = [Mark("truth", h.box, h.keypoints) for h in frame.hands if h.box and h.visible > 0]
    everything += [Mark("found", box_of(h), tuple(h["keypoints"] or ())) for h in detected]
    for pair in pairs:
        truth = None if pair.true is None else frame.hands[pair.true]
        if truth is not None and truth.box and pair.detected is None and must_be_found(truth, head, rules):
            words = (
                f"{truth.person}'s {truth.side} hand, {100 * truth.visible:.0f} % in view, blur {truth.blur_px:.0f} px"
            )
            mark = Mark("missed", truth.box, truth.keypoints)
            out.append(Example("missed hand", sha256, t_ns, t_ns, words, (clip,), truth.visible, (*everything, mark)))
        if truth is None and pair.detected is not None:
            hand = detected[pair.detected]
            words = f"{hand['side']} hand, score {hand['score']:.2f}, presence {hand['presence']:.2f}{_on(hand, frame)}"
            mark = Mark("false", box_of(hand), tuple(hand["keypoints"] or ()))
            out.append(Example("false hand", sha256, t_ns, t_ns, words, (clip,), hand["presence"], (*everything, mark)))
    return out


def _on(hand: StoredHand, frame: FrameTruth) -> str:
    """The thing under a false hand."""
    overlaps = [(overlap_of(box_of(hand), thing.box), thing.name) for thing in frame.things if thing.box]
    best = max(overlaps, default=(0.0, ""))
    return f", on {best[1]}" if best[0] >= 0.2 else ""
