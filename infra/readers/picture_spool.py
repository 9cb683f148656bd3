"""Pictures on their way out of a sandboxed child: one record each in a file that goes with the reading."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from infra.sandbox import sandbox, tempdirs
from schemas.errors import BadMedia

Pixels = npt.NDArray[np.uint8]  # (h, w, 3), RGB
LIMITS = sandbox.Limits(memory_bytes=4 << 30, cpu_s=1800, wall_s=3600.0)  # for one camera's pictures of one attempt
MAX_BYTES = 64 << 30  # of one camera's pictures
HEAD = struct.Struct("<IIQ")  # height and width, both 0 for JPEG and PNG; bytes


def from_child(module: str, argv: list[str], limits: sandbox.Limits = LIMITS) -> Iterator[bytes | Pixels]:
    """What `main([*argv, file])` of a module puts into the file, read when the child is done.

    BadMedia: what the child raised, or the sandbox's reasons.
    """
    with tempdirs.folder("pictures") as folder:
        spool = folder / "spool"
        spool.touch()
        sandbox.run(module, [*argv, str(spool)], limits)
        with spool.open("rb") as file:
            while head := file.read(HEAD.size):
                height, width, size_bytes = HEAD.unpack(head)
                data = file.read(size_bytes)
                yield np.frombuffer(data, np.uint8).reshape(height, width, 3) if height else data


def put(file: BinaryIO, picture: bytes | Pixels) -> None:
    """Adds a picture. BadMedia(too_large): there are more than MAX_BYTES."""
    if isinstance(picture, bytes):
        shape, data = (0, 0), picture
    else:
        shape, data = picture.shape[:2], np.ascontiguousarray(picture).tobytes()
    file.write(HEAD.pack(*shape, len(data)) + data)
    if file.tell() > MAX_BYTES:
        raise BadMedia("too_large", f"more than {MAX_BYTES} bytes of pictures")
