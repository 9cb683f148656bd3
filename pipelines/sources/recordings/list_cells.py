"""What a list's cells say of a recording: captions with their spans, one or several in a cell.

A cell may hold a list, as JSON or as Python prints one: Panda-70M's `timestamp` and `caption`
(github.com/snap-research/Panda-70M) are `[['0:00:00.000', '0:00:04.000'], ...]` and `['A hand opens a jar.', ...]`.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.sources.recordings.base import ListColumns, Narration, clean, span_ns
from schemas.errors import BadMedia

REASON = "bad_line"
# Python's reader makes one text of two that stand side by side, as numpy prints them.
SIDE_BY_SIDE = re.compile(r"""(['"])\s+['"]""")
NAMES = {
    "url": ("url", "contentUrl"),
    "caption": ("caption", "name"),
    "start": ("start",),
    "end": ("end",),
    "spans": ("timestamp",),
    "licence": ("licence", "license"),
    "sha256": ("sha256",),
}


def names_of(what: str, columns: ListColumns) -> tuple[str, ...]:
    """Columns that may hold it, in order: the one that the config names, else those that lists are known to have."""
    named: str | None = getattr(columns, what)
    return NAMES[what] if named is None else (named,)


def cell_of(line: Mapping[str, Any], what: str, columns: ListColumns) -> Any:
    """The first that is not empty; None where all are."""
    cells = (line.get(name) for name in names_of(what, columns))
    return next((cell for cell in cells if cell not in (None, "", [])), None)


def narrations_of(line: Mapping[str, Any], columns: ListColumns) -> tuple[Narration, ...]:
    """Captions with their spans. Several without spans, or for one, say the same in other words: the first one holds.

    BadMedia: bad_line where captions and spans are not equally many, bad_sidecar for what is no time or ends too early.
    """
    cell = cell_of(line, "caption", columns)
    texts = _list_of(cell)
    if texts is None or (isinstance(cell, str) and not all(isinstance(text, str) for text in texts)):
        texts = [] if cell is None else [str(cell)]  # one that only looks like a list: [3]
    if not all(isinstance(text, str) for text in texts):
        raise BadMedia(REASON, f"a caption in its list is no text: {str(cell)[:80]}")
    spans = [span_ns(*span, ("start", "end")) for span in _spans(line, columns)]
    if len(spans) <= 1:
        texts = [text for text in texts if clean(text)][:1]
    elif texts and len(spans) != len(texts):
        raise BadMedia(REASON, f"its lists hold {len(texts)} captions and {len(spans)} spans")
    pairs = zip(texts, spans or [(None, None)] * len(texts), strict=False)
    return tuple(Narration(clean(text), *span) for text, span in pairs if clean(text))


def _spans(line: Mapping[str, Any], columns: ListColumns) -> Sequence[tuple[Any, Any]]:
    """Starts and ends as they stand there, in the order of the captions."""
    start, end = cell_of(line, "start", columns), cell_of(line, "end", columns)
    if start is None and end is None:
        pairs = cell_of(line, "spans", columns)
        listed = _list_of(pairs)
        if listed is None:  # of a column that is only named like one, a day or an hour of upload
            if columns.spans is not None and pairs is not None:
                raise BadMedia(REASON, f"{columns.spans} is no list of [start, end]: {str(pairs)[:80]}")
            return []
        return [_pair(p) for p in ([listed] if len(listed) == 2 and not any(map(_is_nested, listed)) else listed)]
    starts, ends = _list_of(start), _list_of(end)
    if starts is None and ends is None:
        return [(start, end)]
    if starts is None or ends is None or len(starts) != len(ends):
        raise BadMedia(REASON, "start and end are not lists of one length")
    return list(zip(starts, ends, strict=True))


def _is_nested(value: object) -> bool:
    return isinstance(value, list | tuple | dict)


def _pair(value: Any) -> tuple[Any, Any]:
    pair = (value.get("start"), value.get("end")) if isinstance(value, dict) else value
    if not isinstance(pair, list | tuple) or len(pair) != 2 or any(_is_nested(p) or p is None for p in pair):
        raise BadMedia(REASON, f"a span is no [start, end]: {str(value)[:80]}")
    return pair[0], pair[1]


def _list_of(cell: Any) -> list[Any] | None:
    """A list, or a cell's text that is one; None for anything else. BadMedia `bad_line`: a list as numpy prints it."""
    if isinstance(cell, list | tuple):
        return list(cell)
    text = cell.strip() if isinstance(cell, str) else ""
    if not (text.startswith("[") and text.endswith("]")):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            made = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if read is ast.literal_eval and SIDE_BY_SIDE.search(text):
            raise BadMedia(REASON, f"a list without commas between its texts: {text[:80]}")
        return list(made) if isinstance(made, list) else None
    return None
