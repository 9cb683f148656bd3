"""One worker of caption: reads a batch's rows and proxies, asks its backend, checks what came back."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa

from captioning.captioner import Captioner, MeasuredSpan, Refusal, Signature
from captioning.checks import CheckedCaptions, judge_captions
from captioning.facts import Facts, facts_of
from captioning.frame_sampling import frames_of
from infra.storage.tables import Store
from pipelines.caption.backends import open_captioner
from pipelines.caption.options import CaptionOptions
from schemas import Caption, Episode, Reject
from schemas.arrow import table_of
from schemas.captions import StoredCheck
from schemas.hands import StoredHand
from schemas.keys import caption_key, digest_of, hands_key, reject_key
from schemas.recordings import StoredNarration
from schemas.tables import TypedTable

HOP = "caption"
SOURCE = Signature("source", "")  # signs the words that came with a recording
if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    R = TypeVar("R", bound=DataclassInstance)


@dataclass(frozen=True, slots=True)
class CaptionSpan:
    """What is read of a span's decision."""

    span_id: str
    clip_id: str
    clip_row_id: str
    sha256: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class CaptionJob:
    """A span to be captioned: what its recording's primary asset says of it, and the attempt that it shows."""

    span: CaptionSpan
    stage: str
    uri: str
    narrations: list[StoredNarration]
    episode: Episode | None
    basis: str


@dataclass(frozen=True, slots=True)
class ClipMotion:
    """What is read of a clip."""

    clip_id: str
    camera_motion: float | None


@dataclass(frozen=True, slots=True)
class HandTrack:
    """What is read of a clip's hands."""

    clip_id: str
    sample_ns: list[int]
    hands: list[StoredHand]


@dataclass(frozen=True, slots=True)
class Samples:
    """What is read of a clip's proxy."""

    clip_id: str
    sample_ns: list[int]
    jpegs: list[bytes]


def refusal_recipe(signed: Signature, basis: str) -> str:
    """The recipe of rejects: a refusal is final for one model, prompt and the words it rests on."""
    return digest_of([*signed, basis])


class CaptionWorker:
    """An actor (or, for a few spans, an object in the driver); its model is loaded once, by the first batch."""

    def __init__(self, store: Store, run_id: str, detector: str, options: CaptionOptions) -> None:
        self.store, self.run_id, self.detector = store, run_id, detector
        self.options = options
        self._captioner: Captioner | None = None

    def _opened(self) -> Captioner:
        """The captioner, opened late: of an actor that fails in __init__ Ray says only that it died."""
        if self._captioner is None:
            self._captioner = open_captioner(self.options)
        return self._captioner

    def write(self, jobs: Sequence[CaptionJob]) -> tuple[pa.Table, pa.Table]:
        """Rows of captions and of rejects for jobs of `caption.missing`; every job ends in one of them."""
        captioner = self._opened()
        spans = self._measured(jobs, captioner.max_images)
        captions: list[Caption] = []
        rejects: list[Reject] = []
        for job, span, answer in zip(jobs, spans, captioner.write(spans), strict=True):
            facts = span.facts
            captions += self._original(facts)
            judged = answer if isinstance(answer, Refusal) else judge_captions(answer, facts)
            if isinstance(judged, Refusal):
                rejects.append(self._reject(job, captioner.signature(facts.stage), judged))
            else:
                captions += self._captions(facts, judged, captioner)
        return table_of(Caption, captions), table_of(Reject, rejects)

    def _measured(self, jobs: Sequence[CaptionJob], max_images: int) -> list[MeasuredSpan]:
        pictures = self._pictures(jobs, max_images)
        return [
            MeasuredSpan(facts, pictures.get(job.span.span_id, ()))
            for job, facts in zip(jobs, self._facts(jobs), strict=True)
        ]

    def _facts(self, jobs: Sequence[CaptionJob]) -> list[Facts]:
        row_ids = sorted({job.span.clip_row_id for job in jobs})
        keys = [hands_key(c, self.detector) for c in row_ids]
        motion = {c.clip_id: c.camera_motion for c in self._read(ClipMotion, "clips", "clip_row_id", row_ids)}
        hands = {h.clip_id: h for h in self._read(HandTrack, "hands", "hands_id", keys)}
        return [
            facts_of(j.span, hands.get(j.span.clip_id), motion[j.span.clip_id], j.episode, j.stage, j.narrations)
            for j in jobs
        ]

    def _read(self, row: type[R], table: str, column: str, keys: list[str]) -> list[R]:
        names = [f.name for f in dataclasses.fields(row)]
        return TypedTable(row, self.store.read_keys(table, column, keys, names)).rows()

    def _pictures(self, jobs: Sequence[CaptionJob], max_images: int) -> dict[str, tuple[bytes, ...]]:
        """What the captioner sees of each span, from the proxies."""
        if not max_images:
            return {}
        row_ids = sorted({job.span.clip_row_id for job in jobs})
        proxies = {p.clip_id: p for p in self._read(Samples, "proxies", "clip_row_id", row_ids)}
        return {j.span.span_id: _pictures_of(proxies[j.span.clip_id], j.span, max_images) for j in jobs}

    def _original(self, facts: Facts) -> list[Caption]:
        """The narration as it came. A log's instruction is none: it tells the wish, not what happened."""
        if facts.attempt is not None or facts.narration is None:
            return []
        return [self._caption(facts, "original", facts.narration, SOURCE)]

    def _captions(self, facts: Facts, checked: CheckedCaptions, captioner: Captioner) -> list[Caption]:
        signed = captioner.signature(facts.stage)
        parent = caption_key(facts.span_id, "original", *SOURCE, facts.basis) if self._original(facts) else None
        if "instruction" in checked.texts:
            parent = caption_key(facts.span_id, "instruction", *signed, facts.basis)
        checks = [StoredCheck(name=c.name, score=c.score, passed=c.passed) for c in checked.results]
        return [
            dataclasses.replace(
                self._caption(facts, kind, text, signed), decoding=captioner.decoding, checks=checks,
                parent=parent if kind != "instruction" else None,
            )
            for kind, text in checked.texts.items()
        ]  # fmt: skip

    def _caption(self, facts: Facts, kind: str, text: str, signed: Signature) -> Caption:
        """One text, without what a captioner says of it."""
        return Caption(
            caption_id=caption_key(facts.span_id, kind, *signed, facts.basis), span_id=facts.span_id,
            sha256=facts.sha256, kind=kind, text=text, model=signed.model, prompt=signed.prompt, basis=facts.basis,
            decoding="{}", checks=[], parent=None, run_id=self.run_id,
        )  # fmt: skip

    def _reject(self, job: CaptionJob, signed: Signature, refusal: Refusal) -> Reject:
        recipe, span_id = refusal_recipe(signed, job.basis), job.span.span_id
        return Reject(
            reject_id=reject_key(span_id, HOP, recipe), subject=span_id, uri=job.uri, stage=HOP,
            recipe=recipe, reason=refusal.reason, detail=refusal.detail, run_id=self.run_id,
        )  # fmt: skip


def _pictures_of(proxy: Samples, span: CaptionSpan, max_images: int) -> tuple[bytes, ...]:
    chosen = frames_of(proxy.sample_ns, span.start_ns, span.end_ns, max_images)
    return tuple(proxy.jpegs[i] for i in chosen)
