"""Members of a zip, by its own list at the end, in bounded memory."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from infra.archives import tar
from infra.archives.tar import ArchiveLimits, Member, Why
from schemas.errors import BadMedia

LOCAL_HEADER = "<4s22xHH"  # signature; what the list says too; lengths of the name and of the extra field
MAX_DIRECTORY_BYTES = 16 << 20  # the list is read whole: about 200,000 members, .2 GB of memory
BROKEN = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,
    OSError,
    LookupError,
    struct.error,
)


def read_members(file: BinaryIO, size_bytes: int, limits: ArchiveLimits) -> Iterator[Member]:
    """Files of a zip in the order of its list; a zip that cannot be read, or is a bomb, is one bad member."""
    try:
        with zipfile.ZipFile(_Bounded(file)) as archive:
            infos = archive.infolist()
    except BadMedia as e:
        yield Member("", 0, 0, (e.reason, e.detail))
        return
    except BROKEN as e:
        yield Member("", 0, 0, ("bad_archive", f"no zip that can be read: {e}"[:200]))
        return
    if (why := limits.bomb(sum(i.file_size for i in infos), size_bytes)) is not None:
        yield Member("", 0, 0, why)
        return
    for number, info in enumerate(infos):
        if number >= limits.members:
            yield Member("", 0, info.header_offset, ("archive_limit", f"more than {limits.members} members"))
            return
        if not info.filename.endswith("/"):  # is_dir() breaks on an empty name
            name, why = tar.safe_name(info.filename)
            why = why or _refusal_of(info) or limits.too_large(info.file_size)
            packed = info.compress_type, info.compress_size, info.CRC
            yield Member(name, info.file_size, info.header_offset, why, packed)


def _refusal_of(info: zipfile.ZipInfo) -> Why | None:
    if (info.external_attr >> 28) not in (0, 0o10):  # a Unix mode that is not a regular file's
        return "archive_link", f"{info.filename[:200]!a} is neither a file nor a folder"
    if info.flag_bits & 0x61:  # a password, strong encryption, or a patch for a file elsewhere
        return "archive_encrypted", f"{info.filename[:200]!a} wants a password"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # the others unpack without a bound
        return "bad_archive", f"{info.filename[:200]!a} is packed by method {info.compress_type}"
    return None


@contextmanager
def open_member(file: BinaryIO, member: Member) -> Iterator[BinaryIO]:
    """A member's bytes, checked against their CRC at the end, without the list. BadMedia `bad_archive`."""
    assert member.packed is not None
    info = zipfile.ZipInfo()
    info.compress_type, info.compress_size, info.CRC = member.packed
    info.file_size = member.size_bytes
    try:
        file.seek(member.offset)
        signature, *_, name_bytes, extra_bytes = struct.unpack(LOCAL_HEADER, file.read(struct.calcsize(LOCAL_HEADER)))
        if signature != b"PK\3\4":
            raise zipfile.BadZipFile("no header where its list has one")
        file.seek(name_bytes + extra_bytes, io.SEEK_CUR)
        opened = zipfile.ZipExtFile(file, "r", info)
    except BROKEN as e:
        raise BadMedia("bad_archive", f"{member.name[:200]!a}: {e}"[:200]) from e
    with opened:
        yield opened  # type: ignore[misc]  # read() is all that is asked of it


class _Bounded:
    """A file of which no single read takes more than a zip's list of members may."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, count: int = -1) -> bytes:
        """At most `count` bytes. BadMedia `archive_limit`: a list of members too long to hold."""
        if count > MAX_DIRECTORY_BYTES:
            raise BadMedia("archive_limit", f"a list of {count} bytes; the limit is {MAX_DIRECTORY_BYTES}")
        return self._file.read(count if count >= 0 else MAX_DIRECTORY_BYTES)
