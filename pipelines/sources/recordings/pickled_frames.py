"""The door to pickles: columns of a pandas DataFrame out of one, and nothing that it would run.

A pickle is a program. Here it runs in the sandbox, on an unpickler to which every name is unknown but the dozen that a
DataFrame of plain columns is made of; and those give stand-ins that keep what they are told and do nothing. No class
or function of pandas, numpy or the standard library is ever handed to a pickle, so that there is none to misuse: what
was kept is then read as data. `unsafe_pickle`: it names something else, and none of it is used.

Columns of object, integer, float and boolean arrays are read, of pandas 1.3 to 3 (what pandas 3 itself writes for
text, its `str` type, is more than plain columns, and is refused).
"""

from __future__ import annotations

import json
import pickle
import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeGuard

import numpy as np

from infra.sandbox import sandbox
from schemas.errors import BadMedia

MOST_BYTES = 1 << 30
MOST_COLUMNS = 10_000
LIMITS = sandbox.Limits(memory_bytes=6 << 30, cpu_s=300, wall_s=600.0)
FRAME, MANAGER, BLOCK, INDEX, ARRAY, BUFFER, DTYPE, TYPE, SLICE, ENCODE, BYTES = (
    "frame", "manager", "block", "index", "array", "buffer", "dtype", "type", "slice", "encode", "bytes",
)  # fmt: skip
ALLOWED = {
    ("pandas", "DataFrame"): FRAME,
    ("pandas.core.frame", "DataFrame"): FRAME,
    ("pandas.core.internals.managers", "BlockManager"): MANAGER,
    ("pandas._libs.internals", "_unpickle_block"): BLOCK,
    ("pandas.core.indexes.base", "_new_Index"): INDEX,
    ("numpy", "dtype"): DTYPE,
    ("builtins", "slice"): SLICE,
    ("__builtin__", "slice"): SLICE,
    ("_codecs", "encode"): ENCODE,  # bytes in protocol 2
    ("__builtin__", "bytes"): BYTES,  # no bytes at all in protocol 2
    **{(f"numpy.{core}.multiarray", "_reconstruct"): ARRAY for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): BUFFER for core in ("core", "_core")},
    ("numpy", "ndarray"): TYPE,
    ("pandas", "Index"): TYPE,
    ("pandas", "RangeIndex"): TYPE,
    ("pandas.core.indexes.base", "Index"): TYPE,
    ("pandas.core.indexes.range", "RangeIndex"): TYPE,
    ("pandas.core.indexes.numeric", "Int64Index"): TYPE,
}
BROKEN = (
    pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, LookupError, OverflowError, ImportError,
    RecursionError, SystemError, struct.error,
)  # fmt: skip


class StandIn:
    """What a name in a pickle gives: an object that keeps its arguments and its state."""

    __slots__ = ("args", "state")
    args: tuple[Any, ...]
    state: Any
    kind = ""

    def __new__(cls, *args: Any) -> StandIn:
        """Keeps the arguments."""
        made = object.__new__(cls)
        made.args, made.state = args, None
        return made

    def __setstate__(self, state: Any) -> None:
        self.state = state


