"""The door to HDF5: root attributes and small arrays of many files, read in the sandbox.

HDF5 is a hostile format: links and arrays that name other files, plugins, chunks of any size, a C library that has
crashed on damaged input. A child that limits itself reads a group of files and writes a line for each: where it ends
badly, the file under way is the one to blame, and the next child goes on behind it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.sandbox import sandbox, tempdirs
from schemas.errors import BadMedia

if TYPE_CHECKING:
    import h5py

GROUP_FILES = 512  # a child starts in .26 s of processor time and reads a file of EgoDex's kind in .003 s
LIMITS = sandbox.Limits(memory_bytes=2 << 30, cpu_s=20, wall_s=120.0)  # of a group; damage makes the library loop
MAX_VALUES = 256
TEXT_CHARACTERS = 4096
CHUNK_BYTES = 1 << 20

Value = str | int | float | list[Any]


@dataclass(frozen=True, slots=True)
class Head:
    """What was asked for and is there: a text, a number, or nested lists of them. Absent names are absent."""

    attributes: dict[str, Value]
    arrays: dict[str, Value]


def read_heads(
    files: Sequence[Path], attributes: Sequence[str], arrays: Sequence[str],
    limits: sandbox.Limits = LIMITS, group_files: int = GROUP_FILES,
) -> Iterator[Head | BadMedia]:  # fmt: skip
    """Of each file, in order: the root's named attributes and the named arrays of at most MAX_VALUES numbers.

    BadMedia: bad_hdf5 for what is not such a file or reaches out of itself; the sandbox's reasons for one that
    brings its reader down. group_files: read by one child.
    """
    left = list(files)
    while left:
        group = left[:group_files]
        with tempdirs.folder("hdf5") as folder:
            job, out = folder / "job", folder / "out"
            job.write_text(json.dumps([[str(f) for f in group], list(attributes), list(arrays)]))
            out.touch()
            try:
                sandbox.run(__name__, [str(job), str(out)], limits)
                ended = None
            except BadMedia as e:
                ended = e
            lines = out.read_text().splitlines(keepends=True)[: len(group)]
        replies = [json.loads(line) for line in lines if line.endswith("\n")]
        yield from (BadMedia(*s) if isinstance(s, list) else Head(s["attributes"], s["arrays"]) for s in replies)
        if len(replies) < len(group):
            yield ended or BadMedia("bad_hdf5", "its reader gave no answer")
            replies.append([])
        left = left[len(replies) :]


def main(argv: list[str]) -> None:
    """The child. argv: a file with JSON of [paths, attribute names, array names], and the file to answer in."""
    files, attributes, arrays = json.loads(Path(argv[0]).read_text())
    with Path(argv[1]).open("w") as out:
        for file in files:
            print(json.dumps(_head(file, attributes, arrays)), file=out, flush=True)


def _head(path: str, attributes: list[str], arrays: list[str]) -> dict[str, Any] | list[str]:
    import h5py

    try:
        with h5py.File(path, "r", locking=False) as file:
            values = {n: v for n in attributes if (v := _attribute(file.attrs, n)) is not None}
            read = {n: v for n in arrays if (v := _array(file, n)) is not None}
            return {"attributes": values, "arrays": read}
    except BadMedia as e:
        return [e.reason, e.detail]
    except Exception as e:  # noqa: BLE001 - damage shows as errors of any kind; all are taken for the file's own
        return ["bad_hdf5", f"{type(e).__name__}: {e}"[:200]]


def _attribute(attrs: Any, name: str) -> Value | None:
    """A text, a number or a list of them; None where there is none or it is something else.

    attrs: h5py's AttributeManager, of whose `get_id` h5py-stubs do not know; nor of check_string_dtype.
    """
    import h5py

    untyped: Any = h5py

    if name not in attrs:
        return None
    attribute = attrs.get_id(name)
    known = attribute.dtype.kind in "SUiufb" or untyped.check_string_dtype(attribute.dtype) is not None
    if not known or attribute.shape is None or math.prod(attribute.shape) > MAX_VALUES:
        return None
    return _plain(attrs[name])


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


def _array(file: h5py.File, name: str) -> Value | None:
    """Numbers of a small array that lies in this very file. None where there is none; BadMedia for anything else."""
    import h5py

    untyped: Any = h5py  # h5py-stubs lacks links, Dataset.external and Dataset.is_virtual
    at: Any = file  # a group or an array, and whatever a damaged file makes of it
    for part in name.split("/"):
        link = at.get(part, getlink=True) if isinstance(at, untyped.Group) else None
        if link is None:
            return None
        if not isinstance(link, untyped.HardLink):
            raise BadMedia("bad_hdf5", f"{name} is a link: {type(link).__name__}")
        at = at[part]
    if not isinstance(at, untyped.Dataset) or at.shape is None or at.dtype.kind not in "iuf":
        raise BadMedia("bad_hdf5", f"{name} is no array of numbers")
    if at.external or at.is_virtual:
        raise BadMedia("bad_hdf5", f"{name} lies in another file")
    if at.size > MAX_VALUES or math.prod(at.chunks or (1,)) * at.dtype.itemsize > CHUNK_BYTES:
        raise BadMedia("bad_hdf5", f"{name} has the shape {at.shape}, in chunks of {at.chunks}")
    value = at[()]
    if at.shape == ():
        return float(value) if math.isfinite(value) else None
    numbers: list[Any] = value.astype(float).tolist()
    return numbers
