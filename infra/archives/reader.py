"""The door to archives: members of tars and zips read one by one, on disk and on S3, and never by their own names.

A member is `<archive>!/<member>`. What may not be read says why: archive_path (absolute, or with `..`), archive_link
(a link, a device, anything that is neither file nor folder), archive_sparse, archive_encrypted, archive_limit,
archive_bomb (it unpacks to far more than it holds), bad_archive (what cannot be understood). One bad member costs
that member; what cannot be understood costs the rest of the archive, which is given as one member without a name.
Of a plain tar and of a zip only headers and what is asked for are read; a compressed tar is unpacked once a process.
"""

from __future__ import annotations

import bz2
import gzip
import re
import threading
import uuid
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from infra.archives import tar, zips
from infra.archives.tar import ArchiveLimits, Member
from infra.sandbox import tempdirs
from infra.storage import objects
from infra.storage.objects import ObjectInfo
from infra.storage.range_reader import open_seekable
from schemas.errors import BadMedia

MEMBER_MARK = "!/"
PACKED_SUFFIXES = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2")
SUFFIXES = (".tar", ".zip", *PACKED_SUFFIXES)
BLOCK_BYTES = 8 << 20
MAX_INDEXED_MEMBERS = 2_000_000  # of all archives together that a process remembers
MAX_UNPACKED_TARS = 4  # on disk, by a process

_INDEXES: OrderedDict[tuple[str, str, ArchiveLimits], tuple[tuple[Member, ...], dict[str, Member]]] = OrderedDict()
_UNPACKED: OrderedDict[tuple[str, str, ArchiveLimits], tuple[Path, str]] = OrderedDict()
_LOCK = threading.RLock()


def is_archive(uri: str) -> bool:
    """Whether the name says so."""
    return uri.lower().endswith(SUFFIXES)


def split_member(uri: str) -> tuple[str, str] | None:
    """Archive and member of a member's URI; None for any other. Archives on the web are not read in place."""
    if uri.startswith(("http://", "https://")):
        return None
    match = re.match(rf"(.+?(?:{'|'.join(map(re.escape, SUFFIXES))})){MEMBER_MARK}(.+)", uri, re.IGNORECASE | re.DOTALL)
    return (match[1], match[2]) if match else None


@contextmanager
def open_archive(uri: str, limits: ArchiveLimits = ArchiveLimits()) -> Iterator[Archive]:
    """The archive, open. FileNotFoundError: it is not there."""
    info = objects.info(uri)
    packed = uri.lower().endswith(PACKED_SUFFIXES)
    file, broken = _open_unpacked(info, limits) if packed else (open_seekable(info), "")
    with file or nullcontext():
        yield Archive(info, file, limits, broken)