class Restricted(pickle.Unpickler):
    """An unpickler that knows ALLOWED; its stand-ins are its own, so that a pickle can spoil them for no other."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self._made = {kind: type(kind, (StandIn,), {"__slots__": (), "kind": kind}) for kind in set(ALLOWED.values())}

    def find_class(self, module: str, name: str) -> Any:
        """A stand-in. BadMedia `unsafe_pickle` for a name that no plain DataFrame has."""
        if (kind := ALLOWED.get((module, name))) is None:
            raise BadMedia("unsafe_pickle", f"it names {module[:80]}.{name[:80]}")
        return self._made[kind]

    def persistent_load(self, pid: Any) -> Any:
        """BadMedia: there are none in a DataFrame."""
        raise BadMedia("unsafe_pickle", "it refers to objects outside of it")


def columns(path: Path, names: Sequence[str]) -> dict[str, list[Any]]:
    """The named columns of a pickled DataFrame: lists of one length, of text, numbers, booleans and None.

    BadMedia: unsafe_pickle, bad_pickle (damaged, or no DataFrame with these columns), too_large, decoder_*.
    """
    if path.stat().st_size > MOST_BYTES:
        raise BadMedia("too_large", f"a pickle of more than {MOST_BYTES} bytes")
    return dict(json.loads(sandbox.run(__name__, [str(path), json.dumps(list(names))], LIMITS)))


def main(argv: list[str]) -> None:
    """The child: argv is a path and a JSON list of column names; prints them as one JSON object."""
    print(json.dumps(read(Path(argv[0]), json.loads(argv[1]))))


def read(path: Path, names: Sequence[str]) -> dict[str, list[Any]]:
    """`columns`, in this process."""
    try:
        with path.open("rb") as file:
            frame = Restricted(file).load()
        columns = _frame(frame)
        missing = [name for name in names if name not in columns]
        if missing:
            raise BadMedia("bad_pickle", f"no column {', '.join(missing)}")
        return {name: _plain(columns[name], name) for name in names}
    except BROKEN as e:
        raise BadMedia("bad_pickle", f"{type(e).__name__}: {e}"[:200]) from e


def _is(thing: Any, kind: str) -> TypeGuard[StandIn]:
    return isinstance(thing, StandIn) and thing.kind == kind


def _frame(frame: Any) -> dict[Any, list[Any]]:
    """Columns by name. DataFrame's state: {"_mgr": BlockManager(blocks, [columns, index])}."""
    if not _is(frame, FRAME) or not isinstance(frame.state, dict):
        raise BadMedia("bad_pickle", "no DataFrame")
    manager = frame.state.get("_mgr", frame.state.get("_data"))
    if not _is(manager, MANAGER) or len(manager.args) != 2:
        raise BadMedia("bad_pickle", "a DataFrame of a pandas before 1.3 or after 3")
    blocks, axes = manager.args
    names = _index(axes[0])
    columns: dict[Any, list[Any]] = {}
    for block in blocks:
        if not _is(block, BLOCK):
            raise BadMedia("bad_pickle", "a block of columns that is none")
        values, placement = block.args[:2]
        for at, column in zip(_placed(placement, len(names)), _rows(values), strict=True):
            columns[names[at]] = column
    if len({len(column) for column in columns.values()}) > 1:
        raise BadMedia("bad_pickle", "columns of different lengths")
    return columns


def _index(axis: Any) -> list[Any]:
    """Labels of the columns: `_new_Index(Index, {"data": array, "name": None})`."""
    if not _is(axis, INDEX) or not isinstance(axis.args[1], dict):
        raise BadMedia("bad_pickle", "columns without names")
    return [label for row in _rows(axis.args[1]["data"]) for label in row]


def _placed(placement: Any, count: int) -> list[int]:
    """Which columns a block holds, by a slice or an array of integers."""
    if _is(placement, SLICE):
        return list(range(count))[slice(*placement.args)]
    return [int(at) for row in _rows(placement) for at in row]


def _rows(array: Any) -> list[list[Any]]:
    """Rows of a 2-D array (one row of a 1-D one) as lists."""
    if _is(array, ARRAY):
        _, shape, dtype, fortran, data = array.state
    elif _is(array, BUFFER):
        data, dtype, shape, order = array.args
        fortran = order == "F"
    else:
        raise BadMedia("bad_pickle", "a column that is no plain array")
    flat = _flat(data, dtype)
    rows, width = (1, *shape) if len(shape) == 1 else shape
    if not (0 <= rows <= MOST_COLUMNS and width >= 0 and rows * width == len(flat)):
        raise BadMedia("bad_pickle", f"{len(flat)} values for the shape {shape}")
    return [flat[i::rows] if fortran and len(shape) == 2 else flat[i * width : (i + 1) * width] for i in range(rows)]


def _flat(data: Any, dtype: Any) -> list[Any]:
    """An array's values in the order of its bytes; `dtype("f8", ...)` with the state `(3, "<", ...)`."""
    code = dtype.args[0] if _is(dtype, DTYPE) else ""
    if re.fullmatch("O[48]?", code) and isinstance(data, list):
        return data
    if not re.fullmatch("[fiub][1248]", code):
        raise BadMedia("bad_pickle", f"an array of type {code[:20]!r}")
    raw = data.args[0].encode("latin1") if _is(data, ENCODE) else b"" if _is(data, BYTES) else data
    if not isinstance(raw, bytes | bytearray):
        raise BadMedia("bad_pickle", "an array without its bytes")
    order = dtype.state[1] if dtype.state and dtype.state[1] in ("<", ">") else ""
    return list(np.frombuffer(raw, np.dtype(f"{order}{code}")).tolist())


def _plain(column: list[Any], name: str) -> list[Any]:
    for value in column:
        if not isinstance(value, str | int | float | None) or (type(value) is int and value.bit_length() > 64):
            raise BadMedia("bad_pickle", f"{name} holds more than text and numbers")
    return column
