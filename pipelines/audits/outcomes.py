"""outcomes: is what an episode says of its end true; how sure may one be of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.audits.corpus_truth import Joined, Recording, Truth, nothing_joined
from pipelines.audits.intervals import Estimate, median, of_sums
from pipelines.audits.result import Example, Result, chosen
from pipelines.audits.tally import Metric, Tally
from pipelines.corpus.episodes import latest_episodes
from schemas import Episode
from schemas.truth import RecordingTruth

Floats = NDArray[np.float64]
BINS = 10  # of confidence
NEAR_FRAMES = 5

METRICS = (
    Metric("known", "attempts whose outcome is told"),
    Metric("accuracy", "told outcomes that are right"),
    Metric("false_success", "failures told as success", less_is_better=True),
    Metric("false_failure", "successes told as failure", less_is_better=True),
    Metric("cause", "causes named for failures that are right"),
    Metric("frame_near", f"failure frames named within {NEAR_FRAMES} frames"),
    Metric("frame_error", "median distance of the failure frame", False, True, "frames"),
    Metric("calibration_error", f"expected calibration error of the confidence in {BINS} bins (Guo 2017)", True, True),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attempt:
    """An episode beside its truth."""

    episode: Episode
    truth: RecordingTruth
    sha256: str  # of a recording of it, or of the truth's

    @property
    def right(self) -> bool:
        """Whether the outcome is told, and truly."""
        return bool(self.episode.outcome == self.truth.outcome)

    @property
    def frames_off(self) -> float | None:
        """How far the failure frame is from the truth's, in frames of the truth; None where either names none."""
        named, true = self.episode.failure_frame, self.truth.failure_frame
        if self.truth.outcome != "failure" or named is None or true is None:
            return None
        return float(abs(named * self.truth.fps_hz / self.episode.fps_hz - true))


def audit(joined: Joined) -> Result:
    """The newest revision of every episode against truth."""
    attempts, unmatched = attempts_of(joined)
    if not attempts:
        raise nothing_joined(joined, "no robot attempt")
    tally = Tally()
    for attempt in attempts:
        mark(attempt, tally)
    ratios = METRICS[:-2]
    metrics = tally.metrics(ratios) | {"frame_error": frame_error(attempts), "calibration_error": calibration(attempts)}
    recordings = {r.sha256: r for r in joined.recordings}
    wrong = [_example(a, recordings) for a in attempts if a.episode.outcome != "unknown" and not a.right]
    wrong += [_example(a, recordings) for a in attempts if a.right and (a.frames_off or 0) > NEAR_FRAMES]
    return Result(
        "outcomes", len(attempts), METRICS, metrics, tally.by(ratios), unmatched, chosen(wrong),
        {a.sha256: a.episode.uri for a in attempts},
    )  # fmt: skip


def attempts_of(joined: Joined) -> tuple[list[Attempt], dict[str, int]]:
    """Episodes with truth that knows an outcome, by the bytes of any camera; where none is known, by name."""
    truths = [t for t in joined.truths if t.head.outcome is not None]
    by_sha: dict[str, list[Truth]] = {}
    by_name: dict[str, list[Truth]] = {}
    for truth in truths:
        by_sha.setdefault(truth.head.sha256, []).append(truth)
        by_name.setdefault(truth.head.name, []).append(truth)
    episodes = {e.episode_id: e for e in latest_episodes(joined.store)}
    attempts, used = [], set()
    for episode in (episodes[key] for key in sorted(episodes)):
        shas = [c["sha256"] for c in episode.cameras]
        near = [t for sha in shas for t in by_sha.get(sha, [])]
        near = [t for t in near if t.head.name == episode.name] or near or by_name.get(episode.name, [])
        if len({t.path for t in near}) == 1:
            attempts.append(Attempt(episode, near[0].head, shas[0]))
            used.add(near[0].path)
    unmatched = {
        "episodes_without_truth": len(episodes) - len(attempts),
        "truths_without_episode": sum(t.path not in used for t in truths),
    }
    return attempts, unmatched | joined.unmatched


