"""Which captions hold now: those that rest on the words as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from captioning.facts import basis_of
from infra.storage.tables import Store
from pipelines.corpus.episodes import episode_of, episodes_by_recording
from pipelines.corpus.inventory import ASSET, CurrentAsset
from schemas.spans import SpanOfBytes
from schemas.tables import TypedTable


class Span(SpanOfBytes, Protocol):
    """A span of decisions."""

    @property
    def span_id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class CaptionText:
    """What is read of a caption to choose one."""

    span_id: str
    basis: str
    kind: str
    text: str
    model: str
    prompt: str


def bases(assets: TypedTable[CurrentAsset], store: Store, spans: Iterable[Span]) -> dict[str, str]:
    """What captions of each span must rest on now, by span_id. assets: the inventory."""
    narrations = dict(zip(assets.values(ASSET.sha256), assets.values(ASSET.narrations), strict=True))
    primary = assets.filter(assets[ASSET.primary])
    stages = dict(zip(primary.values(ASSET.sha256), primary.values(ASSET.stage), strict=True))
    narrations |= dict(zip(primary.values(ASSET.sha256), primary.values(ASSET.narrations), strict=True))
    episodes = episodes_by_recording(store)
    by_span = {}
    for span in spans:
        robot = stages.get(span.sha256, "robot") == "robot"  # other places of the same bytes do not speak
        attempt = episode_of(episodes, span) if robot else None
        by_span[span.span_id] = basis_of(narrations[span.sha256], attempt.episode if attempt else None, span)
    return by_span


def captions_of(store: Store, spans: Sequence[str]) -> dict[tuple[str, str], list[CaptionText]]:
    """Captions of spans by (span_id, basis): those that rest on words since corrected are under another basis."""
    columns = ["span_id", "basis", "kind", "text", "model", "prompt"]
    table = TypedTable(CaptionText, store.read_keys("captions", "span_id", spans, columns))
    by_span: dict[tuple[str, str], list[CaptionText]] = {}
    for row in table.rows():
        by_span.setdefault((row.span_id, row.basis), []).append(row)
    return by_span
