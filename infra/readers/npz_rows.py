"""Rows out of a NumPy archive (.npz): arrays of numbers, or one array `data` of an object a row, which is a pickle.

Read in the sandbox, without numpy's own unpickler. An object a row is a dict of numbers or lists of them, as
`np.savez(data=[{"joint_position": [...], ...}, ...])` makes it.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from infra.readers.pickles import ARRAYS, BROKEN, Restricted, StandIn, values_of
from infra.sandbox import sandbox, tempdirs
from schemas.errors import BadMedia

LIMITS = sandbox.Limits(memory_bytes=4 << 30, cpu_s=120, wall_s=600.0)
ROWS = "data"
MAX_BYTES = 256 << 20  # of one array, unpacked
MAX_NAMES = 1000
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NpzRows:
    """columns: (T, width) of each wanted name that is there; names: all that there are."""

    columns: dict[str, Numbers]
    names: tuple[str, ...]


def read(path: Path, wanted: Sequence[str]) -> NpzRows:
    """The wanted columns of as many rows as there are.

    BadMedia: bad_npz, bad_pickle, unsafe_pickle, ragged_rows, length_mismatch, too_large, decoder_*.
    """
    with tempdirs.folder("npz") as folder:
        names = json.loads(sandbox.run(__name__, [str(path.resolve()), str(folder), json.dumps(list(wanted))], LIMITS))
        there = [(i, name) for i, name in enumerate(wanted) if (folder / f"{i}.npy").exists()]
        return NpzRows({n: np.load(folder / f"{i}.npy", allow_pickle=False) for i, n in there}, tuple(names))


def main(argv: list[str]) -> None:
    """The child. argv: the archive, a folder to write to, a JSON list of names; prints all that there are."""
    wanted = json.loads(argv[2])
    try:
        with zipfile.ZipFile(argv[0]) as archive:
            members = {name.removesuffix(".npy"): name for name in archive.namelist()[:MAX_NAMES]}
            if ROWS in members:
                columns, names = _of_rows(_array(archive, members[ROWS]), wanted)
            else:
                columns = {n: _numbers(_array(archive, members[n]), n) for n in wanted if n in members}
                names = sorted(members)
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, *BROKEN) as e:
        raise BadMedia("bad_npz", f"{type(e).__name__}: {e}"[:200]) from e
    if len(lengths := {len(column) for column in columns.values()}) > 1:
        raise BadMedia("length_mismatch", f"columns of {sorted(lengths)[:4]} rows")
    for i, name in enumerate(wanted):
        if name in columns:
            np.save(Path(argv[1]) / f"{i}.npy", columns[name], allow_pickle=False)
    print(json.dumps([name[:200] for name in names[:MAX_NAMES]]))


def _array(archive: zipfile.ZipFile, member: str) -> Any:
    """A member's array of numbers; its objects as a list where it holds such."""
    if archive.getinfo(member).file_size > MAX_BYTES:
        raise BadMedia("too_large", f"{member} has more than {MAX_BYTES} bytes")
    with archive.open(member) as file:
        shape, dtype = _header(file)
        if not dtype.hasobject:
            raw = file.read(MAX_BYTES + 1)
            return np.frombuffer(raw[: int(np.prod(shape)) * dtype.itemsize], dtype).reshape(shape)
        array = Restricted(file, ARRAYS).load()
    return array if isinstance(array, list) else values_of(array)[0]


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype. BadMedia(bad_npz): no array of this form, or one in Fortran's order of several dimensions."""
    version = np.lib.format.read_magic(file)
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in read_header:
        raise BadMedia("bad_npz", f"an array of format {version}")
    try:
        shape, fortran, dtype = read_header[version](file)
    except (TokenError, SyntaxError) as e:  # of a header that numpy reads once more, as one of Python 2
        raise BadMedia("bad_npz", f"no header: {e}"[:200]) from e
    if (fortran and len(shape) > 1) or min(shape, default=0) < 0:
        raise BadMedia("bad_npz", f"an array of the shape {shape}, in Fortran's order: {fortran}")
    return shape, dtype


def _of_rows(rows: Any, wanted: Sequence[str]) -> tuple[dict[str, Numbers], list[str]]:
    """The wanted values of dicts, one a row, NaN where a row lacks one; and all names."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadMedia("bad_npz", f"{ROWS} is no list of an object a row")
    names = dict.fromkeys(str(key) for row in rows for key in row)
    columns = {}
    for name in wanted:
        there = {i: _value(row[name], name) for i, row in enumerate(rows) if row.get(name) is not None}
        if not there:
            continue
        if len(widths := {len(value) for value in there.values()}) > 1:
            raise BadMedia("ragged_rows", f"{name} has {sorted(widths)[:4]} numbers")
        columns[name] = np.full((len(rows), widths.pop()), np.nan)
        for i, value in there.items():
            columns[name][i] = value
    return columns, list(names)


def _value(value: Any, name: str) -> list[float]:
    """A row's numbers, of a number, a list or an array."""
    values = values_of(value)[0] if isinstance(value, StandIn) else value if isinstance(value, list) else [value]
    if not all(isinstance(v, int | float) for v in values):
        raise BadMedia("ragged_rows", f"{name} holds more than numbers")
    return [float(v) for v in values]


def _numbers(array: Any, name: str) -> Numbers:
    """(T, width) of an array of numbers. BadMedia(ragged_rows): it holds something else."""
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf" or not array.ndim:
        raise BadMedia("ragged_rows", f"{name} is no array of numbers a row")
    return np.asarray(array.reshape(len(array), -1), np.float64)
