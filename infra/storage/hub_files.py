"""Files of the Hub as objects: a branch or tag is one commit in a run, and what comes is what the Hub lists.

A commit that leaves a file alone leaves its ETag alone, so that only what changed is new.
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from infra.storage import hub, resumable
from infra.storage.hub import Entry, Pin
from infra.storage.hub_uri import Place, split_uri
from infra.storage.info import Conflict, ObjectInfo
from schemas.errors import TransientError, UsageError

RANGE_ATTEMPTS = 3
Tree = Mapping[str, Entry]


@dataclass(slots=True)
class Memory:
    """What a process knows in its run: commits by server, data set and revision; files of folders at a commit."""

    run_id: str = ""
    pins: dict[tuple[str, str, str], Pin] = field(default_factory=dict)
    trees: dict[tuple[str, Pin], dict[str, Tree]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)  # who asks for the same waits for one answer


_MEMORY = Memory()


def begin_run(run_id: str) -> None:
    """Forgets what another run knew: branches and tags are resolved anew."""
    with _MEMORY.lock:
        if _MEMORY.run_id != run_id:
            _MEMORY.run_id = run_id
            _MEMORY.pins.clear()
            _MEMORY.trees.clear()


def list_objects(uri: str) -> Iterator[ObjectInfo]:
    """Every file at or below a place, in order of path; what is hidden below it is passed over.

    UsageError: no such data set or revision, or one that this account may not read. TransientError.
    """
    place = split_uri(uri)
    pin = _pin_of(place)
    below = f"{place.path}/" if place.path else ""
    for path, entry in sorted(_tree_with(place, pin).items()):
        inside = path.startswith(below) and not any(p.startswith(".") for p in path[len(below) :].split("/"))
        if path == place.path or inside:
            yield _object(place.uri_of(path), entry, pin)


def exists(uri: str) -> bool:
    """Whether a file or folder is there. UsageError, TransientError: as for a listing."""
    place = split_uri(uri)
    pin = _pin_of(place)
    return not place.path or hub.look_up(place, pin)[0]


def info(uri: str) -> ObjectInfo:
    """What a listing says of one file. FileNotFoundError where there is none; the others as for a listing."""
    place = split_uri(uri)
    pin = _pin_of(place)
    return _object(uri, _entry_of(place, pin), pin)


def read(uri: str) -> tuple[bytes, str]:
    """A file's bytes and its ETag. FileNotFoundError, TransientError."""
    out = io.BytesIO()
    etag = _copy(uri, out, None)
    return out.getvalue(), etag


def download(uri: str, path: Path, if_match: str | None) -> None:
    """Copies a file. Conflict: its ETag is not `if_match`. FileNotFoundError, TransientError."""
    with path.open("w+b") as out:
        _copy(uri, out, if_match)


def read_range(uri: str, start: int, count: int, etag: str) -> bytes:
    """At most `count` bytes from `start`, which lies inside a file whose ETag is still `etag`. TransientError."""
    with _as_transient():
        place = split_uri(uri)
        pin = _pin_of(place)
        entry = _entry_of(place, pin)
        if entry.etag != etag:
            raise TransientError(f"{uri} changed since it was listed; run the same command again")
        end, why = min(start + count, entry.size_bytes), ""
        for _ in range(RANGE_ATTEMPTS):
            try:
                data = b"".join(hub.blocks(place, pin, start, end))
            except hub.broken() as e:
                data, why = b"", f"{type(e).__name__} {e}"
            if len(data) == end - start:
                return data
        raise TransientError(f"{uri}: {end - start} bytes from byte {start} did not come ({why}); run it again")


def content_sha256(etag: str) -> str | None:
    """The sha256 of a file's bytes where its ETag is that."""
    return etag if len(etag) == 64 else None


def _copy(uri: str, out: IO[bytes], if_match: str | None) -> str:
    """Copies a file's bytes, held against its ETag, which it returns."""
    with _as_transient():
        place = split_uri(uri)
        pin = _pin_of(place)
        entry = _entry_of(place, pin)
        if if_match and entry.etag != if_match:
            raise Conflict(uri)

        def blocks_from(size: int) -> tuple[int, Iterator[bytes]]:
            return entry.size_bytes, hub.blocks(place, pin, size, None)

        if entry.size_bytes:
            resumable.save(blocks_from, out, hub.broken(), uri, resumable.MAX_BACKOFF_S)
        if etag_of(out, entry.etag) != entry.etag:
            raise TransientError(f"{uri}: other bytes came than the Hub lists; run the same command again")
        return entry.etag


def etag_of(file: IO[bytes], like: str) -> str:
    """What the Hub calls these bytes, as an ETag of the kind of `like`."""
    if content_sha256(like):
        digest = hashlib.sha256()
    else:  # git's id of a blob
        digest = hashlib.sha1(b"blob %d\0" % file.seek(0, io.SEEK_END), usedforsecurity=False)
    file.seek(0)
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def _object(uri: str, entry: Entry, pin: Pin) -> ObjectInfo:
    return ObjectInfo(uri, entry.size_bytes, entry.etag, pin.modified_ns)


def _pin_of(place: Place) -> Pin:
    key = (hub.endpoint(), place.repo, place.revision)
    with _MEMORY.lock:
        if key not in _MEMORY.pins:
            _MEMORY.pins[key] = hub.resolve(place)
        return _MEMORY.pins[key]


def _entry_of(place: Place, pin: Pin) -> Entry:
    """FileNotFoundError where there is no such file."""
    tree = _known_tree(place, pin)
    entry = hub.look_up(place, pin)[1] if tree is None else tree.get(place.path)
    if entry is None:
        raise FileNotFoundError(place.uri)
    return entry


def _known_tree(place: Place, pin: Pin) -> Tree | None:
    """The files of a folder that the place is or lies in, where one was listed."""
    with _MEMORY.lock:
        trees = _MEMORY.trees.setdefault((hub.endpoint(), pin), {})
        return next((tree for folder, tree in trees.items() if _is_in(place.path, folder)), None)


def _is_in(path: str, folder: str) -> bool:
    return not folder or path == folder or path.startswith(f"{folder}/")


def _tree_with(place: Place, pin: Pin) -> Tree:
    """Files by path, among them all at or below a place."""
    with _MEMORY.lock:
        if (known := _known_tree(place, pin)) is not None:
            return known
        there, file = hub.look_up(place, pin) if place.path else (True, None)
        if file is not None or not there:
            return {} if file is None else {file.path: file}
        tree = {entry.path: entry for entry in hub.list_tree(place, pin)}
        _MEMORY.trees[hub.endpoint(), pin][place.path] = tree
        return tree


@contextmanager
def _as_transient() -> Iterator[None]:
    """A file that may not be read in the middle of a run is left for the next one, with the reason."""
    try:
        yield
    except UsageError as e:
        raise TransientError(str(e)) from e
