"""What a decoded message says, whatever decoded it: its stamp, its numbers by the path of their field, its text.

A message is a dict (JSON), a protobuf message, or an object with slots or dataclass fields (ROS).
"""

from __future__ import annotations

import dataclasses
import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from schemas.errors import BadMedia

LONGEST_ARRAY = 512  # longer ones are clouds and maps, not readings of axes
MOST_AXES = 4096  # of one topic
DEEPEST = 8
NS = 1_000_000_000
STAMPS = ("header.stamp", "timestamp", "stamp")  # ROS, Foxglove, bare
NO_READINGS = frozenset({"header", "timestamp", "stamp", "seq", "frame_id"})
AXIS_NAMES = ("name", "names", "joint_names")  # of the message's arrays of the same length
SECONDS, NANOSECONDS = ("sec", "secs", "seconds"), ("nanosec", "nsec", "nsecs", "nanos")


def field(message: Any, name: str) -> Any:
    """A field's value; None where there is none."""
    return message.get(name) if isinstance(message, Mapping) else getattr(message, name, None)


def fields(message: Any) -> list[str] | None:
    """Names of the fields that hold something, in the message's order; None for what is no message."""
    if isinstance(message, Mapping):
        return [str(name) for name in message]
    if (about := getattr(message, "DESCRIPTOR", None)) is not None:
        return [f.name for f in about.fields if not f.has_presence or message.HasField(f.name)]
    if dataclasses.is_dataclass(message):
        return [f.name for f in dataclasses.fields(message) if f.default is dataclasses.MISSING]  # else a constant
    slots = getattr(type(message), "__slots__", None)
    return list(slots) if isinstance(slots, list) else None


def stamp_ns(message: Any) -> int:
    """When it happened, by the sensor; 0 where the message does not say."""
    for path in STAMPS:
        at = message
        for name in path.split("."):
            at = field(at, name)
        if at is None:
            continue
        seconds = next((v for name in SECONDS if isinstance(v := field(at, name), int)), None)
        if seconds is not None:
            nanoseconds = next((v for name in NANOSECONDS if isinstance(v := field(at, name), int)), 0)
            stamp = seconds * NS + nanoseconds
            return stamp if 0 <= stamp < 2**63 else 0
    return 0


def numbers(message: Any) -> tuple[tuple[str, ...], array[float]]:
    """Paths of its numbers and these, in the message's order; stamps, frames and long arrays are left out.

    An array beside a list of as many names has them for its last part: `position.elbow`. BadMedia(bad_message): names
    and positions of different counts, or more than MOST_AXES numbers.
    """
    values: dict[str, float] = {}
    for path, value in _walk(message, "", 0):
        name, again = path, 1
        while name in values:
            again += 1
            name = f"{path}#{again}"
        values[name] = value
        if len(values) > MOST_AXES:
            raise BadMedia("bad_message", f"more than {MOST_AXES} numbers")
    return tuple(values), array("d", values.values())


def _walk(value: Any, path: str, depth: int) -> Iterator[tuple[str, float]]:
    if isinstance(value, bool | int | float | np.number | np.bool_):
        yield path, _float(value)
        return
    if depth > DEEPEST or isinstance(value, str | bytes | bytearray) or value is None:
        return
    if isinstance(value, Sequence | np.ndarray | array) or type(value).__name__.startswith("Repeated"):
        yield from _items(list(value), path, depth) if len(value) <= LONGEST_ARRAY else ()
        return
    if (names := fields(value)) is None:
        return
    labels = _labels(value, names)
    for name in names:
        if name in NO_READINGS:
            continue
        part, below = field(value, name), f"{path}.{name}" if path else name
        if labels and _is_array(part):
            if not len(part):
                continue
            if len(part) != len(labels):
                raise BadMedia("bad_message", f"{below} has {len(part)} values for {len(labels)} names")
            yield from ((f"{below}.{label}", _float(v)) for label, v in zip(labels, part, strict=True))
        else:
            yield from _walk(part, below, depth + 1)


def _items(values: list[Any], path: str, depth: int) -> Iterator[tuple[str, float]]:
    """Items by their own names where they have such (`joints.elbow.position`), else by number."""
    if not values or isinstance(values[0], str | bytes):
        return
    if _is_array(values):
        yield from ((f"{path}.{i}", _float(value)) for i, value in enumerate(values))
        return
    own = [field(v, "name") if fields(v) is not None else None for v in values]
    named = all(isinstance(n, str) and n for n in own) and len(set(own)) == len(own)
    for i, value in enumerate(values):
        yield from _walk(value, f"{path}.{own[i] if named else i}", depth + 1)


def _labels(message: Any, names: list[str]) -> list[str]:
    for name in AXIS_NAMES:
        if name in names and not isinstance(given := field(message, name), str | bytes) and hasattr(given, "__len__"):
            labels = list(given)
            if labels and all(isinstance(label, str) for label in labels):
                return labels
    return []


def _is_array(value: Any) -> bool:
    if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__len__"):
        return False
    if isinstance(value, array | np.ndarray):
        return len(value) == 0 or isinstance(value[0], int | float | np.number | np.bool_)
    return all(isinstance(v, int | float | np.number | np.bool_) for v in value)


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def text(message: Any) -> str | None:
    """The text of a String message, or of one with a single text field of a usual name."""
    for name in ("data", "text", "task", "instruction", "prompt"):
        if isinstance(value := field(message, name), str):
            return value
    return None
