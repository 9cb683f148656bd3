"""`grounded`: captions out of measured facts and the source's own words. No model."""

from __future__ import annotations

from collections.abc import Sequence

from captioning import grounded
from captioning.captioner import Captions, MeasuredSpan, Refusal, Signature
from pipelines.caption.backends.base import Backend


class GroundedCaptioner:
    """Composes; see captioning.grounded."""

    decoding = "{}"
    max_images = 0

    def signature(self, stage: str) -> Signature:
        """Its version, and a digest of its rules: the same for all stages."""
        return Signature(grounded.MODEL, grounded.RULES)

    def write(self, spans: Sequence[MeasuredSpan]) -> list[Captions | Refusal]:
        """See Captioner; it refuses none."""
        return [Captions(grounded.compose(span.facts)) for span in spans]


BACKEND = Backend("grounded", lambda options: GroundedCaptioner(), has_model=False)