def mark(attempt: Attempt, tally: Tally) -> None:
    """Marks of one attempt; each is a trial of its own."""
    episode, truth = attempt.episode, attempt.truth
    cluster = (episode.episode_id, episode.episode_id)
    axes = {
        "outcome source": episode.outcome_source or "nobody",
        "true outcome": str(truth.outcome),
        "true cause": truth.failure_cause or "none",
        "embodiment": episode.embodiment,
        "collect_mode": episode.collect_mode,
        **(truth.shots[0].variation if truth.shots else {}),
    }
    known = episode.outcome != "unknown"
    tally.add("known", float(known), 1, cluster, axes)
    if known:
        tally.add("accuracy", float(attempt.right), 1, cluster, axes)
    if truth.outcome == "failure":
        tally.add("false_success", float(episode.outcome == "success"), 1, cluster, axes)
    if truth.outcome == "success":
        tally.add("false_failure", float(episode.outcome == "failure"), 1, cluster, axes)
    if truth.outcome == "failure" and truth.failure_cause and episode.failure_mode:
        same = plain(episode.failure_mode) == plain(truth.failure_cause)
        tally.add("cause", float(same), 1, cluster, axes)
    if (off := attempt.frames_off) is not None:
        tally.add("frame_near", float(off <= NEAR_FRAMES), 1, cluster, axes)


def plain(text: str) -> str:
    """A cause's words whatever their case and joints."""
    return " ".join(text.lower().replace("_", " ").replace("-", " ").split())


def frame_error(attempts: Sequence[Attempt]) -> Estimate:
    """Median distance of told failure frames, in frames."""
    named = [(a.frames_off, a.episode.episode_id) for a in attempts if a.frames_off is not None]
    return median([float(off) for off, _ in named if off is not None], [key for _, key in named])


def calibration(attempts: Sequence[Attempt]) -> Estimate:
    """Expected calibration error of told outcomes that carry a confidence."""
    confident = [(a.episode.outcome_confidence, a.right) for a in attempts if a.episode.outcome != "unknown"]
    pairs = [(confidence, right) for confidence, right in confident if confidence is not None]
    sums = np.zeros((len(pairs), 3 * BINS))
    for row, (confidence, right) in zip(sums, pairs, strict=True):
        row[3 * min(int(confidence * BINS), BINS - 1) :][:3] = 1, confidence, right
    if len(pairs) == 1:  # one attempt tells nothing of calibration
        return Estimate(None, None, None, 1)
    return of_sums(sums, calibration_error, len(pairs), share=False)


def calibration_error(sums: Floats) -> Floats:
    """(..., 3 * BINS) of count, confidence and right answers by bin -> (...): mean |confidence - accuracy|."""
    counts, confidence, right = (sums[..., i::3] for i in range(3))
    total = counts.sum(axis=-1)
    gaps = np.abs(confidence - right).sum(axis=-1)
    return np.asarray(np.divide(gaps, total, out=np.full(np.shape(total), np.nan), where=total > 0))


def _example(attempt: Attempt, recordings: Mapping[str, Recording]) -> Example:
    episode, truth = attempt.episode, attempt.truth
    kind = f"false {episode.outcome}" if not attempt.right else "failure frame far off"
    camera = episode.cameras[0]
    words = f"{episode.name}: told {episode.outcome} by {episode.outcome_source or 'nobody'}, is {truth.outcome}"
    texts = [
        ("cause", f"told {episode.failure_mode or 'none'}, is {truth.failure_cause or 'none'}"),
        ("frame", f"told {episode.failure_frame}, is {truth.failure_frame}"),
    ]
    sure = episode.outcome_confidence or 0.0
    recording = recordings.get(camera["sha256"])
    clips = recording.clips_in(camera["start_ns"], camera["end_ns"]) if recording else ()
    return Example(
        kind, camera["sha256"], camera["start_ns"], camera["end_ns"], words, clips, sure, (), tuple(texts)
    )  # fmt: skip
