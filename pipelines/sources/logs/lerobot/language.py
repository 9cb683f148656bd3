"""LeRobot's language columns: `language_persistent`, the same list in every row, and `language_events`, by row.

A row's list holds objects {role, content, style, timestamp}; what persists holds from its timestamp until the next one
of its style (the documented form; no real file seen). Styles: subtask, plan, memory, motion, task_aug;
interjection, vqa.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from pipelines.sources.logs.episode_log import TaskSpan, check_text
from pipelines.sources.logs.lerobot.columns import is_list, seconds_of
from schemas.columns import Array
from schemas.errors import BadMedia

PERSISTENT, EVENTS = "language_persistent", "language_events"


def language_spans(columns: Mapping[str, Array]) -> dict[str, list[TaskSpan]]:
    """Spans by style. BadMedia(bad_table): a language column of another form."""
    by_style: dict[str, list[TaskSpan]] = defaultdict(list)
    for span in (*_persistent(columns), *_events(columns)):
        by_style[span.kind].append(span)
    return dict(by_style)


def _rows(column: Array, name: str) -> Array:
    if not is_list(column.type):
        raise BadMedia("bad_table", f"{name} is {column.type}, not a list of utterances")
    return column


def _persistent(columns: Mapping[str, Array]) -> list[TaskSpan]:
    column = columns.get(PERSISTENT)
    if column is None or not len(column):
        return []
    seconds = seconds_of(columns)
    times = np.arange(len(column), dtype=np.float64) if seconds is None else seconds
    starts: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for text, style, at_s in _utterances(_rows(column, PERSISTENT)[0].as_py() or ()):
        starts[style].append((_frame_at(times, at_s), text))
    spans = []
    for style, stated in starts.items():
        for frame, text in stated:
            end = min((f for f, _ in stated if f > frame), default=len(column))
            if frame < end:
                spans.append(TaskSpan(text=text, start_frame=frame, end_frame=end, kind=style))
    return sorted(spans, key=lambda s: (s.kind, s.start_frame))


def _events(columns: Mapping[str, Array]) -> list[TaskSpan]:
    column = columns.get(EVENTS)
    if column is None:
        return []
    counts = [len(v) if v is not None else 0 for v in _rows(column, EVENTS).to_pylist()]
    return [
        TaskSpan(text=text, start_frame=frame, end_frame=frame + 1, kind=style)
        for frame in np.flatnonzero(counts).tolist()
        for text, style, _ in _utterances(column[frame].as_py())
    ]


def _frame_at(times: npt.NDArray[np.float64], at_s: float) -> int:
    """The first frame that is no earlier, half a step beside it being the same."""
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    return int(np.searchsorted(times, at_s - step / 2))


def _utterances(stated: Iterable[object]) -> list[tuple[str, str, float]]:
    """Text, style and time of those that have a text."""
    out = []
    for one in stated:
        if not isinstance(one, Mapping):
            raise BadMedia("bad_table", "an utterance is no object")
        text, at_s = one.get("content"), one.get("timestamp")
        if isinstance(text, str) and text.strip():
            check_text(text)
            style = str(one.get("style") or one.get("role") or "language")
            out.append((text.strip(), style, float(at_s) if isinstance(at_s, int | float) else 0.0))
    return out
