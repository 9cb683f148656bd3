"""Recordings that a source keeps as numbered JPEG pictures in an archive: `<archive>!/*.<stream>.jpg`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from infra.archives import reader
from infra.archives.tar import Member
from infra.sandbox import tempdirs
from infra.storage import objects
from infra.video import motion_jpeg
from schemas.errors import BadMedia

RATE_HZ = 30  # HOT3D's, the one source that keeps its recordings so
PICTURE_BYTES = 64 << 20  # HOT3D's have half a megabyte
ALL = "*"


def member_of(stream: str) -> str:
    """What stands behind `!/` for all pictures `<number>.<stream>.jpg` of an archive."""
    return f"{ALL}.{stream}.jpg"


def is_film(member: str) -> bool:
    """Whether a member's name stands for pictures."""
    return member.startswith(f"{ALL}.") and member.endswith(".jpg")


def write(archive_uri: str, member: str, path: Path) -> None:
    """The pictures as one motion JPEG, not encoded again; equal pictures give equal bytes.

    A remote archive is fetched whole first: most of it is wanted, and in a thousand pieces.
    BadMedia: no_frames, missing_frames, bad_frame, too_large, and what makes an archive or member bad.
    """
    with tempdirs.folder("stills") as folder:
        local = archive_uri
        if objects.is_remote(archive_uri):
            local = str(folder / archive_uri.rpartition("/")[2])
            objects.download(archive_uri, Path(local))
        with reader.open_archive(local) as archive:
            motion_jpeg.write(path, _pictures(archive, member.removeprefix(ALL)), RATE_HZ)


def _pictures(archive: reader.Archive, suffix: str) -> Iterator[bytes]:
    """In order of their numbers."""
    by_number: dict[int, Member] = {}
    for member in archive.members():
        if not member.name and member.bad:
            raise BadMedia(*member.bad)
        if number := re.fullmatch(rf"(?:.*/)?([0-9]{{1,12}}){re.escape(suffix)}", member.name, re.DOTALL):
            if member.bad:
                raise BadMedia(*member.bad)
            by_number[int(number[1])] = member
    if by_number and len(by_number) != max(by_number) - min(by_number) + 1:
        raise BadMedia("missing_frames", f"{len(by_number)} pictures numbered {min(by_number)} to {max(by_number)}")
    for _, member in sorted(by_number.items()):
        yield archive.read(member, PICTURE_BYTES)