@dataclass(frozen=True, slots=True)
class Archive:
    """An open archive. broken: why its compressed form ended early."""

    info: ObjectInfo
    file: BinaryIO | None
    limits: ArchiveLimits
    broken: str = ""

    def members(self) -> Iterator[Member]:
        """Files in the archive's order, bad ones with their reason; nothing is raised for what it holds.

        A process scans an archive once: the second time it is remembered by URI and ETag.
        """
        key = (self.info.uri, self.info.etag, self.limits)
        if (known := _INDEXES.get(key)) is not None:
            yield from known[0]
            return
        scanned = []
        for member in self._scan():
            scanned.append(member)
            yield member
        with _LOCK:
            _INDEXES[key] = tuple(scanned), {member.name: member for member in scanned}
            while sum(len(known[0]) for known in _INDEXES.values()) > MAX_INDEXED_MEMBERS and len(_INDEXES) > 1:
                _INDEXES.popitem(last=False)

    def _scan(self) -> Iterator[Member]:
        if self.file is None:
            yield Member("", 0, 0, ("archive_bomb", self.broken))
        elif self.info.uri.lower().endswith(".zip"):
            yield from zips.read_members(self.file, self.info.size_bytes, self.limits)
        else:
            whole = True
            for member in tar.read_members(self.file, self.limits):
                yield member
                whole = whole and (member.bad is None or member.bad[0] not in ("bad_archive", "archive_limit"))
            if self.broken and whole:
                yield Member("", 0, self.file.seek(0, 2), ("bad_archive", self.broken))

    def find(self, name: str) -> Member:
        """The member of that name, the last where there are several. FileNotFoundError, or BadMedia for a bad one."""
        known = _INDEXES.get((self.info.uri, self.info.etag, self.limits))
        by_name = {member.name: member for member in self.members()} if known is None else known[1]
        if (member := by_name.get(name)) is None:
            raise FileNotFoundError(f"{self.info.uri}{MEMBER_MARK}{name}")
        if member.bad is not None:
            raise BadMedia(*member.bad)
        return member

    def blocks(self, member: Member) -> Iterator[bytes]:
        """The member's bytes. BadMedia `bad_archive`: there are fewer than its header says, or they are damaged."""
        assert self.file is not None  # an archive that is refused as a whole has no good member
        left = member.size_bytes
        is_zip = self.info.uri.lower().endswith(".zip")
        with zips.open_member(self.file, member) if is_zip else _open_plain(self.file, member) as f:
            while left:
                try:
                    block = f.read(min(left, BLOCK_BYTES))
                except (*zips.BROKEN, zlib.error) as e:
                    raise BadMedia("bad_archive", f"{member.name}: {e}"[:200]) from e
                if not block:
                    raise BadMedia("bad_archive", f"{member.name} ends {left} bytes early")
                left -= len(block)
                yield block

    def read(self, member: Member, max_bytes: int) -> bytes:
        """A small member's bytes. BadMedia `archive_limit`: it is larger."""
        if member.size_bytes > max_bytes:
            raise BadMedia("archive_limit", f"{member.name}: {member.size_bytes} bytes; the limit is {max_bytes}")
        return b"".join(self.blocks(member))


def list_members(uri: str, limits: ArchiveLimits = ArchiveLimits()) -> Iterator[Member]:
    """What the archive holds, in its order."""
    with open_archive(uri, limits) as archive:
        yield from archive.members()


def extract(uri: str, name: str, path: Path, limits: ArchiveLimits = ArchiveLimits()) -> None:
    """Copies one member to a local file. FileNotFoundError: no such archive or member. BadMedia: a bad one."""
    with open_archive(uri, limits) as archive, path.open("wb") as out:
        for block in archive.blocks(archive.find(name)):
            out.write(block)


@contextmanager
def _open_plain(file: BinaryIO, member: Member) -> Iterator[BinaryIO]:
    file.seek(member.offset)
    yield file


def _open_unpacked(info: ObjectInfo, limits: ArchiveLimits) -> tuple[BinaryIO | None, str]:
    """The plain tar inside a compressed one, and why it ends early; no file for a bomb, and what makes it one."""
    key = (info.uri, info.etag, limits)
    with _LOCK:
        if key not in _UNPACKED:
            path = tempdirs.process_folder() / f"unpacked-{uuid.uuid4().hex}.tar"
            _UNPACKED[key] = path, _unpack(info, path, limits)
        _UNPACKED.move_to_end(key)
        path, why = _UNPACKED[key]
        file = path.open("rb") if path.exists() else None
        while len(_UNPACKED) > MAX_UNPACKED_TARS:
            _UNPACKED.popitem(last=False)[1][0].unlink(missing_ok=True)
    return file, why


def _unpack(info: ObjectInfo, path: Path, limits: ArchiveLimits) -> str:
    """Writes the plain tar, as far as it can be had, and says what stopped it; a bomb leaves no file."""
    size_bytes = 0
    with open_seekable(info) as packed, path.open("wb") as out:
        plain = gzip.GzipFile(fileobj=packed) if info.uri.lower().endswith("gz") else bz2.BZ2File(packed)
        while True:
            try:
                block = plain.read1(1 << 20)  # read() would lose what came before damage
            except (EOFError, zlib.error, OSError, ValueError) as e:
                return f"after {size_bytes} unpacked bytes: {e}"[:200]
            if not block:
                return ""
            size_bytes += len(block)
            if (bomb := limits.bomb(size_bytes, info.size_bytes)) is not None:
                path.unlink()
                return bomb[1]
            out.write(block)
