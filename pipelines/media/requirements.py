"""What is asked of some bytes: what everyone who offers them wants, and every place that ever held them, together.

What is asked of the same bytes only grows, so that the last decode of them satisfies everyone who came before, whatever
the order; inventory reads through that one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from infra.storage.tables import Store
from pipelines.media.options import DecodeSpec, PassOptions
from schemas import Clip
from schemas.spans import Span, StoredSpan, merge
from schemas.tables import TypedTable, columns_of

ROBOT = "robot"
CLIP = columns_of(Clip)


@dataclass(frozen=True, slots=True)
class KnownPlace:
    """What is read of an asset that holds the bytes, of whatever recipe."""

    stage: str
    redacted: list[StoredSpan]
    quarter_turns: int


def required_spec(
    store: Store, options: PassOptions, sha256: str, stages: Iterable[str], offered: DecodeSpec
) -> DecodeSpec:
    """What is asked of a recording's bytes, which now come under these stages with these wishes.

    Faces are blurred if one stage asks for it, and what one place wants redacted is redacted. Where a robot speaks for
    the bytes (inventory's order of stages) they are cut at the ends of its attempts.
    """
    columns = [f.name for f in fields(KnownPlace)]
    known = TypedTable(KnownPlace, store.read("assets", columns, f"sha256 = '{sha256}'")).rows()
    every = {*stages, *(place.stage for place in known)}
    redacted = [*offered.redacted, *((s["start_ns"], s["end_ns"]) for place in known for s in place.redacted)]
    spans = offered.spans
    if min(every) == ROBOT:
        spans = tuple(sorted({*(spans or ()), *_attempts(store, options.recipe, sha256)})) or spans
    return DecodeSpec(
        spans=spans,
        redacted=tuple(merge(redacted)),
        quarter_turns=max([offered.quarter_turns % 4, *(place.quarter_turns for place in known)]),
        blur=not every.isdisjoint(options.blur_faces),
    )


def _attempts(store: Store, recipe: str, sha256: str) -> list[Span]:
    """The clips that a robot's attempts were cut into."""
    where = f"sha256 = '{sha256}' and recipe = '{recipe}' and cutter = 'episode'"
    clips = TypedTable(Clip, store.read("clips", ["start_ns", "end_ns"], where))
    return list(zip(clips.values(CLIP.start_ns), clips.values(CLIP.end_ns), strict=True))
