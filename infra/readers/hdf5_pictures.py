"""Pictures in an HDF5 file: raw (T, h, w, 3), encoded rows padded with zeros (T, longest), or encoded ones (T,).

Options of a selector: `order=bgr` (raw pixels as OpenCV has them; encoded ones that a decoder gives with red and blue
exchanged: these are decoded, and come as raw), `rows=<start>-<end>` (half-open, default all).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from infra.readers import hdf5_links, hdf5_tree, picture_spool
from infra.readers.picture_spool import Pixels
from schemas.errors import BadMedia

BYTES_PER_CPU_S = 1 << 20  # of a file: packed pictures unpack to many times their size
BLOCK_BYTES = 64 << 20  # of raw pictures that are read at once


def pictures(path: Path, where: str, options: Mapping[str, str]) -> Iterator[bytes | Pixels]:
    """The pictures of the array `where`, in order of rows; raw ones as RGB, encoded ones as they are.

    BadMedia: missing_array, bad_hdf5, bad_frame (the array holds no pictures), too_large, decoder_*.
    """
    argv = [os.path.abspath(path), where, options.get("order", "rgb"), options.get("rows", "")]
    yield from picture_spool.from_child(__name__, argv, hdf5_tree.limits_of(path, BYTES_PER_CPU_S))


def preload() -> None:
    """The libraries that the child needs, once in the process that forks it."""
    import h5py

    del h5py


def main(argv: list[str]) -> None:
    """The child. argv: the file, the array's path, the channels' order, the rows, and the file to write."""
    path, where, order, rows, out = argv
    with hdf5_links.open_file(path) as file, Path(out).open("wb") as spool:
        for picture in _read(hdf5_links.array_at(file, where), where, order, rows):
            picture_spool.put(spool, picture)


def _read(array: Any, where: str, order: str, rows: str) -> Iterator[bytes | Pixels]:
    if array.shape is None or not array.shape:
        raise BadMedia("bad_frame", f"{where} is no list of pictures")
    start, end = map(int, rows.split("-")) if rows else (0, array.shape[0])
    end = min(end, array.shape[0])
    is_raw = array.ndim == 4 and array.dtype == np.uint8 and array.shape[3] == 3
    if is_raw:
        yield from _raw(array, order, start, end)
    elif array.ndim == 1 or (array.ndim == 2 and array.dtype == np.uint8):
        for block in _blocks(array, start, end):
            yield from (_in_true_colours(_encoded(row, where), where, order) for row in block)
    else:
        raise BadMedia("bad_frame", f"{where}: no pictures in the shape {array.shape} of {array.dtype}")


def _raw(array: Any, order: str, start: int, end: int) -> Iterator[Pixels]:
    for block in _blocks(array, start, end):
        yield from block[..., ::-1] if order == "bgr" else block


def _blocks(array: Any, start: int, end: int) -> Iterator[Any]:
    """Some rows at a time, whole chunks where there are such."""
    row_bytes = math.prod(array.shape[1:]) * max(array.dtype.itemsize, 1)
    per_chunk = array.chunks[0] if array.chunks else 1
    step = max(1, BLOCK_BYTES // max(row_bytes, 1) // per_chunk) * per_chunk if row_bytes < BLOCK_BYTES else 1
    step = min(step, 256) if array.ndim == 1 else step  # of what size a row of bytes is, only its reading tells
    for at in range(start, end, step):
        yield array[at : min(at + step, end)]


def _in_true_colours(encoded: bytes, where: str, order: str) -> bytes | Pixels:
    """The picture as it is; decoded, where red and blue were exchanged when it was encoded."""
    if order != "bgr":
        return encoded
    import cv2

    decoded = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR) if encoded else None
    if decoded is None:
        raise BadMedia("bad_frame", f"{where}: a picture that does not decode")
    return np.asarray(decoded, np.uint8)  # blue, green, red of what says red for blue


def _encoded(row: Any, where: str) -> bytes:
    """A row's bytes without the zeros that fill it up: JPEG and PNG end in other bytes."""
    if isinstance(row, np.void | np.ndarray | bytes):
        return (row if isinstance(row, bytes) else row.tobytes()).rstrip(b"\0")
    raise BadMedia("bad_frame", f"{where}: a row is a {type(row).__name__}, no picture")
