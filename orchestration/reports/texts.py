"""What was written of spans, as a page shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.corpus.captions import bases, captions_of
from pipelines.corpus.corpus import Corpus
from schemas import Decision


@dataclass(frozen=True, slots=True)
class WrittenTexts:
    """What was written of a span: text by kind, and the model that wrote most of it."""

    texts: Mapping[str, str] = field(default_factory=dict)
    model: str | None = None


def texts_of(corpus: Corpus, spans: Sequence[Decision]) -> dict[str, WrittenTexts]:
    """What was written of each span that has captions which hold now, by span_id."""
    basis_of = bases(corpus.assets(), corpus.store, spans)
    written: dict[str, WrittenTexts] = {}
    for (span_id, basis), captions in captions_of(corpus.store, list(basis_of)).items():
        if basis == basis_of[span_id]:
            ordered = sorted(captions, key=lambda c: (c.kind != "L1", c.model, c.prompt, c.kind))
            texts: dict[str, str] = {}
            for caption in ordered:
                texts.setdefault(caption.kind, caption.text)
            written[span_id] = WrittenTexts(texts, ordered[0].model)
    return written
