"""What a LeRobot episode was to do: its tasks by episode, and by frame where they change on the way.

By frame: `task_index` (meta/tasks), `subtask_index` (meta/subtasks), GR00T's `annotation.*` (indices into the tasks),
columns of text, and LeRobot's `language_persistent` and `language_events`. A word of validity among the tasks ("valid")
is no task: GR00T keeps what its labellers thought of an attempt there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from infra.storage import objects
from pipelines.sources.logs.episode_log import TaskSpan, check_text
from pipelines.sources.logs.fields import json_object
from pipelines.sources.logs.lerobot.columns import leaf, single, whole_numbers
from pipelines.sources.logs.lerobot.files import read_parquet
from pipelines.sources.logs.lerobot.language import language_spans
from pipelines.sources.logs.lerobot.meta import DataSet, EpisodeMeta
from pipelines.sources.logs.parts import Parts
from schemas.columns import Array
from schemas.errors import BadMedia

VALIDITY = frozenset({"valid", "invalid", "validity", "good", "bad", "usable", "unusable"})
_TASK_WORDS = frozenset({"task", "task_description", "task_instruction", "language_instruction", "instruction",
                         "prompt", "natural_language_instruction", "language"})  # fmt: skip
_ANNOTATION = "annotation."


@dataclass(frozen=True, slots=True, kw_only=True)
class Tasks:
    """The instruction, and spans by frame: of kind `task` only where they change."""

    instruction: str | None
    spans: tuple[TaskSpan, ...]


def tasks_of(
    data_set: DataSet, meta: EpisodeMeta, columns: Mapping[str, Array], parts: Parts, named: str | None
) -> Tasks:
    """What the rows say first, then what the metadata say of the episode. named: the config's column or key."""
    if named is not None and named in meta.extra:
        return Tasks(instruction=parts.take("task", lambda: _clean(str(meta.extra[named]))), spans=())
    by_kind = _by_kind(data_set, columns, parts, named)
    if named is not None and not by_kind.get("task"):
        parts.refuse("task", "no_such_column", f"columns.task names {named}, which says nothing")
    tasks = by_kind.get("task", [])
    listed = parts.take("task", lambda: _listed(data_set, meta)) or []
    stated = [text for text in listed if not _is_validity(text)]
    instruction = tasks[0].text if tasks else next(iter(stated), None)
    if tasks and stated and named is None and not {t.text for t in tasks} & set(stated):
        parts.note("task_disagrees", f"the rows say {instruction!r}, the metadata {stated[0]!r}: the rows hold")
    for text in filter(_is_validity, listed):
        parts.note("validity", text)
    if len(tasks) == 1:
        by_kind.pop("task")
    return Tasks(instruction=instruction, spans=tuple(s for spans in by_kind.values() for s in spans))


def _listed(data_set: DataSet, meta: EpisodeMeta) -> list[str]:
    """The episode's own tasks: its list of texts or of indices, else a text among its metadata. BadMedia(bad_text)."""
    more = (str(meta.extra[k]) for k in ("tasks", *sorted(_TASK_WORDS)) if isinstance(meta.extra.get(k), str))
    texts = (data_set.tasks.get(int(t), t) if t.isascii() and t.isdigit() else t for t in meta.tasks or tuple(more))
    return [text for t in texts if (text := _clean(t))]


def _by_kind(
    data_set: DataSet, columns: Mapping[str, Array], parts: Parts, named: str | None
) -> dict[str, list[TaskSpan]]:
    """Spans by kind; of those of one kind the first column that says anything."""
    by_kind: dict[str, list[TaskSpan]] = {}
    for name, kind in _columns(columns, named):
        spans = parts.take(f"column {name}", partial(_spans, data_set, columns[name], name, kind)) or []
        for text in dict.fromkeys(s.text for s in spans if _is_validity(s.text)):
            parts.note("validity", text)
        spans = [s for s in spans if not _is_validity(s.text)]
        if spans and kind not in by_kind:
            by_kind[kind] = spans
    for kind, spans in (parts.take("language", lambda: language_spans(columns)) or {}).items():
        by_kind.setdefault(kind, spans)
    return {kind: spans for kind, spans in by_kind.items() if spans}


