"""The robot's attempts on the report: which are shown, the picture of how each ended, what was written of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from orchestration.reports.attempt_numbers import ATTEMPT, AttemptRow
from orchestration.reports.choice import spread
from orchestration.reports.contact_sheets import PictureBudget, SheetSource, span_pictures
from orchestration.reports.pictures import Picture
from orchestration.reports.texts import WrittenTexts, texts_of
from pipelines.corpus.corpus import Corpus
from pipelines.corpus.decisions import DECISION
from pipelines.corpus.inventory import CLIP, CurrentClip
from schemas import Decision
from schemas.tables import TypedTable

FIRST = ("failure", "unknown", "success")  # what teaches most stands first


@dataclass(frozen=True, slots=True)
class AttemptTile:
    """One robot attempt, with texts by kind, the verdicts on its clip, and a picture where there is room for one."""

    attempt: AttemptRow
    texts: Mapping[str, str]
    verdicts: tuple[str, ...]
    picture: Picture | None


def attempt_tiles(
    source: SheetSource, attempts: TypedTable[AttemptRow], max_tiles: int, budget: PictureBudget
) -> list[AttemptTile]:
    """Tiles of at most `max_tiles` attempts, each with the picture of its first camera; failures first."""
    rows = choose_attempts(attempts, max_tiles).rows()
    clips = _clips_by_recording(source.corpus, [c["sha256"] for r in rows for c in r.cameras])
    clip_of = {r.episode_id: clip for r in rows if (clip := _clip_to_show(r, clips)) is not None}
    pictures = span_pictures(source, [(c.clip_id, (c.start_ns, c.end_ns)) for c in clip_of.values()], budget)
    decisions = _decisions_by_clip(source.decisions, [c.clip_id for c in clip_of.values()])
    written = texts_of(source.corpus, [d for group in decisions.values() for d in group])
    tiles = []
    for row in rows:
        clip = clip_of.get(row.episode_id)
        spans = decisions.get(clip.clip_id, []) if clip else []
        texts: Mapping[str, str] = {}
        for decision in spans:
            texts = {**written.get(decision.span_id, WrittenTexts()).texts, **texts}
        verdicts = tuple(dict.fromkeys(" ".join([d.verdict, *d.reasons]) for d in spans))
        picture = pictures.get((clip.clip_id, (clip.start_ns, clip.end_ns))) if clip else None
        tiles.append(AttemptTile(row, texts, verdicts, picture))
    return sorted(tiles, key=lambda t: (FIRST.index(t.attempt.outcome), t.attempt.name))


def choose_attempts(attempts: TypedTable[AttemptRow], max_attempts: int) -> TypedTable[AttemptRow]:
    """Attempts that cover every outcome and failure mode first, then robots and tasks."""
    labels = []
    for pair in ((ATTEMPT.outcome, ATTEMPT.failure_mode), (ATTEMPT.embodiment, ATTEMPT.instruction)):
        labels.append([f"{a}|{b}" for a, b in zip(*map(attempts.values, pair), strict=True)])
    keys = attempts.values(ATTEMPT.episode_id)
    return attempts.take(pa.array(spread(labels, keys, max_attempts), pa.int64()))


def _clips_by_recording(corpus: Corpus, sha256s: Iterable[str]) -> dict[str, list[CurrentClip]]:
    """Clips of the recordings, in order of time, by sha256."""
    clips = corpus.clips()
    wanted = clips.filter(pc.is_in(clips[CLIP.sha256], pa.array(sorted(set(sha256s)), pa.string())))
    out: dict[str, list[CurrentClip]] = {}
    for clip in wanted.sorted_by(CLIP.start_ns).rows():
        out.setdefault(clip.sha256, []).append(clip)
    return out


def _clip_to_show(attempt: AttemptRow, clips: Mapping[str, Sequence[CurrentClip]]) -> CurrentClip | None:
    """The last clip of its first camera that has any: how it ended is what one wants to see."""
    for camera in attempt.cameras:
        inside = [
            clip
            for clip in clips.get(camera["sha256"], ())
            if camera["start_ns"] <= clip.start_ns and clip.end_ns <= camera["end_ns"]
        ]
        if inside:
            return inside[-1]
    return None


def _decisions_by_clip(decisions: TypedTable[Decision], clip_ids: Sequence[str]) -> dict[str, list[Decision]]:
    """The clips' decisions, in order of time, by clip_id."""
    wanted = decisions.filter(pc.is_in(decisions[DECISION.clip_id], pa.array(clip_ids, pa.string())))
    out: dict[str, list[Decision]] = {}
    for decision in wanted.sorted_by(DECISION.start_ns).rows():
        out.setdefault(decision.clip_id, []).append(decision)
    return out
