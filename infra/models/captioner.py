"""Captioning models behind one protocol with one verb. Their own doors: model_openai, model_transformers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """One question about one span."""

    text: str
    images: tuple[bytes, ...]  # JPEG files in the order of time; empty for a text-only model
    content_hash: str  # also in the text; for logs and order checks


class Captioner(Protocol):
    """A model that answers."""

    name: str  # backend, model and version: captions.model
    decoding: str  # JSON of temperature, seed and the like: captions.decoding

    def complete(self, requests: Sequence[Request]) -> list[str]:
        """One reply a request, in order; an empty one where the model refused that request.

        TransientError: it gave up after its retries; nothing of the batch counts. UsageError: wrong settings.
        """
        ...
