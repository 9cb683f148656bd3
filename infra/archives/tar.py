"""Headers of a tar, one by one, in flat memory: nothing recurses, nothing is read that a hostile header asks for.

The standard library's `TarInfo.frombuf` reads a block; its `TarFile` is not used, since it follows links, reads as
much as a header claims, and recurses as deep as headers are nested.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from schemas.errors import BadMedia

BLOCK = tarfile.BLOCKSIZE
PAX, LONG_NAME = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE), (tarfile.GNUTYPE_LONGNAME,)
PASSED_OVER = (tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK)
NO_DATA = (tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE)
MAX_PADDING_BYTES = 1 << 20  # tar fills up to 10 KiB, and to a tape's block where one is asked for
Why = tuple[str, str]  # reason, detail


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What an archive may hold."""

    members: int = 1_000_000
    member_bytes: int = 64 << 30
    header_bytes: int = 1 << 20  # the long name or the pax records of one member
    unpacked_ratio: int = 20  # media hardly compress
    unpacked_free_bytes: int = 64 << 20  # up to here any ratio passes: it can do no harm

    def bomb(self, unpacked_bytes: int, packed_bytes: int) -> Why | None:
        """Why a compressed archive that unpacks to so much is refused."""
        if unpacked_bytes <= max(self.unpacked_free_bytes, packed_bytes * self.unpacked_ratio):
            return None
        return "archive_bomb", f"{packed_bytes} bytes unpack to {unpacked_bytes} or more"

    def too_large(self, size_bytes: int) -> Why | None:
        """Why a member of this size is refused."""
        if size_bytes <= self.member_bytes:
            return None
        return "archive_limit", f"{size_bytes} bytes; the limit is {self.member_bytes}"


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive. offset: of its bytes in a tar (the plain one), of its header in a zip.

    bad: why it is refused. A bad one without a name stands for all from `offset` on.
    packed: of a zip's member its method, packed size and CRC.
    """

    name: str
    size_bytes: int
    offset: int
    bad: Why | None = None
    packed: tuple[int, int, int] | None = None


def safe_name(raw: str) -> tuple[str, Why | None]:
    """A member's name without a leading `./`, and why it is refused."""
    name = re.sub(r"^(\./+)+", "", raw)
    if not name:
        return raw, ("bad_archive", "a file without a name")
    if name[0] in "/\\" or ".." in re.split(r"[/\\]", name):
        return raw, ("archive_path", f"{raw[:200]!a} leads out of the archive")
    return name, None


def read_members(file: BinaryIO, limits: ArchiveLimits) -> Iterator[Member]:
    """Files of a plain tar in order. Ends like tar itself at the first empty block; folders are passed over.

    What lies behind the end and is not padding is given as a bad member.
    """
    size_bytes, at, count = file.seek(0, 2), 0, 0
    records: dict[str, str] = {}  # of the headers before a member
    while at < size_bytes:
        try:
            head = _header(file, at)
            if head is None:
                yield from _after_end(file, at, size_bytes)
                return
            count += 1
            if count > limits.members:
                yield Member("", 0, at, ("archive_limit", f"more than {limits.members} members"))
                return
            start = at + BLOCK + _sparse_bytes(file, at, head, limits)
            if head.type in PAX + LONG_NAME + PASSED_OVER:
                if start + head.size > size_bytes:
                    raise BadMedia("bad_archive", f"the header at byte {at} ends after the archive does")
                records |= _read_records(file, start, head, limits)
                at = _next_header(start, head.size)
                continue
            member, at = _member(head, records, start, size_bytes, limits)
        except BadMedia as e:
            yield Member("", 0, at, (e.reason, e.detail))
            return
        records = {}
        if member is not None:
            yield member
    if not size_bytes:
        yield Member("", 0, 0, ("bad_archive", "0 bytes"))


