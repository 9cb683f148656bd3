"""The door to pickles: what one holds, as data, and nothing that it would run.

A pickle is a program. Here it runs on an unpickler to which every name is unknown but those that its reader allows; and
those give stand-ins that keep what they are told and do nothing. No class or function of numpy, pandas or the standard
library is ever handed to a pickle, so that there is none to misuse: what was kept is then read as data.
`unsafe_pickle`: it names something else, and none of it is used. To be called in the sandbox: a pickle may take any
amount of memory.
"""

from __future__ import annotations

import pickle
import re
import struct
from collections.abc import Mapping
from typing import IO, Any, TypeGuard

import numpy as np

from schemas.errors import BadMedia

Allowed = Mapping[tuple[str, str], str]  # (module, name) -> the kind of its stand-in
ARRAY, BUFFER, DTYPE, TYPE, ENCODE, BYTES = "array", "buffer", "dtype", "type", "encode", "bytes"
ARRAYS: Allowed = {
    ("numpy", "dtype"): DTYPE,
    ("numpy", "ndarray"): TYPE,
    ("_codecs", "encode"): ENCODE,  # bytes in protocol 2
    ("__builtin__", "bytes"): BYTES,  # no bytes at all in protocol 2
    **{(f"numpy.{core}.multiarray", "_reconstruct"): ARRAY for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): BUFFER for core in ("core", "_core")},
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
    """An unpickler that knows `allowed`; its stand-ins are its own, so that a pickle can spoil them for no other."""

    def __init__(self, file: IO[bytes], allowed: Allowed) -> None:
        super().__init__(file)
        self._allowed = allowed
        self._made = {kind: type(kind, (StandIn,), {"__slots__": (), "kind": kind}) for kind in set(allowed.values())}

    def find_class(self, module: str, name: str) -> Any:
        """A stand-in. BadMedia `unsafe_pickle` for a name that is not allowed."""
        if (kind := self._allowed.get((module, name))) is None:
            raise BadMedia("unsafe_pickle", f"it names {module[:80]}.{name[:80]}")
        return self._made[kind]

    def persistent_load(self, pid: Any) -> Any:
        """BadMedia: nothing that is read here has any."""
        raise BadMedia("unsafe_pickle", "it refers to objects outside of it")


def is_kind(thing: Any, kind: str) -> TypeGuard[StandIn]:
    """Whether it is a stand-in of that kind."""
    return isinstance(thing, StandIn) and thing.kind == kind


def values_of(array: Any) -> tuple[list[Any], tuple[int, ...], bool]:
    """An array's values in the order of its bytes, its shape, and whether that order is Fortran's.

    BadMedia(bad_pickle): it is no plain array; the shape is not checked against the values.
    """
    if is_kind(array, ARRAY):
        _, shape, dtype, fortran, data = array.state
    elif is_kind(array, BUFFER):
        data, dtype, shape, order = array.args
        fortran = order == "F"
    else:
        raise BadMedia("bad_pickle", "no plain array")
    return _flat(data, dtype), tuple(shape), bool(fortran)


def _flat(data: Any, dtype: Any) -> list[Any]:
    """`dtype("f8", ...)` with the state `(3, "<", ...)`."""
    code = dtype.args[0] if is_kind(dtype, DTYPE) else ""
    if re.fullmatch("O[48]?", code) and isinstance(data, list):
        return data
    if not re.fullmatch("[fiub][1248]", code):
        raise BadMedia("bad_pickle", f"an array of type {code[:20]!r}")
    raw = data.args[0].encode("latin1") if is_kind(data, ENCODE) else b"" if is_kind(data, BYTES) else data
    if not isinstance(raw, bytes | bytearray):
        raise BadMedia("bad_pickle", "an array without its bytes")
    order = dtype.state[1] if dtype.state and dtype.state[1] in ("<", ">") else ""
    return list(np.frombuffer(raw, np.dtype(f"{order}{code}")).tolist())
