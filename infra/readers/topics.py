"""Topics of recorded messages, as every door to a log of messages hands them over.

A door is a module with `events(paths)`, run in the sandbox: definitions and messages are others' bytes, the codecs are
C, and what decodes them may loop over a count that a message names. `ask` runs it and reads what it left in a folder.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from infra.readers import message_fields, message_times
from infra.readers.message_pictures import VIDEO_FORMS, Film, Picture, is_picture
from infra.sandbox import sandbox, tempdirs
from schemas.errors import BadMedia

LARGEST_SPOOL = 64 << 30  # bytes of one topic's pictures on this machine's disk
LONGEST_TEXTS = 10_000  # messages of one topic whose text is kept


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as a log announces it. messages: None where the log does not say."""

    name: str
    type: str
    messages: int | None


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it was recorded. decode: makes it readable; raises where its bytes are damaged."""

    topic: str
    type: str
    log_ns: int
    decode: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Announced:
    """A topic that the log has, with or without messages."""

    topic: str
    type: str


@dataclass(frozen=True, slots=True)
class Lost:
    """Part of the log that cannot be read. reason: a stable code."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Said:
    """A record of words about the log; of one name the last counts."""

    name: str
    words: dict[str, str]


Event = Message | Announced | Lost | Said
Events = Callable[[Sequence[str]], Iterator[Event]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The N messages of a topic that could be read, in the order in which they were recorded.

    stamps_ns, log_ns: int64 (N,), when each happened (0: it does not say) and when it was recorded. values: float64
    (N, A) by `axes`, NaN where a message has no such axis, which `layouts` (N,) and `has` (L, A) tell from a NaN that
    was read. texts: of the first messages, "" of those without. For pictures there are no values; `form` is jpeg, png,
    raw, h264, hevc. left_out: messages by why.
    """

    topic: str
    type: str
    stamps_ns: npt.NDArray[np.int64]
    log_ns: npt.NDArray[np.int64]
    axes: tuple[str, ...]
    values: npt.NDArray[np.float64]
    layouts: npt.NDArray[np.int64]
    has: npt.NDArray[np.bool_]
    texts: tuple[str, ...]
    form: str
    left_out: dict[str, int]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was asked for of a log, what of it is lost, and what its records of words say."""

    series: dict[str, Series]
    lost: tuple[Lost, ...]
    words: dict[str, dict[str, str]]


@dataclass(slots=True)
class _Collected:
    """A topic's messages while they are read."""

    type: str
    film: Film | None
    stamps: array[int] = field(default_factory=lambda: array("q"))
    logged: array[int] = field(default_factory=lambda: array("q"))
    layouts: dict[tuple[str, ...], int] = field(default_factory=dict)
    rows: list[tuple[int, array[float]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)

    def add(self, message: Message) -> None:
        try:
            decoded = message.decode()
            if self.film is not None:
                if self.film.take(decoded) is None:
                    return
            else:
                axes, values = message_fields.numbers(decoded)
                layout = self.layouts.setdefault(axes, len(self.layouts))
                if len(self.texts) < LONGEST_TEXTS:
                    self.texts.append(message_fields.text(decoded) or "")
                self.rows.append((layout, values))
            self.stamps.append(message_fields.stamp_ns(decoded))
            self.logged.append(message.log_ns)
        except MemoryError:
            raise
        except Exception as e:  # noqa: BLE001 - damage shows as errors of any kind; all are taken for the message's own
            why = e.detail if isinstance(e, BadMedia) else f"not decoded ({type(e).__name__})"
            self.left_out[why] = self.left_out.get(why, 0) + 1


def survey(module: str, paths: Sequence[Path]) -> tuple[list[Topic], list[Lost]]:
    """A log's topics in order of name, by reading it whole. BadMedia: it is no such log."""
    with _ask(module, paths, "topics", ()) as folder:
        answer = json.loads((folder / "answer.json").read_text())
    return [Topic(*t) for t in answer["topics"]], [Lost(*part) for part in answer["lost"]]


def read(module: str, paths: Sequence[Path], topics: Sequence[str]) -> Recorded:
    """The named topics' messages; those of pictures without their pixels. BadMedia: it is no such log."""
    with _ask(module, paths, "series", topics) as folder:
        answer = json.loads((folder / "answer.json").read_text())
        series = {}
        for i, about in enumerate(answer["series"]):
            with np.load(folder / f"{i}.npz", allow_pickle=False) as arrays:
                parts = {name: arrays[name] for name in ("stamps_ns", "log_ns", "values", "layouts", "has")}
            series[about["topic"]] = Series(
                topic=about["topic"], type=about["type"], form=about["form"], left_out=about["left_out"],
                axes=tuple(about["axes"]), texts=tuple(about["texts"]), stamps_ns=parts["stamps_ns"],
                log_ns=parts["log_ns"], values=parts["values"], layouts=parts["layouts"], has=parts["has"],
            )  # fmt: skip
    return Recorded(series, tuple(Lost(*part) for part in answer["lost"]), answer["words"])


def pictures(module: str, paths: Sequence[Path], topic: str) -> Iterator[Picture]:
    """The topic's pictures as `read` counts them, in order of their stamps; video in the order of its messages.

    BadMedia: no_frames, and what makes the log bad.
    """
    with _ask(module, paths, "pictures", [topic]) as folder:
        index = json.loads((folder / "answer.json").read_text())
        if not index:
            raise BadMedia("no_frames", f"{topic} has no picture that can be used")
        with (folder / "spool").open("rb") as spool:
            for at, size, shape in index:
                spool.seek(at)
                data = spool.read(size)
                yield np.frombuffer(data, np.uint8).reshape(shape) if shape else data


@contextmanager
def _ask(module: str, paths: Sequence[Path], task: str, topics: Sequence[str]) -> Iterator[Path]:
    """The folder with the child's answer."""
    size = sum(path.stat().st_size for path in paths)
    limits = sandbox.Limits(memory_bytes=4 << 30, cpu_s=60 + size // 1_000_000, wall_s=240.0 + size / 250_000)
    with tempdirs.folder("topics") as folder:
        job = {"paths": [str(path.resolve()) for path in paths], "task": task, "topics": list(topics)}
        (folder / "job.json").write_text(json.dumps(job))
        sandbox.run(module, [str(folder)], limits)
        yield folder


def answer(folder: Path, events: Events) -> None:
    """The child: does what folder/job.json asks and leaves answer.json, arrays and pictures beside it."""
    job = json.loads((folder / "job.json").read_text())
    tasks = {"topics": _survey, "series": _read, "pictures": _spool}
    made = tasks[job["task"]](events(job["paths"]), job["topics"], folder)
    (folder / "answer.json").write_text(json.dumps(made))


def _survey(events: Iterator[Event], wanted: list[str], folder: Path) -> dict[str, Any]:
    types: dict[str, str] = {}
    counts: dict[str, int] = {}
    lost = []
    for event in events:
        if isinstance(event, Announced | Message):
            types.setdefault(event.topic, event.type)
        if isinstance(event, Message):
            counts[event.topic] = counts.get(event.topic, 0) + 1
        if isinstance(event, Lost):
            lost.append([event.reason, event.detail])
    return {"topics": [[name, types[name], counts.get(name, 0)] for name in sorted(types)], "lost": lost}


def _read(events: Iterator[Event], wanted: list[str], folder: Path) -> dict[str, Any]:
    topics_read: dict[str, _Collected] = {}
    lost: list[list[str]] = []
    words: dict[str, dict[str, str]] = {}
    for event in events:
        if isinstance(event, Message) and event.topic in wanted:
            if event.topic not in topics_read:
                film = Film(event.type) if is_picture(event.topic, event.type) else None
                topics_read[event.topic] = _Collected(event.type, film)
            topics_read[event.topic].add(event)
        elif isinstance(event, Lost):
            lost.append([event.reason, event.detail])
            for collected in topics_read.values():
                if collected.film is not None:
                    collected.film.interrupt()
        elif isinstance(event, Said):
            words[event.name] = event.words
    about = [_store(topic, topics_read[topic], folder / f"{i}.npz") for i, topic in enumerate(sorted(topics_read))]
    return {"series": about, "lost": lost, "words": words}


def _store(topic: str, collected: _Collected, path: Path) -> dict[str, Any]:
    axes = list(dict.fromkeys(axis for layout in collected.layouts for axis in layout))[: message_fields.MOST_AXES]
    column = {axis: i for i, axis in enumerate(axes)}
    has = np.zeros((len(collected.layouts), len(axes)), bool)
    places = []
    for layout, number in collected.layouts.items():
        shared = [(i, column[axis]) for i, axis in enumerate(layout) if axis in column]
        places.append((np.array([i for i, _ in shared], int), np.array([c for _, c in shared], int)))
        has[number, places[-1][1]] = True
    values = np.full((len(collected.rows), len(axes)), np.nan)
    for row, (layout_of, numbers) in enumerate(collected.rows):
        source, target = places[layout_of]
        values[row, target] = np.asarray(numbers)[source]
    np.savez(
        path, stamps_ns=np.array(collected.stamps, np.int64), log_ns=np.array(collected.logged, np.int64),
        values=values, layouts=np.array([layout for layout, _ in collected.rows], np.int64), has=has,
    )  # fmt: skip
    film = collected.film
    left_out = collected.left_out | (film.left_out if film is not None else {})
    return {"topic": topic, "type": collected.type, "axes": axes, "texts": collected.texts,
            "form": film.form if film is not None else "", "left_out": left_out}  # fmt: skip


def _spool(events: Iterator[Event], wanted: list[str], folder: Path) -> list[Any]:
    """Writes the pictures one behind the other; [place, bytes, shape of raw ones] of each, in their order."""
    (topic,) = wanted
    film: Film | None = None
    index: list[tuple[int, int, list[int] | None]] = []
    stamps, logged = array("q"), array("q")
    with (folder / "spool").open("wb") as spool:
        for event in events:
            if isinstance(event, Lost) and film is not None:
                film.interrupt()
            if not isinstance(event, Message) or event.topic != topic:
                continue
            film = film or Film(event.type)
            if (taken := _taken(film, event)) is None:
                continue
            stamps.append(taken[0])
            logged.append(event.log_ns)
            picture = taken[1]
            shape = list(picture.shape) if isinstance(picture, np.ndarray) else None
            data = picture.tobytes() if isinstance(picture, np.ndarray) else picture
            index.append((spool.tell(), len(data), shape))
            spool.write(data)
            if spool.tell() > LARGEST_SPOOL:
                raise BadMedia("too_large", f"{topic} has more than {LARGEST_SPOOL} bytes of pictures")
    order = picture_order(film.form if film else "", np.array(stamps, np.int64), np.array(logged, np.int64))
    return [index[i] for i in order]


def picture_order(form: str, stamps_ns: npt.NDArray[np.int64], log_ns: npt.NDArray[np.int64]) -> list[int]:
    """Pictures as they are handed over: by their times; video, whose frames rest on each other, as it was recorded."""
    if form in VIDEO_FORMS or not len(stamps_ns):
        return list(range(len(stamps_ns)))
    order: list[int] = np.argsort(message_times.times_of(stamps_ns, log_ns)[0], kind="stable").tolist()
    return order


def _taken(film: Film, message: Message) -> tuple[int, Picture] | None:
    try:
        decoded = message.decode()
        picture = film.take(decoded)
        return None if picture is None else (message_fields.stamp_ns(decoded), picture)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - `read` counts it with its reason
        return None
