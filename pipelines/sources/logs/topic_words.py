"""Words in a log of messages: what was to be done, whether it succeeded, whether it is to be trained on."""

from __future__ import annotations

import numpy as np

from infra.readers import bag_metadata, message_times
from infra.readers.topics import Recorded, Series
from pipelines.sources.logs.episode_log import TaskSpan
from pipelines.sources.logs.fields import Outcome, is_yes, outcome_of
from pipelines.sources.logs.nearest import Times
from pipelines.sources.logs.topic_choice import Choice, Part
from schemas.errors import BadMedia

PROMPT = "lerobot.operator_prompt"  # rosetta's key in custom_data


def tasks(recorded: Recorded, choice: Choice, rows: Times, clock_ns: int) -> tuple[str | None, tuple[TaskSpan, ...]]:
    """The instruction, and the spans of texts where they change on the way. A text holds until the next one."""
    series = recorded.series.get(choice.task) if choice.task else None
    texts = [] if series is None else [(t, w.strip()) for t, w in _timed(series, clock_ns) if w.strip()]
    if not texts:
        return _prompt(recorded), ()
    if len({words for _, words in texts}) == 1:
        return texts[0][1], ()
    starts = [int(np.searchsorted(rows, t)) for t, _ in texts]
    spans: list[TaskSpan] = []
    for i, (_, words) in enumerate(texts):
        start, end = starts[i], starts[i + 1] if i + 1 < len(texts) else len(rows)
        if spans and spans[-1].text == words and spans[-1].end_frame == start:
            spans[-1] = TaskSpan(text=words, start_frame=spans[-1].start_frame, end_frame=max(end, start))
        elif start < end:
            spans.append(TaskSpan(text=words, start_frame=start, end_frame=end))
    return (spans[0].text, tuple(spans) if len(spans) > 1 else ()) if spans else (texts[-1][1], ())


def _timed(series: Series, clock_ns: int) -> list[tuple[int, str]]:
    """Texts by time; of one that is sent again and again the first."""
    times, _ = message_times.times_of(series.stamps_ns, series.log_ns, clock_ns)
    changes: list[tuple[int, str]] = []
    for i in np.argsort(times[: len(series.texts)], kind="stable"):
        if not changes or changes[-1][1] != series.texts[i]:
            changes.append((int(times[i]), series.texts[i]))
    return changes


def _prompt(recorded: Recorded) -> str | None:
    """What the operator was told, where the recorder's user attached it to the bag."""
    texts = dict(recorded.words)
    if (bag := texts.pop("rosbag2", None)) is not None:
        try:
            attached = bag_metadata.custom_data(bag_metadata.parse(bag.get("serialized_metadata", "")))
        except BadMedia:  # other recorders use the name for words of their own
            attached = {}
        texts = {"rosbag2": bag, **texts, "custom_data": attached}
    return next((words[PROMPT].strip() for words in texts.values() if words.get(PROMPT, "").strip()), None)


def outcome(recorded: Recorded, choice: Choice) -> Outcome:
    """By the last message of the topic that `columns.outcome` names. BadMedia(bad_header): it is no outcome."""
    return outcome_of({"outcome": _last(recorded, choice.outcome)})


def is_discarded(recorded: Recorded, choice: Choice) -> bool:
    """Whether the last message of the topic that `columns.discarded` names says so. BadMedia(bad_header): no flag."""
    return is_yes(_last(recorded, choice.discarded))


def _last(recorded: Recorded, part: Part | None) -> str | float | None:
    """The last message's text or number."""
    series = None if part is None else recorded.series.get(part.topic)
    if part is None or series is None or not len(series.values):
        return None
    last = int(np.argsort(series.log_ns, kind="stable")[-1])
    if last < len(series.texts) and (words := series.texts[last].strip()):
        return words
    for i, axis in enumerate(series.axes):
        if part.path in ("", axis) and not np.isnan(series.values[last, i]):
            return float(series.values[last, i])
    return None
