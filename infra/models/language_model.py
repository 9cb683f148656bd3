"""Language models behind one protocol with one verb. Their doors: openai_compatible, transformers_vlm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One question about one span."""

    text: str
    images: tuple[bytes, ...]  # JPEG files in the order of time; empty for a text-only model
    content_hash: str  # also in the text; for logs and order checks


class LanguageModel(Protocol):
    """A model that answers."""

    def complete(self, requests: Sequence[ModelRequest]) -> list[str]:
        """One reply a request, in order; an empty one where the model refused that request.

        TransientError: it gave up after its retries; nothing of the batch counts. UsageError: wrong settings.
        """
        ...
