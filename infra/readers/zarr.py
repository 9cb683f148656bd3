"""The door to zarr stores (v2 and v3, a folder or a .zip), read in the sandbox: codecs are native code.

zarr is an extra: `pip install 'handwheel-engine[zarr]'`. A codec of its own (imagecodecs_jpegxl, as UMI has it) wants
imagecodecs besides, and says so where it is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from infra.sandbox import sandbox, tempdirs
from schemas.errors import BadMedia

LIMITS = sandbox.Limits(memory_bytes=4 << 30, cpu_s=600, wall_s=1200.0)
MAX_BYTES = 16 << 30  # of what is asked for, unpacked


def shapes(store: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and dtype of every array, by its path. BadMedia: bad_zarr, no_reader, the sandbox's reasons."""
    with tempdirs.folder("zarr") as folder:
        listing = json.loads(sandbox.run(__name__, [str(store.resolve()), str(folder), "[]"], LIMITS))
    return {name: (tuple(shape), dtype) for name, shape, dtype in listing}


def arrays(store: Path, wanted: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Whole arrays by path. BadMedia: as `shapes`, and too_large."""
    parts = [(name, 0, -1) for name in wanted]
    with tempdirs.folder("zarr") as folder:
        sandbox.run(__name__, [str(store.resolve()), str(folder), json.dumps(parts)], LIMITS)
        return {name: np.load(folder / f"{i}.npy", allow_pickle=False) for i, name in enumerate(wanted)}


def pictures(store: Path, name: str, options: Mapping[str, str]) -> Iterator[npt.NDArray[np.uint8]]:
    """Rows [options["start"], options["end"]) of an array of pictures, uint8 (h, w, 3) each.

    BadMedia: as `arrays`, and bad_frame.
    """
    start, end = int(options["start"]), int(options["end"])
    with tempdirs.folder("zarr") as folder:
        sandbox.run(__name__, [str(store.resolve()), str(folder), json.dumps([(name, start, end)])], LIMITS)
        frames = np.load(folder / "0.npy", mmap_mode="r", allow_pickle=False)
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3:
            raise BadMedia("bad_frame", f"{name} is {frames.dtype} {frames.shape}, not uint8 (T, h, w, 3)")
        yield from frames


METADATA = ("zarr.json", ".zgroup", ".zarray", ".zattrs", ".zmetadata")


def parts(name: str, options: Mapping[str, str]) -> tuple[str, ...]:
    """What of a store that is no local folder the pictures need: the array, and the metadata of what it lies in."""
    del options
    return of_arrays([name])


def of_arrays(names: Sequence[str]) -> tuple[str, ...]:
    """Places below a store of whole arrays with their metadata, and those of what they lie in."""
    return (*of_metadata(names), *(f"{name}/" for name in names))


def of_metadata(names: Sequence[str]) -> tuple[str, ...]:
    """Places below a store where metadata of arrays may lie, and of what they lie in; v2's are hidden files."""
    nodes = dict.fromkeys("/".join(n.split("/")[:depth]) for n in names for depth in range(n.count("/") + 2))
    return tuple(f"{node}/{file}".lstrip("/") for node in nodes for file in METADATA)


def main(argv: list[str]) -> None:
    """The child. argv: the store, a folder to write to, JSON of [path, start, end] (-1: to its end); [] lists them."""
    parts = json.loads(argv[2])
    try:
        group = _open(argv[0])
        if not parts:
            print(json.dumps([[name, list(a.shape), str(a.dtype)] for name, a in sorted(_arrays(group, ""))]))
        for i, (name, start, end) in enumerate(parts):
            array = group[name]
            stop = array.shape[0] if end < 0 else end
            if (stop - start) * array.dtype.itemsize * int(np.prod(array.shape[1:], dtype=np.int64)) > MAX_BYTES:
                raise BadMedia("too_large", f"{name} {array.shape} is over {MAX_BYTES} bytes")
            np.save(Path(argv[1]) / f"{i}.npy", np.asarray(array[start:stop]), allow_pickle=False)
    except (BadMedia, MemoryError):
        raise
    except ImportError as e:
        raise BadMedia("no_reader", f"{e}: pip install 'handwheel-engine[zarr]'") from e
    except Exception as e:
        reason = "no_reader" if "codec" in str(e).lower() else "bad_zarr"
        raise BadMedia(reason, f"{type(e).__name__}: {e}"[:200]) from e


def _open(path: str) -> Any:
    import zarr

    if path.lower().endswith(".zip"):
        return zarr.open_group(zarr.storage.ZipStore(path, mode="r"), mode="r")
    return zarr.open_group(path, mode="r")


def _arrays(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, member in group.members():
        inner = f"{path}{name}"
        if hasattr(member, "members"):
            yield from _arrays(member, inner + "/")
        else:
            yield inner, member
