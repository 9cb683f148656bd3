"""What a test of HDF5 runs in the sandbox: reading crashes, hangs or starves where a file's name says so."""

from __future__ import annotations

import os
import time
from typing import Any

from infra.readers import hdf5

read = hdf5._head


def head(path: str, *asked: Any) -> Any:
    """hdf5._head, with the accidents."""
    if "crash" in path:
        os.abort()
    if "hang" in path:
        time.sleep(60)
    if "starve" in path:
        bytearray(4 << 30)
    return read(path, *asked)


def main(argv: list[str]) -> None:
    """argv: as hdf5.main takes it."""
    hdf5._head = head  # type: ignore[assignment]
    hdf5.main(argv)
