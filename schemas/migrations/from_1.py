"""Schema 1 (commit 84c527d) to 2: assets say what is hidden in them, decisions say what they rest on.

Formulas of keys are written out as they were then: a later change of a key is a later step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa

from schemas.keys import key_of
from schemas.migrations.step import Change, Mapped, MapRows, Step

SPANS = pa.list_(pa.struct([("start_ns", pa.int64()), ("end_ns", pa.int64())]))
# Columns of schema 2 that a corpus of schema 1 lacks, and those that it has beyond them.
GAINED = {
    "assets": {"redacted"}, "clips": {"text_share"}, "duplicates": {"needed"}, "decisions": {"clip_row_id"},
}  # fmt: skip
LOST = {"marks": {"keys", "at_ms"}}
DECODE = ("sha256", "recipe", "tiling")  # what names one decode of a recording, in assets and clips
NO_CLIP = "their clip is not there"
SEVERAL_CLIPS = "their clip was decoded more than once, and which decode was judged was not stored"
NO_ASSET = "their recording is not there"
SEVERAL_SAY = "places of their recording state different stages or licences, and which one held was not stored"

Grouped = Mapping[Any, set[tuple[Any, ...]]]


def is_of_schema_1(columns: Mapping[str, frozenset[str]]) -> bool:
    """Whether one of these tables, given by its columns, is as schema 1 has it."""
    lacks = any(GAINED.get(table, set()) - names for table, names in columns.items())
    return lacks or any(LOST.get(table, set()) & names for table, names in columns.items())


def assets(others: Mapping[str, pa.Table]) -> MapRows:
    """Assets with what is redacted in them (from their gaps) and what looked for faces (from their clips)."""
    looked = {tuple(decode): by for *decode, by in _rows(others["clips"], (*DECODE, "redaction")) if by}
    return partial(_assets, looked)


def _assets(looked: Mapping[tuple[Any, ...], str], rows: pa.Table) -> Mapped:
    if "redacted" in rows.column_names:
        return Mapped(rows)
    redacted = [
        [{"start_ns": g["start_ns"], "end_ns": g["end_ns"]} for g in gaps or [] if g["reason"] == "redacted"]
        for gaps in rows["gaps"].to_pylist()
    ]
    # A robot's recording has a key that tells it from the same file offered by a source.
    keys = [
        key_of(uri, revision, recipe, stage) if stage == "robot" else key
        for key, uri, revision, recipe, stage in _rows(rows, ("asset_id", "uri", "revision", "recipe", "stage"))
    ]
    redaction = [looked.get(decode) for decode in _rows(rows, DECODE)]
    gained = {"redacted": (pa.array(redacted, SPANS), False), "redaction": (pa.array(redaction, pa.string()), True)}
    return Mapped(_with_columns(_with_keys(rows, keys), "tiling", gained))


def marks(others: Mapping[str, pa.Table]) -> MapRows:
    """Marks without the index: that lies in tables of its own, which dedup fills for clips of the next recipe."""
    del others
    return lambda rows: Mapped(rows.drop_columns([name for name in rows.column_names if name in LOST["marks"]]))


def duplicates(others: Mapping[str, pa.Table]) -> MapRows:
    """Pairs that rest on no key: that is how they counted under their version."""
    del others
    return lambda rows: Mapped(rows if "needed" in rows.column_names else _without_keys(rows))


def _without_keys(rows: pa.Table) -> pa.Table:
    n = rows.num_rows
    gained = {
        "keys": (pa.array([[]] * n, pa.list_(pa.int64())), False),
        "needed": (pa.array([0] * n, pa.int64()), False),
        "rank": (pa.array([""] * n, pa.string()), False),
    }
    return _with_columns(rows, "distance", gained)


def decisions(others: Mapping[str, pa.Table]) -> MapRows:
    """Decisions keyed by what they rest on: the one decode of their clip, and the one stage and licence of its places.

    Where there are several of either, which one was judged was not stored, and the span is decided again.
    """
    clips = _grouped(_rows(others["clips"], ("clip_id", "clip_row_id", *DECODE)), 1)
    statements = _grouped(_rows(others["assets"], (*DECODE, "stage", "licence")), len(DECODE))
    return partial(_decisions, clips, statements)


def _decisions(clips: Grouped, statements: Grouped, rows: pa.Table) -> Mapped:
    if "clip_row_id" in rows.column_names:
        return Mapped(rows)
    outcomes = [_rests_on(clips.get((clip,), set()), statements) for clip in rows["clip_id"].to_pylist()]
    unmapped = [why for why in outcomes if isinstance(why, str)]
    rows = rows.filter(pa.array([not isinstance(on, str) for on in outcomes], pa.bool_()))
    rests = [on for on in outcomes if not isinstance(on, str)]
    spans, policies = rows["span_id"].to_pylist(), rows["policy"].to_pylist()
    keys = [key_of(span, *on, policy) for span, on, policy in zip(spans, rests, policies, strict=True)]
    gained = {
        name: (pa.array([on[i] for on in rests], pa.string()), nullable)
        for i, (name, nullable) in enumerate((("clip_row_id", False), ("stage", False), ("licence", True)))
    }
    counts = {why: unmapped.count(why) for why in sorted(set(unmapped))}
    return Mapped(_with_columns(_with_keys(rows, keys), "clip_id", gained), counts)


def _rests_on(clips: set[tuple[Any, ...]], statements: Grouped) -> tuple[str, str, str | None] | str:
    """clip_row_id, stage and licence; or why they cannot be told."""
    if len(clips) != 1:
        return SEVERAL_CLIPS if clips else NO_CLIP
    ((clip_row_id, *decode),) = clips
    stated = statements.get(tuple(decode), set())
    if len(stated) != 1:
        return SEVERAL_SAY if stated else NO_ASSET
    ((stage, licence),) = stated
    return clip_row_id, stage, licence


def _rows(table: pa.Table, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    return zip(*(table[name].to_pylist() for name in columns), strict=True)


def _grouped(rows: Iterable[tuple[Any, ...]], key_columns: int) -> Grouped:
    """The different rests of rows, by their first columns."""
    grouped: dict[Any, set[tuple[Any, ...]]] = {}
    for row in rows:
        grouped.setdefault(row[:key_columns], set()).add(row[key_columns:])
    return grouped


def _with_keys(rows: pa.Table, keys: Sequence[str]) -> pa.Table:
    return rows.set_column(0, rows.schema.field(0), pa.array(keys, pa.string()))


def _with_columns(rows: pa.Table, after: str, gained: Mapping[str, tuple[pa.Array[Any], bool]]) -> pa.Table:
    """Rows with columns (values, nullable) behind another."""
    at = rows.column_names.index(after) + 1
    for i, (name, (values, nullable)) in enumerate(gained.items()):
        rows = rows.add_column(at + i, pa.field(name, values.type, nullable=nullable), values)
    return rows


STEP = Step(
    from_version=1,
    to_version=2,
    changes=(
        Change("assets", assets, {"clips": (*DECODE, "redaction")}),
        Change("marks", marks),
        Change("duplicates", duplicates),
        Change(
            "decisions",
            decisions,
            {"clips": ("clip_id", "clip_row_id", *DECODE), "assets": (*DECODE, "stage", "licence")},
        ),
    ),
)
