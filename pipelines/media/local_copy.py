"""A recording's bytes as a local file, wherever they are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.archives import reader
from infra.sandbox import tempdirs
from infra.storage import objects
from pipelines.media import jpeg_sequence, log_pictures
from schemas.errors import BadMedia


def stored(root: str, sha256: str) -> str:
    """Where the corpus keeps a recording that came from the web."""
    return objects.join(root, "media", sha256)


def in_place(uri: str) -> bool:
    """Whether the recording is a local file, to be read where it lies."""
    if uri.startswith(("http://", "https://")) or objects.is_remote(uri):
        return False
    return not _is_within(uri)


def _is_within(uri: str) -> bool:
    """Whether it is part of another file: a member of an archive, pictures of a log."""
    return log_pictures.split(uri) is not None or reader.split_member(uri) is not None


def listed_sha256(uri: str, revision: str) -> str | None:
    """The sha256 of the recording's bytes where its listing says it: it need not be fetched to be known."""
    return None if _is_within(uri) else objects.listed_sha256(uri, revision)


def bring(uri: str, path: Path, etag: str | None = None) -> None:
    """Copies a remote object, a member of an archive, or an archive's or log's pictures as one recording, to a file.

    etag: of a remote object; objects.Conflict where it has another one now. FileNotFoundError: the object, archive or
    member is not there. BadMedia: why the archive cannot give it.
    """
    if (pictures := log_pictures.split(uri)) is not None:
        log_pictures.write(*pictures, path)
        return
    inside = reader.split_member(uri)
    if inside is None:
        objects.download(uri, path, if_match=etag)
    elif jpeg_sequence.is_film(inside[1]):
        jpeg_sequence.write(*inside, path)
    else:
        reader.extract(*inside, path)


@contextmanager
def local_copy(uri: str, root: str, sha256: str, scratch: Path | None = None) -> Iterator[Path]:
    """The recording as a local file. Local ones are read in place; others from scratch, or brought for the while.

    BadMedia `source_gone`, `source_changed`: the source no longer holds these bytes.
    """
    if scratch is not None and (fetched := scratch / sha256).exists():
        yield fetched
        return
    with tempdirs.folder("media") as folder:
        path = folder / "media"
        try:
            if uri.startswith(("http://", "https://")):
                objects.download(stored(root, sha256), path)
            elif in_place(uri):
                path = Path(uri)
            else:
                bring(uri, path)
            with path.open("rb") as f:
                actual = hashlib.file_digest(f, "sha256").hexdigest()
        except FileNotFoundError as e:
            raise BadMedia("source_gone", f"{uri} is no longer there") from e
        except BadMedia as e:  # an archive or log that was fine when its member was taken
            raise BadMedia("source_changed", f"{uri} cannot be read any more: {e.reason} {e.detail}"[:300]) from e
        if actual != sha256:
            raise BadMedia("source_changed", f"{uri} held {sha256[:12]}, now {actual[:12]}")
        yield path


def reachable(uri: str, root: str, sha256: str) -> bool:
    """Whether the source holds these bytes now."""
    try:
        with local_copy(uri, root, sha256):
            return True
    except BadMedia:
        return False
