"""Rows of captions: one text about one span."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import pyarrow as pa

from schemas.arrow import column

CHECK = pa.struct([("name", pa.string()), ("score", pa.float64()), ("passed", pa.bool_())])


class StoredCheck(TypedDict):
    """What one check said of a caption."""

    name: str
    score: float
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """One text about one span."""

    caption_id: str = column("key_of(span_id, kind, model, prompt, basis)")
    span_id: str = column("decisions.span_id")
    sha256: str = column("of the recording, carried through request and reply and compared")
    kind: str = column("original, L1..L5, instruction, achieved")
    text: str = column("the caption")
    model: str = column("what wrote it: backend, model, version; `source` for an original")
    prompt: str = column("digest of the prompt or of the composing rules")
    basis: str = column("digest of the narration or the log's words it rests on: corrected words, new captions")
    decoding: str = column("JSON of temperature, seed and the like")
    checks: list[StoredCheck] = column("score of every check", pa.list_(CHECK))
    parent: str | None = column("caption it was made from")
    run_id: str = column("provenance")
