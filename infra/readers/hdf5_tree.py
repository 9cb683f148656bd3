"""What an HDF5 file holds: names, shapes and attributes of all of it, then the arrays that are wanted.

For robot logs, whose pictures are `hdf5_pictures`'. Read in the sandbox; links out of the file are told, not followed.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from infra.readers import hdf5_links
from infra.sandbox import sandbox, tempdirs
from schemas.errors import BadMedia

MEMORY_BYTES = 6 << 30
# Damage makes the library loop: a small file must not cost minutes, and a large one may have millions of names.
CPU_S, BYTES_PER_CPU_S, MAX_CPU_S = 20, 16 << 20, 1200
MAX_ARRAY_BYTES = 1 << 30  # of all arrays of one call
MAX_TEXTS = 100_000  # of one array
TEXT_CHARACTERS = 1 << 16
MAX_VALUES = 4096  # of one attribute

Value = str | bool | int | float | list[Any]
Numbers = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Node:
    """A group (shape None) or an array. kind: `group`, `outside` (a link), `text`, `bytes` (rows of lengths of their
    own), else numpy's word for a number, `<f4`, `|u1`."""

    kind: str
    shape: tuple[int, ...] | None = None
    attributes: Mapping[str, Value] = field(default_factory=dict)

    @property
    def is_numbers(self) -> bool:
        """Whether it is an array of real numbers or booleans."""
        return self.shape is not None and self.kind[1:2] in ("b", "i", "u", "f")


def limits_of(path: Path, bytes_per_cpu_s: int = BYTES_PER_CPU_S) -> sandbox.Limits:
    """What the reading of a file may cost, by its size."""
    cpu_s = min(CPU_S + path.stat().st_size // bytes_per_cpu_s, MAX_CPU_S)
    return sandbox.Limits(memory_bytes=MEMORY_BYTES, cpu_s=cpu_s, wall_s=120.0 + 4 * cpu_s)


def read_tree(path: Path) -> dict[str, Node]:
    """Every group and array by its path (`data/demo_0/actions`), the root as "".

    BadMedia: bad_hdf5, decoder_*.
    """
    with tempdirs.folder("hdf5") as folder:
        out = folder / "tree"
        sandbox.run(__name__, ["tree", os.path.abspath(path), str(out)], limits_of(path))
        rows = [json.loads(line) for line in out.read_text().splitlines()]
    return {name: Node(kind, None if shape is None else tuple(shape), about) for name, kind, shape, about in rows}


@dataclass(frozen=True, slots=True)
class Arrays:
    """Numbers and texts by their path, and why the others are not there."""

    numbers: Mapping[str, Numbers]
    texts: Mapping[str, list[str]]
    bad: Mapping[str, BadMedia]


def read_arrays(path: Path, names: Sequence[str]) -> Arrays:
    """The named arrays, of numbers or of texts (a single one as a list of one).

    BadMedia: bad_hdf5, too_large (all together), decoder_*. One bad array costs that array alone.
    """
    numbers, texts, bad = dict[str, Numbers](), dict[str, list[str]](), dict[str, BadMedia]()
    with tempdirs.folder("hdf5") as folder:
        job = folder / "job"
        job.write_text(json.dumps(list(names)))
        sandbox.run(__name__, ["arrays", os.path.abspath(path), str(job), str(folder)], limits_of(path))
        for i, name in enumerate(names):
            if (array := folder / f"{i}.npy").exists():
                numbers[name] = np.load(array, allow_pickle=False)
                continue
            answer = json.loads((folder / f"{i}.json").read_text())
            if isinstance(answer, list):
                texts[name] = answer
            else:
                bad[name] = BadMedia(answer["reason"], answer["detail"])
    return Arrays(numbers, texts, bad)


def preload() -> None:
    """The libraries that the child needs, once in the process that forks it."""
    import h5py

    del h5py


def main(argv: list[str]) -> None:
    """The child. argv: `tree`, the file, where to write; or `arrays`, the file, a list of names, a folder."""
    with hdf5_links.open_file(argv[1]) as file:
        if argv[0] == "tree":
            _write_tree(file, Path(argv[2]))
        else:
            _write_arrays(file, json.loads(Path(argv[2]).read_text()), Path(argv[3]))


def _write_tree(file: Any, path: Path) -> None:
    with path.open("w") as out:

        def visit(name: str, node: Any) -> None:
            kind, shape = _kind_and_shape(node)
            about = {} if node is None else _attributes(node)
            print(json.dumps([name.encode(errors="replace").decode(), kind, shape, about]), file=out)

        visit("", file)
        hdf5_links.walk(file, visit)


def _kind_and_shape(node: Any) -> tuple[str, tuple[int, ...] | None]:
    import h5py

    untyped: Any = h5py
    if node is None:
        return "outside", None
    if not isinstance(node, untyped.Dataset):
        return ("group" if isinstance(node, untyped.Group) else "other"), None
    if node.external or node.is_virtual or node.shape is None:
        return "outside", None
    if untyped.check_string_dtype(node.dtype) is not None:
        return "text", node.shape
    if untyped.check_vlen_dtype(node.dtype) is not None or node.dtype.kind == "V":
        return "bytes", node.shape
    return str(node.dtype.str), node.shape


def _attributes(node: Any) -> dict[str, Value]:
    """Texts, numbers, booleans and lists of them; damage costs the attribute."""
    values = {}
    for name in node.attrs:
        try:
            attribute = node.attrs.get_id(name)
            if attribute.shape is None or math.prod(attribute.shape) > MAX_VALUES:
                continue
            if (value := plain(node.attrs[name])) is not None:
                values[name.encode(errors="replace").decode()] = value
        except (OSError, ValueError, TypeError, KeyError, RuntimeError, UnicodeError):
            continue
    return values


def plain(value: Any) -> Value | None:
    """JSON's form of what h5py gives; None for what is no text, number, boolean or list of them."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list):
        return [p for v in value if (p := plain(v)) is not None]
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, str):
        return value.encode(errors="replace").decode()[:TEXT_CHARACTERS]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, bool | int) else None


def _write_arrays(file: Any, names: list[str], folder: Path) -> None:
    size_bytes = 0
    for i, name in enumerate(names):
        try:
            array = hdf5_links.array_at(file, name)
            hdf5_links.check_own(array, name)
            size_bytes += (array.size or 0) * array.dtype.itemsize
            if size_bytes > MAX_ARRAY_BYTES:
                raise BadMedia("too_large", f"{name}: more than {MAX_ARRAY_BYTES} bytes of numbers")
            _write_array(array, name, folder / str(i))
        except BadMedia as e:
            _answer(folder / f"{i}.json", {"reason": e.reason, "detail": e.detail})
        except (OSError, ValueError, TypeError, KeyError, RuntimeError) as e:
            _answer(folder / f"{i}.json", {"reason": "bad_hdf5", "detail": f"{name}: {type(e).__name__}: {e}"[:200]})


def _write_array(array: Any, name: str, path: Path) -> None:
    kind, shape = _kind_and_shape(array)
    if kind == "text" and math.prod(shape or ()) <= MAX_TEXTS:
        value = plain(array[()])
        _answer(path.with_suffix(".json"), value if isinstance(value, list) else [] if value is None else [value])
    elif shape is not None and array.dtype.kind in "biuf":
        np.save(path.with_suffix(".npy"), array[()])
    else:
        raise BadMedia("bad_hdf5", f"{name} holds neither numbers nor texts")


def _answer(path: Path, value: object) -> None:
    path.write_text(json.dumps(value))