def _after_end(file: BinaryIO, at: int, size_bytes: int) -> Iterator[Member]:
    file.seek(at)
    if size_bytes - at > MAX_PADDING_BYTES or any(file.read(MAX_PADDING_BYTES)):
        yield Member("", 0, at, ("bad_archive", f"{size_bytes - at} bytes behind its end at byte {at} are no padding"))


def _header(file: BinaryIO, at: int) -> tarfile.TarInfo | None:
    """The header block at an offset; None at the end. BadMedia `bad_archive`."""
    file.seek(at)
    try:
        head = tarfile.TarInfo.frombuf(file.read(BLOCK), "utf-8", "surrogateescape")
    except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # what typeshed leaves out
        return None
    except (tarfile.HeaderError, ValueError) as e:
        raise BadMedia("bad_archive", f"no header of a tar at byte {at}: {e}") from e
    if head.size < 0:
        raise BadMedia("bad_archive", f"a negative size at byte {at}")
    return head


def _sparse_bytes(file: BinaryIO, at: int, head: tarfile.TarInfo, limits: ArchiveLimits) -> int:
    """Length of the further maps behind the header of one of GNU tar's old sparse files. BadMedia: no end."""
    extra, flag = 0, 482
    while head.type == tarfile.GNUTYPE_SPARSE:
        file.seek(at + extra + flag)
        if file.read(1) in (b"\0", b""):
            break
        extra, flag = extra + BLOCK, 504
        if extra > limits.header_bytes:
            raise BadMedia("bad_archive", f"a sparse map without an end at byte {at}")
    return extra


def _next_header(start: int, size: int) -> int:
    """Offset of the next header."""
    return start + (size + BLOCK - 1) // BLOCK * BLOCK


def _read_records(file: BinaryIO, start: int, head: tarfile.TarInfo, limits: ArchiveLimits) -> dict[str, str]:
    """What a pax or long-name header says of the next member; `bad` where it cannot be understood."""
    if head.type in PASSED_OVER:
        return {}
    if head.size > limits.header_bytes:
        return {"bad": f"a header of {head.size} bytes; the limit is {limits.header_bytes}"}
    file.seek(start)
    raw = file.read(head.size)
    if head.type in LONG_NAME:
        return {"path": raw.partition(b"\0")[0].decode("utf-8", "surrogateescape")}
    records, at = {}, 0
    while at < len(raw):
        length, space, _ = raw[at : at + 12].partition(b" ")
        end = at + int(length) if space and length.isdigit() else at
        start = at + len(length) + 1
        if not start < end <= len(raw):
            return {"bad": "pax records that cannot be read"}
        key, _, value = raw[start : end - 1].partition(b"=")
        if key in (b"path", b"size") or key.startswith(b"GNU.sparse."):  # all that is asked of it, in flat memory
            records["sparse" if key.startswith(b"GNU") else key.decode()] = value.decode("utf-8", "surrogateescape")
        at = end
    return records


def _member(
    head: tarfile.TarInfo, records: dict[str, str], start: int, size_bytes: int, limits: ArchiveLimits
) -> tuple[Member | None, int]:
    """The member (None for a folder) and where the next header lies."""
    size = head.size
    if "size" in records:
        if not re.fullmatch("[0-9]{1,18}", records["size"]):
            raise BadMedia("bad_archive", f"a size of {records['size'][:40]!r}")
        size = int(records["size"])
    if head.type in NO_DATA:
        size = 0
    if head.isdir():
        return None, start
    name, why = safe_name(records.get("path", head.name))
    if "sparse" in records or head.type == tarfile.GNUTYPE_SPARSE:
        why = why or ("archive_sparse", "a sparse file's bytes do not lie in the archive as they are")
    elif head.type not in tarfile.REGULAR_TYPES:
        why = why or ("archive_link", f"{name[:200]!a} is neither a file nor a folder")
    if "bad" in records:
        why = why or ("bad_archive", records["bad"])
    why = why or limits.too_large(size)
    if start + size > size_bytes:
        why = ("bad_archive", f"{name[:200]!a} ends {start + size - size_bytes} bytes after the archive does")
    return Member(name, size, start, why), _next_header(start, size)