def _columns(columns: Mapping[str, Array], named: str | None) -> Iterator[tuple[str, str]]:
    """Columns that tell tasks, with the kind of what they tell, the first of a kind best."""
    if named is not None:
        yield from ((named, "task"),) if named in columns else ()
    else:
        yield from (("task_index", "task"),) if "task_index" in columns else ()
    yield from (("subtask_index", "subtask"),) if "subtask_index" in columns else ()
    for name in columns:
        word = name.rpartition(".")[2].lower()
        if name == named:
            continue
        if name.startswith(_ANNOTATION):
            yield name, "task" if word in _TASK_WORDS and named is None else word
        elif word in _TASK_WORDS and named is None and _is_text(columns[name].type):
            yield name, "task"
        elif word == "subtask" and _is_text(columns[name].type):
            yield name, "subtask"


def _is_text(kind: pa.DataType) -> bool:
    value = leaf(kind)[0]
    return bool(pa.types.is_string(value) or pa.types.is_large_string(value))


def _spans(data_set: DataSet, column: Array, name: str, kind: str) -> list[TaskSpan]:
    """Runs of one text. BadMedia(bad_table): neither texts nor indices of them."""
    column = single(column, name)
    if _is_text(column.type):
        texts: Sequence[str | None] = column.to_pylist()
    else:
        words = texts_of(data_set, "subtask") if name == "subtask_index" else texts_of(data_set, "task")
        texts = [words.get(i) for i in whole_numbers(column, name).tolist()]
    return list(runs(texts, kind))


def runs(texts: Iterable[str | None], kind: str) -> Iterator[TaskSpan]:
    """A span for each run of frames with one text; none for frames without."""
    start, current, end = 0, None, 0
    for end, text in enumerate([*texts, None]):
        text = _clean(text) if text is not None else None
        if text != current:
            if current is not None:
                yield TaskSpan(text=current, start_frame=start, end_frame=end, kind=kind)
            start, current = end, text


def _clean(text: str | None) -> str | None:
    """The text without outer space; None where nothing is left. BadMedia(bad_text): it cannot be stored."""
    text = (text or "").strip()
    check_text(text)
    return text or None


def _is_validity(text: str) -> bool:
    return text.strip(" .!\"'").lower() in VALIDITY


def texts_of(data_set: DataSet, kind: str) -> Mapping[int, str]:
    """Texts by index of meta/tasks or meta/subtasks; empty where there is no such list. Read once a data set."""
    if kind == "task":
        return data_set.tasks
    if kind not in data_set.texts:
        data_set.texts[kind] = _read_texts(data_set, kind)
    return data_set.texts[kind]


def _read_texts(data_set: DataSet, kind: str) -> Mapping[int, str]:
    path, index = f"meta/{kind}s", f"{kind}_index"
    if f"{path}.parquet" in data_set.files:
        raw = objects.read_bytes(data_set.files[f"{path}.parquet"].uri)
        table = read_parquet(raw, f"{path}.parquet")
        names = [f.name for f in table.schema if _is_text(f.type)]
        if not names or index not in table.column_names:
            raise BadMedia("bad_table", f"{path}.parquet has no {index} or no texts")
        texts = table[kind if kind in names else names[0]].to_pylist()
        return {int(i): t for i, t in zip(table[index].to_pylist(), texts, strict=True) if i is not None and t}
    if f"{path}.jsonl" in data_set.files:
        lines = objects.read_bytes(data_set.files[f"{path}.jsonl"].uri).split(b"\n")
        rows = [json_object(line, f"{path}.jsonl") for line in lines if line.strip()]
        return {int(r[index]): str(r[kind]) for r in rows if isinstance(r.get(index), int) and r.get(kind)}
    return {}
