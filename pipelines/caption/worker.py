"""One worker of caption: reads a batch's rows and proxies, asks its backend, checks what came back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa

from captioning import grounded
from captioning.checks import CaptionSet, CheckResult, check, first_failure
from captioning.facts import Facts, facts_of
from captioning.frame_sampling import frames_of
from captioning.prompt import parse, prompt_for, render
from infra.models.captioner import Captioner, Request
from infra.storage.tables import Store
from schemas import Caption, Episode, Reject
from schemas.arrow import table_of
from schemas.captions import StoredCheck
from schemas.errors import BadMedia, UsageError
from schemas.hands import StoredHand
from schemas.keys import caption_key, digest_of, hands_key, reject_key
from schemas.recordings import StoredNarration
from schemas.tables import TypedTable

HOP = "caption"
if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    R = TypeVar("R", bound=DataclassInstance)

BACKENDS = ("grounded", "openai", "transformers")

# Texts by kind and their checks, or the reason and the detail of a refusal.
Answer = tuple[dict[str, str], list[CheckResult]] | BadMedia


@dataclass(frozen=True, slots=True)
class CaptionOptions:
    """What writes, and how much at a time."""

    backend: str = "grounded"
    model: str = ""  # openai: the server's name of it; transformers: a folder or a cached id
    base_url: str = ""  # openai: ends in /v1
    api_key_env: str = ""  # openai: the environment variable that holds the key; empty: none is sent
    device: str = "cpu"  # transformers: cpu, cuda, cuda:1
    max_images: int = 8  # of a span, evenly spread; 0 for a model that reads text only
    batch_size: int = 32  # spans in one commit
    max_in_flight: int = 8  # openai: requests at once
    max_tokens: int = 800  # of a reply
    timeout_s: float = 120.0


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


@cache
def signature(options: CaptionOptions, stage: str) -> tuple[str, str]:
    """captions.model and captions.prompt that these options write; loads no model and asks no server."""
    if options.backend == "grounded":
        return grounded.MODEL, grounded.RULES
    prompt = digest_of([prompt_for(stage).digest, options.max_images])
    if options.backend == "openai":
        from infra.models.openai_compatible import served_name

        return served_name(options.model), prompt
    if options.backend == "transformers":
        from infra.models.transformers_vlm import local_name

        return local_name(options.model), prompt
    raise UsageError(f"captions.backend is {options.backend!r}; it is one of {', '.join(BACKENDS)}")


def recipe_of(signed: tuple[str, str], basis: str) -> str:
    """The recipe of rejects: a refusal is final for one model, prompt and the words it rests on."""
    return digest_of([*signed, basis])


def open_backend(options: CaptionOptions) -> Captioner | None:
    """The backend's door; None for grounded, which is no model."""
    if options.backend == "grounded":
        return None
    if options.backend == "openai":
        from infra.models.openai_compatible import OpenAICompatible

        return OpenAICompatible(
            options.base_url, options.model, options.api_key_env or None,
            options.max_in_flight, options.timeout_s, options.max_tokens,
        )  # fmt: skip
    from infra.models.transformers_vlm import TransformersVlm

    return TransformersVlm(options.model, options.device, options.max_tokens)


