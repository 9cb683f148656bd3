"""Contact sheets of the report: which spans are shown, with their pictures, what was measured and what was written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from orchestration.reports.choice import spread
from orchestration.reports.pictures import (
    Picture,
    PictureStyle,
    frames_of,
    hands_by_time,
    picture_of,
    proxies_of,
)
from orchestration.reports.texts import WrittenTexts, texts_of
from pipelines.corpus.corpus import Corpus
from pipelines.corpus.decisions import DECISION
from pipelines.corpus.inventory import ASSET, CLIP
from schemas import Decision, Hands
from schemas.arrow import rows_of
from schemas.columns import values_of
from schemas.spans import Span
from schemas.tables import TypedTable


@dataclass(frozen=True, slots=True)
class SheetSource:
    """What sheets are made from."""

    corpus: Corpus
    decisions: TypedTable[Decision]  # that hold now, copies of better spans told as such
    detector: str | None = None  # whose hands are drawn; None: the last by name
    style: PictureStyle = field(default_factory=PictureStyle)


@dataclass(frozen=True, slots=True)
class Measured:
    """Signals of a clip that the page shows."""

    clip_id: str
    sharpness: float | None
    brightness: float | None
    motion: float | None
    camera_motion: float | None
    freeze_share: float | None
    text_share: float | None
    damaged_frames: int


SIGNALS = ("sharpness", "brightness", "motion", "camera_motion", "freeze_share", "text_share")


@dataclass(frozen=True, slots=True)
class SpanTile:
    """One span: where it is from, what was decided and why, what was written, a picture where there is room for one."""

    uri: str
    span: Span
    decision: Decision
    facts: tuple[tuple[str, str], ...]
    written: WrittenTexts
    picture: Picture | None

    @property
    def reason(self) -> str:
        """Under which the page lists it: its first reason, or its verdict."""
        return self.decision.reasons[0] if self.decision.reasons else self.decision.verdict


@dataclass(slots=True)
class PictureBudget:
    """Bytes of pictures that the page may still take."""

    left: int
    dropped: int = 0

    def take(self, picture: Picture | None) -> Picture | None:
        """The picture, or None once it would not fit."""
        if picture is None:
            return None
        size = len(picture.src) + 200 * len(picture.hands) + sum(len(h.bones) for h in picture.hands)
        if size > self.left:
            self.dropped += 1
            return None
        self.left -= size
        return picture


def span_tiles(
    source: SheetSource, decisions: TypedTable[Decision], max_tiles: int, budget: PictureBudget
) -> list[SpanTile]:
    """Tiles of at most `max_tiles` of the decisions with their pictures, by stage, place and time."""
    rows = choose_spans(decisions, max_tiles).rows()
    uris = _uris(source.corpus)
    measured = _measured(source.corpus, [r.clip_id for r in rows])
    written = texts_of(source.corpus, rows)
    pictures = span_pictures(source, [(r.clip_id, (r.start_ns, r.end_ns)) for r in rows], budget)
    tiles = []
    for row in rows:
        span = (row.start_ns, row.end_ns)
        facts = _facts(row, measured[row.clip_id])
        words, picture = written.get(row.span_id, WrittenTexts()), pictures.get((row.clip_id, span))
        tiles.append(SpanTile(uris.get(row.sha256, row.sha256), span, row, facts, words, picture))
    return sorted(tiles, key=lambda t: (t.decision.stage, t.uri, t.span))


def choose_spans(decisions: TypedTable[Decision], max_spans: int) -> TypedTable[Decision]:
    """Spans that cover every stage, verdict and reason first, then many recordings."""
    reasons = decisions.values(DECISION.reasons)
    firsts = [r[0] if r else "" for r in reasons]
    groups = zip(decisions.values(DECISION.stage), decisions.values(DECISION.verdict), firsts, strict=True)
    labels = [["|".join(g) for g in groups], [" ".join(r) for r in reasons], decisions.values(DECISION.sha256)]
    return decisions.take(pa.array(spread(labels, decisions.values(DECISION.span_id), max_spans), pa.int64()))


def _uris(corpus: Corpus) -> dict[str, str]:
    """Where each recording lies, by sha256."""
    primary = corpus.primary_assets()
    return dict(zip(primary.values(ASSET.sha256), primary.values(ASSET.uri), strict=True))


def _measured(corpus: Corpus, clip_ids: Sequence[str]) -> dict[str, Measured]:
    clips = corpus.clips().table
    wanted = clips.filter(pc.is_in(clips["clip_id"], pa.array(clip_ids, pa.string())))
    return {row.clip_id: row for row in TypedTable(Measured, wanted).rows()}


def _facts(decision: Decision, measured: Measured) -> tuple[tuple[str, str], ...]:
    """What was measured, for people; the unmeasured is left out."""
    facts = []
    if decision.hand_share is not None:
        facts.append(("hands", f"{decision.hand_share:.0%}" + (", both" if decision.bimanual else "")))
    for name in SIGNALS:
        value: float | None = getattr(measured, name)
        if value is not None:
            facts.append((name.removesuffix("_share").replace("_", " "), _in_words(name, value)))
    if measured.damaged_frames:
        facts.append(("damaged frames", f"{measured.damaged_frames:,}"))
    return tuple(facts)


def _in_words(signal: str, value: float) -> str:
    if signal == "freeze_share":
        return f"{value:.0%}"
    if signal == "text_share":
        return f"{value:.1%}"
    if signal == "camera_motion":
        return f"{value:.1%}/s"
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def span_pictures(
    source: SheetSource, wanted: Sequence[tuple[str, Span]], budget: PictureBudget
) -> dict[tuple[str, Span], Picture]:
    """Pictures of (clip_id, span), in the order of the clips' first mention, until the budget is spent."""
    spans: dict[str, list[Span]] = {}
    for clip_id, span in wanted:
        spans.setdefault(clip_id, []).append(span)
    row_ids = _row_ids(source.corpus, list(spans))
    tracks = _tracks(source, row_ids)
    out: dict[tuple[str, Span], Picture] = {}
    for proxy in proxies_of(source.corpus.store, row_ids):
        hands = hands_by_time(tracks[proxy.clip_id]) if proxy.clip_id in tracks else {}
        for span in dict.fromkeys(spans.pop(proxy.clip_id, [])):
            picture = budget.take(picture_of(frames_of([proxy]), hands, span, source.style))
            if picture is not None:
                out[proxy.clip_id, span] = picture
    return out


def _row_ids(corpus: Corpus, clip_ids: Sequence[str]) -> list[str]:
    """The clips' rows under the corpus' recipe, in the order of the clips."""
    clips = corpus.clips()
    at = pc.index_in(pa.array(clip_ids, pa.string()), value_set=clips[CLIP.clip_id].combine_chunks())
    return values_of(clips[CLIP.clip_row_id].take(at.drop_null()), str)


def _tracks(source: SheetSource, row_ids: Sequence[str]) -> dict[str, Hands]:
    """Each clip's hand track: the detector's, or where none is named the last by name."""
    tracks = rows_of(Hands, source.corpus.store.read_keys("hands", "clip_row_id", row_ids))
    drawn = [t for t in tracks if source.detector in (None, t.detector)]
    return {t.clip_id: t for t in sorted(drawn, key=lambda t: t.detector)}
