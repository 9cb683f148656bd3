"""Contact sheets of the report: which spans and attempts are shown, with their pictures and words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from infra.storage.tables import Store
from orchestration.reports.pictures import Look, Picture, picture_of, proxies_of
from pipelines.corpus import corpus as now
from pipelines.corpus.captions import bases
from pipelines.corpus.inventory import CurrentAsset
from schemas import Decision
from schemas.columns import joined, values_of
from schemas.spans import NS, Span
from schemas.tables import TypedTable

Row = dict[str, Any]
SIGNALS = ("sharpness", "brightness", "motion", "camera_motion", "freeze_share", "text_share")


@dataclass(frozen=True, slots=True)
class Tile:
    """One span: where it is from, what was decided and why, what was said."""

    span_id: str
    clip_id: str
    uri: str
    stage: str
    span: Span
    verdict: str
    reasons: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    texts: dict[str, str]
    model: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One robot attempt."""

    row: Row
    seconds: float | None
    texts: dict[str, str]
    verdicts: tuple[str, ...]
    picture: Picture | None = None


@dataclass(slots=True)
class Budget:
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


@dataclass(frozen=True, slots=True)
class Corpus:
    """What tiles are made from; `clips` and `decisions` are the current ones."""

    store: Store
    assets: TypedTable[CurrentAsset]  # the inventory
    clips: pa.Table
    decisions: pa.Table  # with `reason` and `stage`
    detector: str | None = None
    look: Look = field(default_factory=Look)


def current_decisions(corpus: now.Corpus) -> pa.Table:
    """The policy's decisions on current clips, copies told; reason: the first or ""."""
    table = corpus.decisions(without_duplicates=True).table
    first = joined(pc.list_slice(table["reasons"], 0, 1, return_fixed_size_list=False), "")
    return table.append_column("reason", first)


def spread(labels: Sequence[Sequence[str]], keys: Sequence[str], most: int) -> list[int]:
    """Numbers of at most `most` rows: one of every first label, then a second of each, and so on.

    Among a label's rows those of the next label take turns likewise; keys, which are hashes, settle the
    rest, so that the draw looks random and is the same whatever the order of the rows.
    """
    order = np.argsort(np.asarray(keys, object), kind="stable")
    for label in reversed(labels):
        turns = _turns(np.asarray(label, object)[order])
        order = order[np.argsort(turns, kind="stable")]
    return [int(i) for i in order[:most]]