class CaptionWorker:
    """An actor (or, for a few spans, an object in the driver); its model is loaded once."""

    def __init__(self, store: Store, run_id: str, detector: str, options: CaptionOptions) -> None:
        self.store, self.run_id, self.detector = store, run_id, detector
        self.options = options
        self._backend: Captioner | None = None

    def _opened(self) -> Captioner | None:
        """The backend, opened late: of an actor that fails in __init__ Ray says only that it died."""
        if self._backend is None:
            self._backend = open_backend(self.options)
        return self._backend

    def write(self, jobs: Sequence[CaptionJob]) -> tuple[pa.Table, pa.Table]:
        """Rows of captions and of rejects for jobs of `caption.missing`; every job ends in one of them."""
        facts = self._facts(jobs)
        backend = self._opened()
        answers = [_grounded(f) for f in facts] if backend is None else self._asked(backend, jobs, facts)
        captions: list[Caption] = []
        rejects: list[Reject] = []
        for job, known, answer in zip(jobs, facts, answers, strict=True):
            captions += self._original(known)
            if isinstance(answer, BadMedia):
                rejects.append(self._reject(job, known, answer))
            else:
                captions += self._captions(known, *answer)
        return table_of(Caption, captions), table_of(Reject, rejects)

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

    def _asked(self, backend: Captioner, jobs: Sequence[CaptionJob], known: Sequence[Facts]) -> list[Answer]:
        pictures = self._pictures(jobs)
        requests = [
            Request(render(prompt_for(f.stage), f), pictures.get(j.span.span_id, ()), f.span_id)
            for j, f in zip(jobs, known, strict=True)
        ]
        return [_checked(f, reply) for f, reply in zip(known, backend.complete(requests), strict=True)]

    def _pictures(self, jobs: Sequence[CaptionJob]) -> dict[str, tuple[bytes, ...]]:
        """What the model sees of each span, from the proxies."""
        if not self.options.max_images:
            return {}
        row_ids = sorted({job.span.clip_row_id for job in jobs})
        proxies = {p.clip_id: p for p in self._read(Samples, "proxies", "clip_row_id", row_ids)}
        return {j.span.span_id: _pictures_of(proxies[j.span.clip_id], j.span, self.options.max_images) for j in jobs}

    def _original(self, facts: Facts) -> list[Caption]:
        """The narration as it came. A log's instruction is none: it tells the wish, not what happened."""
        if facts.attempt is not None or facts.narration is None:
            return []
        return [self._caption(facts, "original", facts.narration, ("source", ""), [], None)]

    def _captions(self, facts: Facts, texts: Mapping[str, str], checks: list[CheckResult]) -> list[Caption]:
        signed = signature(self.options, facts.stage)
        parent = caption_key(facts.span_id, "original", "source", "", facts.basis) if self._original(facts) else None
        if "instruction" in texts:
            parent = caption_key(facts.span_id, "instruction", *signed, facts.basis)
        return [
            self._caption(facts, kind, text, signed, checks, parent if kind != "instruction" else None)
            for kind, text in texts.items()
        ]

    def _caption(
        self, facts: Facts, kind: str, text: str, signed: tuple[str, str], checks: list[CheckResult],
        parent: str | None,
    ) -> Caption:  # fmt: skip
        decoding = "{}" if self._backend is None or signed[0] == "source" else self._backend.decoding
        return Caption(
            caption_id=caption_key(facts.span_id, kind, *signed, facts.basis), span_id=facts.span_id,
            sha256=facts.sha256, kind=kind, text=text, model=signed[0], prompt=signed[1], basis=facts.basis,
            decoding=decoding,
            checks=[StoredCheck(name=c.name, score=c.score, passed=c.passed) for c in checks], parent=parent,
            run_id=self.run_id,
        )  # fmt: skip

    def _reject(self, job: CaptionJob, facts: Facts, bad: BadMedia) -> Reject:
        recipe = recipe_of(signature(self.options, facts.stage), facts.basis)
        return Reject(
            reject_id=reject_key(facts.span_id, HOP, recipe), subject=facts.span_id, uri=job.uri, stage=HOP,
            recipe=recipe, reason=bad.reason, detail=bad.detail, run_id=self.run_id,
        )  # fmt: skip


def _pictures_of(proxy: Samples, span: CaptionSpan, max_images: int) -> tuple[bytes, ...]:
    chosen = frames_of(proxy.sample_ns, span.start_ns, span.end_ns, max_images)
    return tuple(proxy.jpegs[i] for i in chosen)


def _grounded(facts: Facts) -> Answer:
    return _judged(facts, grounded.compose(facts))


def _checked(facts: Facts, reply: str) -> Answer:
    """A model's reply as captions, with the log's instruction beside, or why it is refused."""
    try:
        texts = parse(reply, facts)
    except BadMedia as bad:
        return bad
    told = grounded.compose(facts).get("instruction")
    return _judged(facts, texts | ({"instruction": told} if told else {}))


def _judged(facts: Facts, texts: dict[str, str]) -> Answer:
    results = check(CaptionSet(facts.span_id, texts), facts)
    failed = first_failure(results)
    if failed is None:
        return texts, results
    said = json.dumps(texts, ensure_ascii=False)[:600]
    return BadMedia(failed.name, f"score {failed.score:.2f}: {said}")
