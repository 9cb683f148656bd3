"""What a backend is, and the captioner that is a prompt to a language model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from captioning.captioner import Captioner, Captions, MeasuredSpan, Refusal, Signature
from captioning.prompt import prompt_for, read_reply, render
from infra.models.language_model import LanguageModel, ModelRequest
from pipelines.caption.options import CaptionOptions
from schemas.keys import digest_of


@dataclass(frozen=True, slots=True)
class Backend:
    """A captioner's name in the settings, and how it is made of them."""

    name: str
    open: Callable[[CaptionOptions], Captioner]  # loads no model
    has_model: bool = True  # its own threads share the work, so that one actor is its client unless told otherwise


@dataclass(slots=True)
class PromptedCaptioner:
    """Asks a language model: prompt, request, reply. The model is loaded by the first `write`."""

    model: str  # captions.model
    decoding: str
    max_images: int
    open_model: Callable[[], LanguageModel]
    _opened: LanguageModel | None = field(default=None, init=False)

    def signature(self, stage: str) -> Signature:
        """The model, and a digest of the stage's prompt and of how many pictures go with it."""
        return Signature(self.model, digest_of([prompt_for(stage).digest, self.max_images]))

    def write(self, spans: Sequence[MeasuredSpan]) -> list[Captions | Refusal]:
        """See Captioner."""
        if self._opened is None:
            self._opened = self.open_model()
        requests = [
            ModelRequest(render(prompt_for(span.facts.stage), span.facts), span.pictures, span.facts.span_id)
            for span in spans
        ]
        replies = self._opened.complete(requests)
        return [read_reply(reply, span.facts) for span, reply in zip(spans, replies, strict=True)]
