"""What lies within an HDF5 file itself: no link, array or chunk that names another file is followed.

Runs in the sandboxed child alone, as all of HDF5 does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from schemas.errors import BadMedia

CHUNK_BYTES = 512 << 20  # of one chunk, unpacked
MAX_DEPTH = 32
MAX_NODES = 2_000_000


@contextmanager
def open_file(path: str) -> Iterator[Any]:
    """The file, open. BadMedia(bad_hdf5): it is none, or damage shows while it is read."""
    import h5py

    try:
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except (BadMedia, MemoryError):
        raise
    except Exception as e:
        raise BadMedia("bad_hdf5", f"{type(e).__name__}: {e}"[:200]) from e


def walk(file: Any, visit: Callable[[str, Any], None]) -> None:
    """Visits each group and array below the root with its path, in the file's order, every group once.

    Links of other kinds are visited with None. A cycle of groups ends where it closes.
    """
    import h5py

    untyped: Any = h5py
    entered = {_address(file)}
    todo = [("", file)]
    count = 0
    while todo:
        at, group = todo.pop()
        for name in group:
            count += 1
            path = f"{at}/{name}" if at else name
            if count > MAX_NODES or path.count("/") > MAX_DEPTH:
                raise BadMedia("bad_hdf5", f"more than {MAX_NODES} names, or deeper than {MAX_DEPTH}")
            if not isinstance(group.get(name, getlink=True), untyped.HardLink):
                visit(path, None)
                continue
            node = group[name]
            visit(path, node)
            if isinstance(node, untyped.Group) and (address := _address(node)) not in entered:
                entered.add(address)
                todo.append((path, node))


def _address(node: Any) -> int:
    import h5py

    untyped: Any = h5py
    return int(untyped.h5o.get_info(node.id).addr)


def array_at(file: Any, path: str) -> Any:
    """The array of that path. BadMedia: no_pictures (there is none), bad_hdf5 (it reaches out of the file)."""
    import h5py

    untyped: Any = h5py
    at = file
    for part in path.strip("/").split("/"):
        link = at.get(part, getlink=True) if isinstance(at, untyped.Group) else None
        if link is None:
            raise BadMedia("missing_array", f"{path} is not there")
        if not isinstance(link, untyped.HardLink):
            raise BadMedia("bad_hdf5", f"{path} is a link: {type(link).__name__}")
        at = at[part]
    if not isinstance(at, untyped.Dataset):
        raise BadMedia("missing_array", f"{path} is no array")
    check_own(at, path)
    return at


def check_own(array: Any, path: str) -> None:
    """BadMedia(bad_hdf5): the array lies in another file, or in chunks that no reader should unpack."""
    if array.external or array.is_virtual:
        raise BadMedia("bad_hdf5", f"{path} lies in another file")
    if math.prod(array.chunks or (1,)) * max(array.dtype.itemsize, 1) > CHUNK_BYTES:
        raise BadMedia("bad_hdf5", f"{path} has chunks of {array.chunks}")
