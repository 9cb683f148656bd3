"""The door to HDF5: root attributes and small arrays of many files, read in the jail.

HDF5 is a hostile format: links and arrays that name other files, plugins, chunks of any size, a C library that has
crashed on damaged input. A child that limits itself reads a group of files; where it ends badly the group is halved,
so that a file which crashes or hangs it costs itself alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra import jail
from schemas.errors import BadMedia

GROUP_FILES = 64
GROUP_CHARACTERS = 60_000  # of paths: the kernel takes 128 KiB an argument
LIMITS = jail.Limits(memory_bytes=2 << 30, cpu_s=30, wall_s=60.0)
MOST_VALUES = 256
TEXT_CHARACTERS = 4096
CHUNK_BYTES = 1 << 20

Value = str | int | float | list[Any]


@dataclass(frozen=True, slots=True)
class Head:
    """What was asked for and is there: a text, a number, or nested lists of them. Absent names are absent."""

    attributes: dict[str, Value]
    arrays: dict[str, Value]


def heads(
    files: Sequence[Path], attributes: Sequence[str], arrays: Sequence[str], limits: jail.Limits = LIMITS
) -> Iterator[Head | BadMedia]:
    """Of each file, in order: the root's named attributes and the named arrays of at most MOST_VALUES numbers.

    BadMedia: bad_hdf5 for what is no such file or reaches out of itself; the jail's reasons for one that brings its
    reader down.
    """
    for group in _groups(files):
        yield from _heads(group, [list(attributes), list(arrays)], limits)


def _groups(files: Sequence[Path]) -> Iterator[list[Path]]:
    group: list[Path] = []
    for file in files:
        if len(group) == GROUP_FILES or sum(len(str(f)) for f in [*group, file]) > GROUP_CHARACTERS:
            yield group
            group = []
        group.append(file)
    if group:
        yield group


def _heads(files: list[Path], asked: list[list[str]], limits: jail.Limits) -> list[Head | BadMedia]:
    try:
        said = json.loads(jail.run("infra.hdf5", [json.dumps([[str(f) for f in files], *asked])], limits))
    except BadMedia as e:
        if len(files) <= 1:
            return [e for _ in files]
        half = len(files) // 2
        return _heads(files[:half], asked, limits) + _heads(files[half:], asked, limits)
    return [BadMedia(*s) if isinstance(s, list) else Head(s["attributes"], s["arrays"]) for s in said]


def main(argv: list[str]) -> None:
    """The child. argv: JSON of [paths, attribute names, array names]."""
    files, attributes, arrays = json.loads(argv[0])
    print(json.dumps([_head(file, attributes, arrays) for file in files]))


def _head(path: str, attributes: list[str], arrays: list[str]) -> dict[str, Any] | list[str]:
    import h5py

    try:
        with h5py.File(path, "r", locking=False) as file:
            told = {n: v for n in attributes if (v := _attribute(file, n)) is not None}
            read = {n: v for n in arrays if (v := _array(file, n)) is not None}
            return {"attributes": told, "arrays": read}
    except BadMedia as e:
        return [e.reason, e.detail]
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, MemoryError) as e:
        return ["bad_hdf5", str(e)[:200]]


def _attribute(file: Any, name: str) -> Value | None:
    """A text, a number or a list of them; None where there is none or it is something else."""
    import h5py

    if name not in file.attrs:
        return None
    kept = file.attrs.get_id(name)
    known = kept.dtype.kind in "SUiufb" or h5py.check_string_dtype(kept.dtype) is not None
    if not known or kept.shape is None or math.prod(kept.shape) > MOST_VALUES:
        return None
    return _plain(file.attrs[name])


def _plain(value: Any) -> Value | None:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list):
        return [p for v in value if (p := _plain(v)) is not None]
    if isinstance(value, bytes):
        return value[: 4 * TEXT_CHARACTERS].decode(errors="replace")[:TEXT_CHARACTERS]
    if isinstance(value, str):
        return value.encode(errors="replace").decode()[:TEXT_CHARACTERS]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return int(value) if isinstance(value, int) else None


def _array(file: Any, name: str) -> Value | None:
    """Numbers of a small array that lies in this very file. None where there is none; BadMedia for anything else."""
    import h5py

    at = file
    for part in name.split("/"):
        link = at.get(part, getlink=True) if isinstance(at, h5py.Group) else None
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise BadMedia("bad_hdf5", f"{name} is a link: {type(link).__name__}")
        at = at[part]
    if not isinstance(at, h5py.Dataset) or at.shape is None or at.dtype.kind not in "iuf":
        raise BadMedia("bad_hdf5", f"{name} is no array of numbers")
    if at.external or at.is_virtual:
        raise BadMedia("bad_hdf5", f"{name} lies in another file")
    if at.size > MOST_VALUES or math.prod(at.chunks or (1,)) * at.dtype.itemsize > CHUNK_BYTES:
        raise BadMedia("bad_hdf5", f"{name} has the shape {at.shape}, in chunks of {at.chunks}")
    value = at[()]
    if at.shape == ():
        return float(value) if math.isfinite(value) else None
    return value.astype(float).tolist()
