"""Windows over hand tracks, on columns: which spans of which clips hold hands at work."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.columns import Array, items_of

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Tracks:
    """All samples of all clips, in order of clip and time. Clips are numbered 0..N-1.

    Clip columns are (N,), sample columns (S,); a sample covers [t_ns, until_ns), up to its clip's next.
    """

    start_ns: Ints
    end_ns: Ints
    clip: Ints
    t_ns: Ints
    until_ns: Ints
    count: Ints  # hands in the sample
    contact: NDArray[np.float32]  # strongest of its hands; nan: none measured


@dataclass(frozen=True, slots=True)
class Spans:
    """(M,) spans with a code of what was found there, in order of clip and time."""

    clip: Ints
    start_ns: Ints
    end_ns: Ints
    code: Ints

    def where(self, keep: Mask | Ints) -> Spans:
        """The spans at a mask or at indices."""
        return Spans(self.clip[keep], self.start_ns[keep], self.end_ns[keep], self.code[keep])


@dataclass(frozen=True, slots=True)
class SpanRule:
    """How runs of hands become spans. Times in ns."""

    bridge_ns: int
    pad_ns: int
    min_span_ns: int
    max_span_ns: int
    min_hand_samples: int
    min_contact: float
    min_weak_contact: float


class SpanCode(IntEnum):
    """What a span holds, as a number since spans are columns; the names are the reasons of decisions, but CONTACT's.

    Those up to CONTACT_UNMEASURED may still be of use.
    """

    CONTACT = 0
    WEAK_CONTACT = 1
    CONTACT_UNMEASURED = 2
    NO_CONTACT = 3
    BRIEF_HANDS = 4
    NO_HANDS = 5
    NO_CALIBRATION = 8  # a robot's: its hands are projected, never detected
    NOT_SAMPLED = 9


def tracks_of(hands: pa.Table, start_ns: Ints, end_ns: Ints, keep: Mask) -> Tracks:
    """Rows of schemas.Hands where `keep`, with each row's clip's start and end; sample times ascend."""
    lengths, time_chunks = _lists(hands["sample_ns"])
    times = _all(time_chunks)
    hand_lengths, hand_rows = _lists(hands["hands"])
    offset = np.cumsum(lengths) - lengths
    at = _numpy(hand_rows, "sample").astype(np.int64)
    if len(at) and (at.min() < 0 or (at >= np.repeat(lengths, hand_lengths)).any()):
        raise ValueError("a hand names a sample that its row does not have")
    at += np.repeat(offset, hand_lengths)
    count = np.bincount(at, minlength=len(times)).astype(np.int64)
    contact = np.full(len(times), np.nan, dtype=np.float32)
    np.fmax.at(contact, at, _numpy(hand_rows, "contact").astype(np.float32))
    row = np.repeat(np.arange(len(lengths)), lengths)
    stay = keep[row]
    number = np.cumsum(keep) - 1
    clip, start, end = number[row[stay]], start_ns[keep], end_ns[keep]
    t_ns = np.clip(times[stay], start[clip], end[clip])
    return Tracks(start, end, clip, t_ns, _next_sample_ns(clip, t_ns, end), count[stay], contact[stay])


def spans_of(tracks: Tracks, rule: SpanRule) -> Spans:
    """Spans that tile every clip of `tracks`: runs of hands with their code, SpanCode.NO_HANDS between them."""
    runs = merge_runs(pad_runs(tracks, runs_of(tracks, rule), rule))
    short = (runs.end_ns - runs.start_ns < rule.min_span_ns) & (runs.code <= SpanCode.CONTACT_UNMEASURED)
    runs = Spans(runs.clip, runs.start_ns, runs.end_ns, np.where(short, SpanCode.BRIEF_HANDS, runs.code))
    return divide_spans(tile_clips(tracks, runs), rule.max_span_ns)


def runs_of(tracks: Tracks, rule: SpanRule) -> Spans:
    """Samples with hands, joined over gaps of up to the bridge, each run with its code."""
    at = np.flatnonzero(tracks.count > 0)
    clip, start, until = tracks.clip[at], tracks.t_ns[at], tracks.until_ns[at]
    opens = np.ones(len(at), dtype=bool)
    opens[1:] = (clip[1:] != clip[:-1]) | (start[1:] - until[:-1] > rule.bridge_ns)
    first = np.flatnonzero(opens)
    if not len(first):
        return Spans(first, first, first, first)
    last = np.append(first[1:], len(at)) - 1
    contact = tracks.contact[at]
    measured = np.add.reduceat(~np.isnan(contact), first, dtype=np.int64) > 0
    peak = np.maximum.reduceat(np.nan_to_num(contact, nan=-1.0), first)
    code = np.select(
        [
            last - first + 1 < rule.min_hand_samples,
            ~measured,
            peak >= rule.min_contact,
            peak >= rule.min_weak_contact,
        ],
        [SpanCode.BRIEF_HANDS, SpanCode.CONTACT_UNMEASURED, SpanCode.CONTACT, SpanCode.WEAK_CONTACT],
        default=SpanCode.NO_CONTACT,
    )
    return Spans(clip[first], start[first], until[last], code.astype(np.int64))


def pad_runs(tracks: Tracks, runs: Spans, rule: SpanRule) -> Spans:
    """Runs grown on both sides inside their clip; where two would overlap they meet half way."""
    start = np.maximum(runs.start_ns - rule.pad_ns, tracks.start_ns[runs.clip])
    end = np.minimum(runs.end_ns + rule.pad_ns, tracks.end_ns[runs.clip])
    together = runs.clip[1:] == runs.clip[:-1]
    middle = runs.end_ns[:-1] + (runs.start_ns[1:] - runs.end_ns[:-1]) // 2
    start[1:] = np.where(together, np.maximum(start[1:], middle), start[1:])
    end[:-1] = np.where(together, np.minimum(end[:-1], middle), end[:-1])
    return Spans(runs.clip, start, end, runs.code)


def merge_runs(runs: Spans) -> Spans:
    """Touching runs of one code become one."""
    if not len(runs.clip):
        return runs
    opens = np.ones(len(runs.clip), dtype=bool)
    apart = (runs.clip[1:] != runs.clip[:-1]) | (runs.start_ns[1:] > runs.end_ns[:-1])
    opens[1:] = apart | (runs.code[1:] != runs.code[:-1])
    first = np.flatnonzero(opens)
    last = np.append(first[1:], len(opens)) - 1
    return Spans(runs.clip[first], runs.start_ns[first], runs.end_ns[last], runs.code[first])


def tile_clips(tracks: Tracks, runs: Spans) -> Spans:
    """The runs and, as SpanCode.NO_HANDS, whatever they leave of each clip."""
    clips = np.arange(len(tracks.start_ns))
    new = np.ones(len(runs.clip), dtype=bool)
    new[1:] = runs.clip[1:] != runs.clip[:-1]
    before = np.where(new, tracks.start_ns[runs.clip], np.roll(runs.end_ns, 1))
    tail = tracks.start_ns.copy()
    tail[runs.clip] = runs.end_ns  # the last of a clip's runs stands
    every = Spans(
        np.concatenate([runs.clip, runs.clip, clips]),
        np.concatenate([runs.start_ns, before, tail]),
        np.concatenate([runs.end_ns, runs.start_ns, tracks.end_ns]),
        np.concatenate([runs.code, np.full(len(runs.clip) + len(clips), SpanCode.NO_HANDS)]),
    )
    every = every.where(every.end_ns > every.start_ns)
    return every.where(np.lexsort((every.start_ns, every.clip)))


def divide_spans(spans: Spans, max_span_ns: int) -> Spans:
    """Spans of use in equal parts of at most `max_span_ns`, as schemas.spans.split does."""
    length = spans.end_ns - spans.start_ns
    parts = np.where(spans.code <= SpanCode.CONTACT_UNMEASURED, np.maximum(1, -(-length // max_span_ns)), 1)
    of = np.repeat(np.arange(len(parts)), parts)
    part = np.arange(len(of)) - np.repeat(np.cumsum(parts) - parts, parts)
    start = spans.start_ns[of] + length[of] * part // parts[of]
    end = spans.start_ns[of] + length[of] * (part + 1) // parts[of]
    return Spans(spans.clip[of], start, end, spans.code[of])


def hand_shares(tracks: Tracks, spans: Spans) -> tuple[Floats, Floats]:
    """Per span the share of its samples with a hand and with two; nan without samples. Spans tile clips."""
    length = tracks.end_ns - tracks.start_ns
    shift = np.cumsum(length) - length - tracks.start_ns  # lays all clips end to end
    edges = spans.start_ns + shift[spans.clip]
    last = (tracks.end_ns - 1)[tracks.clip]  # a sample at its clip's very end belongs to the last span
    of = np.searchsorted(edges, np.minimum(tracks.t_ns, last) + shift[tracks.clip], side="right") - 1
    samples = np.bincount(of, minlength=len(edges)).astype(np.float64)
    samples[samples == 0] = np.nan
    one = np.bincount(of[tracks.count > 0], minlength=len(edges)) / samples
    return one, np.bincount(of[tracks.count > 1], minlength=len(edges)) / samples


def _next_sample_ns(clip: Ints, t_ns: Ints, end_ns: Ints) -> Ints:
    until = end_ns[clip]
    same = clip[1:] == clip[:-1]
    until[:-1] = np.where(same, t_ns[1:], until[:-1])
    return until


def _lists(column: pa.ChunkedArray[Any]) -> tuple[Ints, list[Array]]:
    """Lengths of a column of lists, and its values chunk by chunk (key points are never copied)."""
    lengths = [_all([pc.list_value_length(chunk)]) for chunk in column.chunks]
    whole = np.concatenate([*lengths, np.zeros(0, np.int64)]).astype(np.int64)
    return whole, [items_of(chunk) for chunk in column.chunks]


def _numpy(structs: list[Array], name: str) -> NDArray[Any]:
    return _all([pc.struct_field(chunk, name) for chunk in structs])


def _all(chunks: list[Array]) -> NDArray[Any]:
    """The chunks as one array (nan for null); int64 where there is none."""
    parts = [chunk.to_numpy(zero_copy_only=False) for chunk in chunks]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)
