"""What a JSON sidecar says happens in a recording: a text for all of it, or texts with their spans.

Spans stand under the names that annotators and transcribers give them: `start_s` and `end_s`, `start` and `end`
(Whisper's segments), `start` and `duration` (YouTube's transcripts), `timestamp: [start, end]`. A text whose object has
a time under another name is refused: it would hold for the whole recording.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pipelines.sources.recordings import list_cells
from pipelines.sources.recordings.base import ListColumns, Narration, clean, seconds_to_ns, span_ns
from schemas.errors import BadMedia

REASON = "bad_sidecar"
MAX_NARRATIONS = 100_000  # of one recording: Whisper cuts an hour of speech into about a thousand
LISTS = ("narrations", "segments")
TEXTS = ("narration", "caption", "captions")
EDGES = (("start_s", "end_s"), ("start", "end"), ("start_sec", "end_sec"), ("start_time", "end_time"))
LENGTHS = ("duration", "duration_s", "dur")
PAIRS = ("timestamp", "span")
# A word of a name that is a time's: start_ms, beginTime, from, end_frame.
TIME_WORD = re.compile(
    "start|end|begin|stop|time|times|timestamp|timestamps|frame|frames|offset|from|to|span|ms|duration"
)


def narrations_in(plain: Mapping[str, Any]) -> tuple[Narration, ...]:
    """The narrations of a sidecar's object; none where it has no words. BadMedia `bad_sidecar`."""
    for name in LISTS:
        given = plain.get(name)
        if given is None or given == "":
            continue
        if isinstance(given, str):
            return whole(given)
        if not isinstance(given, list) or len(given) > MAX_NARRATIONS:
            raise BadMedia(REASON, f"{name} is not a list of at most {MAX_NARRATIONS} narrations")
        return tuple(n for n in map(_narration, given) if n.text)
    text = next((plain[name] for name in TEXTS if plain.get(name)), plain.get("text"))
    if not text or (text is plain.get("text") and not isinstance(text, str)):
        return ()
    if not isinstance(text, str | list):
        raise BadMedia(REASON, f"a caption is a text or a list of texts, not {type(text).__name__}")
    if isinstance(text, list) and all(isinstance(one, dict) for one in text):
        return tuple(n for n in map(_narration, text) if n.text)
    if isinstance(text, list):
        return _of_list({**plain, "caption": text})
    narration = Narration(clean(text), *_span(plain, is_narration=False))
    return (narration,) if narration.text else ()


def whole(text: str) -> tuple[Narration, ...]:
    """A text for the whole recording; none where it is empty."""
    return (Narration(clean(text)),) if clean(text) else ()


def _of_list(plain: Mapping[str, Any]) -> tuple[Narration, ...]:
    """Captions in a list, with as many spans or the first of them alone: as in a list of URLs."""
    try:
        return list_cells.narrations_of(plain, ListColumns())
    except BadMedia as e:
        raise BadMedia(REASON, e.detail) from e


def _narration(plain: Any) -> Narration:
    text = (
        next((plain[name] for name in ("text", "narration", "caption") if name in plain), None)
        if _is_object(plain)
        else None
    )
    if not isinstance(text, str):
        raise BadMedia(REASON, "a narration is {text, start_s, end_s}")
    if unknown := [name for name in plain if _is_time(name) and not _is_known(name)]:
        raise BadMedia(
            REASON, f"a narration's time is start_s and end_s, in seconds, and not {clean(unknown[0], 80)!r}"
        )
    return Narration(clean(text), *_span(plain, is_narration=True))


def _is_object(plain: Any) -> bool:
    return isinstance(plain, dict)


def _is_time(name: str) -> bool:
    words = re.sub("([a-z])([A-Z])", r"\1_\2", name).lower().split("_")
    return any(TIME_WORD.fullmatch(word) for word in words)


def _is_known(name: str) -> bool:
    return name in PAIRS or name in LENGTHS or any(name in edges for edges in EDGES)


def _span(plain: Mapping[str, Any], is_narration: bool) -> tuple[int | None, int | None]:
    """The span that an object states, in ns; nulls where it states none. BadMedia `bad_sidecar`.

    is_narration: it is one of several; the sidecar itself may have a timestamp that is its own.
    """
    for start, end in EDGES:
        if plain.get(start) is None and plain.get(end) is None:
            continue
        length = next((plain[name] for name in LENGTHS if plain.get(name) is not None), None)
        if plain.get(end) is None and length is not None:
            start_ns, length_ns = span_ns(plain[start], None, (start, end))[0], seconds_to_ns(length, "duration")
            return start_ns, (start_ns or 0) + (length_ns or 0)
        return span_ns(plain.get(start), plain.get(end), (start, end))
    pair = next((plain[name] for name in PAIRS if plain.get(name) is not None), None)
    if isinstance(pair, list) and len(pair) == 2:
        return span_ns(pair[0], pair[1], ("a timestamp's start", "its end"))
    if pair is None or not is_narration:
        return None, None
    return span_ns(pair, None, ("a timestamp", ""))  # a point
