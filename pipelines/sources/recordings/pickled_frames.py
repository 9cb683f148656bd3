"""Columns of a pickled pandas DataFrame: in the sandbox, by the names that a frame of plain columns is made of alone.

Columns of object, integer, float and boolean arrays are read, of pandas 1.3 to 3 (what pandas 3 itself writes for
text, its `str` type, is more than plain columns, and is refused).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infra.readers.pickles import ARRAYS, BROKEN, TYPE, Restricted, is_kind, values_of
from infra.sandbox import sandbox
from schemas.errors import BadMedia

MOST_BYTES = 1 << 30
MOST_COLUMNS = 10_000
LIMITS = sandbox.Limits(memory_bytes=6 << 30, cpu_s=300, wall_s=600.0)
FRAME, MANAGER, BLOCK, INDEX, SLICE = "frame", "manager", "block", "index", "slice"
ALLOWED = {
    **ARRAYS,
    ("pandas", "DataFrame"): FRAME,
    ("pandas.core.frame", "DataFrame"): FRAME,
    ("pandas.core.internals.managers", "BlockManager"): MANAGER,
    ("pandas._libs.internals", "_unpickle_block"): BLOCK,
    ("pandas.core.indexes.base", "_new_Index"): INDEX,
    ("builtins", "slice"): SLICE,
    ("__builtin__", "slice"): SLICE,
    ("pandas", "Index"): TYPE,
    ("pandas", "RangeIndex"): TYPE,
    ("pandas.core.indexes.base", "Index"): TYPE,
    ("pandas.core.indexes.range", "RangeIndex"): TYPE,
    ("pandas.core.indexes.numeric", "Int64Index"): TYPE,
}


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
            frame = Restricted(file, ALLOWED).load()
        columns = _frame(frame)
        missing = [name for name in names if name not in columns]
        if missing:
            raise BadMedia("bad_pickle", f"no column {', '.join(missing)}")
        return {name: _plain(columns[name], name) for name in names}
    except BROKEN as e:
        raise BadMedia("bad_pickle", f"{type(e).__name__}: {e}"[:200]) from e


def _frame(frame: Any) -> dict[Any, list[Any]]:
    """Columns by name. DataFrame's state: {"_mgr": BlockManager(blocks, [columns, index])}."""
    if not is_kind(frame, FRAME) or not isinstance(frame.state, dict):
        raise BadMedia("bad_pickle", "no DataFrame")
    manager = frame.state.get("_mgr", frame.state.get("_data"))
    if not is_kind(manager, MANAGER) or len(manager.args) != 2:
        raise BadMedia("bad_pickle", "a DataFrame of a pandas before 1.3 or after 3")
    blocks, axes = manager.args
    names = _index(axes[0])
    columns: dict[Any, list[Any]] = {}
    for block in blocks:
        if not is_kind(block, BLOCK):
            raise BadMedia("bad_pickle", "a block of columns that is none")
        values, placement = block.args[:2]
        for at, column in zip(_placed(placement, len(names)), _rows(values), strict=True):
            columns[names[at]] = column
    if len({len(column) for column in columns.values()}) > 1:
        raise BadMedia("bad_pickle", "columns of different lengths")
    return columns


def _index(axis: Any) -> list[Any]:
    """Labels of the columns: `_new_Index(Index, {"data": array, "name": None})`."""
    if not is_kind(axis, INDEX) or not isinstance(axis.args[1], dict):
        raise BadMedia("bad_pickle", "columns without names")
    return [label for row in _rows(axis.args[1]["data"]) for label in row]


def _placed(placement: Any, count: int) -> list[int]:
    """Which columns a block holds, by a slice or an array of integers."""
    if is_kind(placement, SLICE):
        return list(range(count))[slice(*placement.args)]
    return [int(at) for row in _rows(placement) for at in row]


def _rows(array: Any) -> list[list[Any]]:
    """Rows of a 2-D array (one row of a 1-D one) as lists."""
    flat, shape, fortran = values_of(array)
    rows, width = (1, *shape) if len(shape) == 1 else shape
    if not (0 <= rows <= MOST_COLUMNS and width >= 0 and rows * width == len(flat)):
        raise BadMedia("bad_pickle", f"{len(flat)} values for the shape {shape}")
    return [flat[i::rows] if fortran and len(shape) == 2 else flat[i * width : (i + 1) * width] for i in range(rows)]


def _plain(column: list[Any], name: str) -> list[Any]:
    for value in column:
        if not isinstance(value, str | int | float | None) or (type(value) is int and value.bit_length() > 64):
            raise BadMedia("bad_pickle", f"{name} holds more than text and numbers")
    return column
