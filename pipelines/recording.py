"""A recording's bytes as a local file, wherever they are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra import objects
from infra import scratch as scratches
from schemas.errors import BadMedia


def stored(root: str, sha256: str) -> str:
    """Where the corpus keeps a recording that came from the web."""
    return objects.join(root, "media", sha256)


@contextmanager
def local_copy(uri: str, root: str, sha256: str, scratch: Path | None = None) -> Iterator[Path]:
    """The recording as a local file. Local ones are read in place; others from scratch, or downloaded for the while.

    BadMedia `source_gone`, `source_changed`: the source no longer holds these bytes.
    """
    if scratch is not None and (kept := scratch / sha256).exists():
        yield kept
        return
    with scratches.folder("media") as folder:
        path = folder / "media"
        try:
            if uri.startswith(("http://", "https://")):
                objects.download(stored(root, sha256), path)
            elif objects.is_s3(uri):
                objects.download(uri, path)
            else:
                path = Path(uri)
            with path.open("rb") as f:
                found = hashlib.file_digest(f, "sha256").hexdigest()
        except FileNotFoundError as e:
            raise BadMedia("source_gone", f"{uri} is no longer there") from e
        if found != sha256:
            raise BadMedia("source_changed", f"{uri} held {sha256[:12]}, now {found[:12]}")
        yield path


def reachable(uri: str, root: str, sha256: str) -> bool:
    """Whether the source holds these bytes now."""
    try:
        with local_copy(uri, root, sha256):
            return True
    except BadMedia:
        return False