def _turns(values: NDArray[Any]) -> NDArray[Any]:
    """How many rows before each one hold the same value."""
    _, codes = np.unique(values, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    starts = np.searchsorted(ordered, ordered, side="left")
    turns = np.empty(len(codes), np.int64)
    turns[order] = np.arange(len(codes)) - starts
    return turns


def choose(decisions: pa.Table, most: int) -> pa.Table:
    """Spans that cover every stage, verdict and reason first, then many recordings."""
    reasons = values_of(joined(decisions["reasons"], " "), str)
    groups = zip(*(values_of(decisions[c], str) for c in ("stage", "verdict", "reason")), strict=True)
    labels = [["|".join(g) for g in groups], reasons, values_of(decisions["sha256"], str)]
    return decisions.take(pa.array(spread(labels, values_of(decisions["span_id"], str), most), pa.int64()))


def tiles(corpus: Corpus, chosen: pa.Table, uris: dict[str, str]) -> list[Tile]:
    """A tile a decision, without pictures; uris: where each recording lies, by sha256."""
    rows = chosen.to_pylist()
    clips = _by(corpus.clips.filter(pc.is_in(corpus.clips["clip_id"], chosen["clip_id"].combine_chunks())), "clip_id")
    texts = captions_of(corpus.store, bases(corpus.assets, corpus.store, TypedTable(Decision, chosen).rows()))
    out = []
    for r in rows:
        said, model = texts.get(r["span_id"], ({}, None))
        span = (r["start_ns"], r["end_ns"])
        facts = _facts(r, clips[r["clip_id"]])
        out.append(
            Tile(
                span_id=r["span_id"],
                clip_id=r["clip_id"],
                uri=uris.get(r["sha256"], r["sha256"]),
                stage=r["stage"],
                span=span,
                verdict=r["verdict"],
                reasons=tuple(r["reasons"]),
                facts=facts,
                texts=said,
                model=model,
            )
        )
    return out


def _facts(decision: Row, clip: Row) -> tuple[tuple[str, str], ...]:
    """What was measured, for people; the unmeasured is left out."""
    out = []
    if decision["hand_share"] is not None:
        out.append(("hands", f"{decision['hand_share']:.0%}" + (", both" if decision["bimanual"] else "")))
    out += [
        (name.removesuffix("_share").replace("_", " "), _measure(name, clip[name]))
        for name in SIGNALS
        if clip[name] is not None
    ]
    if clip["damaged_frames"]:
        out.append(("damaged frames", f"{clip['damaged_frames']:,}"))
    return tuple(out)


def _measure(name: str, value: float) -> str:
    if name == "freeze_share":
        return f"{value:.0%}"
    if name == "text_share":
        return f"{value:.1%}"
    if name == "camera_motion":
        return f"{value:.1%}/s"
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def captions_of(store: Store, bases: Mapping[str, str]) -> dict[str, tuple[dict[str, str], str]]:
    """Text by kind, and the model that wrote most of it, of each span that has one now (bases: by span_id)."""
    columns = ["span_id", "basis", "kind", "text", "model", "prompt"]
    rows = store.read_keys("captions", "span_id", list(bases), columns).to_pylist()
    rows = [r for r in rows if r["basis"] == bases[r["span_id"]]]
    out: dict[str, tuple[dict[str, str], str]] = {}
    for row in sorted(rows, key=lambda r: (r["span_id"], r["kind"] != "L1", r["model"], r["prompt"], r["kind"])):
        texts, _ = out.setdefault(row["span_id"], ({}, row["model"]))
        texts.setdefault(row["kind"], row["text"])
    return out


def pictures(corpus: Corpus, wanted: Sequence[tuple[str, Span]], budget: Budget) -> dict[tuple[str, Span], Picture]:
    """Pictures of (clip, span), in the order of the clips' first mention, until the budget is spent."""
    spans: dict[str, list[Span]] = {}
    for clip, span in wanted:
        spans.setdefault(clip, []).append(span)
    rows = row_ids(corpus, list(spans))
    hands = hands_of(corpus, rows)
    out: dict[tuple[str, Span], Picture] = {}
    for proxy in proxies_of(corpus.store, rows):
        clip = proxy["clip_id"]
        for span in dict.fromkeys(spans.pop(clip, [])):
            if (picture := budget.take(picture_of(proxy, hands.get(clip), span, corpus.look))) is not None:
                out[clip, span] = picture
    return out


def row_ids(corpus: Corpus, clip_ids: Sequence[str]) -> list[str]:
    """The clips' rows under the corpus' recipe, in the order of the clips."""
    at = pc.index_in(pa.array(clip_ids, pa.string()), value_set=corpus.clips["clip_id"].combine_chunks())
    return values_of(corpus.clips["clip_row_id"].take(at.drop_null()), str)


def hands_of(corpus: Corpus, rows: Sequence[str]) -> dict[str, Row]:
    """Each clip's hand track: the policy's detector's, or where that is not told the last by name."""
    tracks = corpus.store.read_keys("hands", "clip_row_id", rows).to_pylist()
    told = [r for r in tracks if corpus.detector in (None, r["detector"])]
    return {r["clip_id"]: r for r in sorted(told, key=lambda r: str(r["detector"]))}


def choose_attempts(episodes: pa.Table, most: int) -> list[Row]:
    """Attempts that cover every outcome and failure mode first, then robots and tasks."""
    columns = {c: episodes[c].to_pylist() for c in ("outcome", "failure_mode", "embodiment", "instruction")}
    ends = [f"{o}|{m}" for o, m in zip(columns["outcome"], columns["failure_mode"], strict=True)]
    tasks = [f"{e}|{i}" for e, i in zip(columns["embodiment"], columns["instruction"], strict=True)]
    at = spread([ends, tasks], values_of(episodes["episode_id"], str), most)
    return list(episodes.take(pa.array(at, pa.int64())).to_pylist())


def attempts(corpus: Corpus, rows: Sequence[Row], budget: Budget) -> list[Attempt]:
    """Attempts with the picture of their first camera and what was said of it."""
    clips = _by_recording(corpus.clips, [c["sha256"] for r in rows for c in r["cameras"]])
    first = {r["episode_id"]: _shown_clip(r, clips) for r in rows}
    shown = [(c["clip_id"], (c["start_ns"], c["end_ns"])) for c in first.values() if c is not None]
    images = pictures(corpus, shown, budget)
    decided = corpus.decisions.filter(
        pc.is_in(corpus.decisions["clip_id"], pa.array([c for c, _ in shown], pa.string()))
    )
    texts = captions_of(corpus.store, bases(corpus.assets, corpus.store, TypedTable(Decision, decided).rows()))
    by_clip: dict[str, list[Row]] = {}
    for d in decided.sort_by("start_ns").to_pylist():
        by_clip.setdefault(d["clip_id"], []).append(d)
    out = []
    for r in rows:
        clip = first[r["episode_id"]]
        spans = by_clip.get(clip["clip_id"], []) if clip else []
        said: dict[str, str] = {}
        for d in spans:
            said = texts.get(d["span_id"], ({}, None))[0] | said
        picture = images.get((clip["clip_id"], (clip["start_ns"], clip["end_ns"]))) if clip else None
        verdicts = tuple(dict.fromkeys(" ".join([d["verdict"], *d["reasons"]]) for d in spans))
        out.append(Attempt(r, r["seconds"], said, verdicts, picture))
    return out


def _by_recording(clips: pa.Table, sha256s: Iterable[str]) -> dict[str, list[Row]]:
    wanted = clips.filter(pc.is_in(clips["sha256"], pa.array(sorted(set(sha256s)), pa.string())))
    out: dict[str, list[Row]] = {}
    for row in wanted.select(["clip_id", "sha256", "start_ns", "end_ns"]).sort_by("start_ns").to_pylist():
        out.setdefault(row["sha256"], []).append(row)
    return out


def _shown_clip(episode: Row, clips: dict[str, list[Row]]) -> Row | None:
    """The last clip of its first camera that has any: how it ended is what one wants to see."""
    for camera in episode["cameras"]:
        inside = [
            c
            for c in clips.get(camera["sha256"], [])
            if camera["start_ns"] <= c["start_ns"] and c["end_ns"] <= camera["end_ns"]
        ]
        if inside:
            return inside[-1]
    return None


def _by(table: pa.Table, column: str) -> dict[str, Row]:
    return {r[column]: r for r in table.to_pylist()}


def length_s(span: Span) -> float:
    """Seconds of a span."""
    return (span[1] - span[0]) / NS


def leveled(texts: dict[str, str], kinds: Sequence[str]) -> list[tuple[str, str]]:
    """Names and texts of the kinds there are; a text that repeats the one before shares its line."""
    out: list[tuple[str, str]] = []
    for kind in kinds:
        if kind not in texts:
            continue
        if out and out[-1][1] == texts[kind]:
            out[-1] = (f"{out[-1][0]} {kind}", texts[kind])
        else:
            out.append((kind, texts[kind]))
    return out
