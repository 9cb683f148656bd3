"""What is asked of some bytes: what everyone who offers them wants, and every place that ever held them, together.

What is asked of the same bytes only grows, so that the last decode of them satisfies everyone who came before, whatever
the order; inventory reads through that one.
"""

from __future__ import annotations

from collections.abc import Iterable

from infra.storage.tables import Store
from pipelines.media.options import DecodeSpec, PassOptions
from schemas.spans import Span, merge

ROBOT = "robot"


def required_spec(
    store: Store, options: PassOptions, sha256: str, stages: Iterable[str], offered: DecodeSpec
) -> DecodeSpec:
    """What is asked of a recording's bytes, which now come under these stages with these wishes.

    Faces are blurred if one stage asks for it, and what one place wants redacted is redacted. Where a robot speaks for
    the bytes (inventory's order of stages) they are cut at the ends of its attempts.
    """
    columns = ["stage", "redacted", "quarter_turns"]
    known = store.read("assets", columns, f"sha256 = '{sha256}'").to_pylist()
    every = {*stages, *(row["stage"] for row in known)}
    redacted = [*offered.redacted, *((s["start_ns"], s["end_ns"]) for row in known for s in row["redacted"])]
    spans = offered.spans
    if min(every) == ROBOT:
        spans = tuple(sorted({*(spans or ()), *_attempts(store, options.recipe, sha256)})) or spans
    return DecodeSpec(
        spans=spans,
        redacted=tuple(merge(redacted)),
        quarter_turns=max([offered.quarter_turns % 4, *(row["quarter_turns"] for row in known)]),
        blur=not every.isdisjoint(options.blur_faces),
    )


def _attempts(store: Store, recipe: str, sha256: str) -> list[Span]:
    """The clips that a robot's attempts were cut into."""
    where = f"sha256 = '{sha256}' and recipe = '{recipe}' and cutter = 'episode'"
    return [(c["start_ns"], c["end_ns"]) for c in store.read("clips", ["start_ns", "end_ns"], where).to_pylist()]
