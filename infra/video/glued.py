"""Files of several recordings of which a demuxer reads the first alone, and says nothing of the others.

`cat` glues transport streams, Matroska and MPEG program streams into one recording (timeline.py). Of the formats here
it makes a file of which the first recording alone is read, or the second without a word of where it begins.
"""

from __future__ import annotations

import mmap
import re
from pathlib import Path

from schemas.errors import BadMedia

# How a file of each format begins, by ffmpeg's name of it.
BEGINNINGS = {
    "flv": re.compile(rb"FLV\x01[\x00\x01\x04\x05]\x00\x00\x00\x09\x00\x00\x00\x00", re.DOTALL),
    "avi": re.compile(rb"RIFF....AVI ", re.DOTALL),  # later parts of one recording (OpenDML) are called AVIX
    "ivf": re.compile(rb"DKIF\x00\x00\x20\x00"),
    "asf": re.compile(rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"),
    "nut": re.compile(rb"nut/multimedia container\x00"),
    "gif": re.compile(rb"GIF8[79]a"),
}
MAX_BOXES = 100_000  # at the top of a file; an hour of fragments has some thousands


def check_one_recording(path: Path, container: str) -> None:
    """BadMedia `glued`: a file that holds several recordings, of which one would be read. container: ffmpeg's name."""
    if container.startswith("mov,mp4"):
        boxes = _boxes(path)
        several = boxes.count(b"moov") > 1 and boxes.count(b"ftyp") > 1 and b"moof" not in boxes
    else:
        several = container in BEGINNINGS and _count(BEGINNINGS[container], path) > 1
    if several:
        raise BadMedia("glued", "several recordings in one file, of which only the first can be read: split it")


def _boxes(path: Path) -> list[bytes]:
    """Types of the boxes at the top of an ISO file (ISO 14496-12), as far as they follow each other."""
    kinds: list[bytes] = []
    size = path.stat().st_size
    at = 0
    with path.open("rb") as file:
        while at + 8 <= size and len(kinds) < MAX_BOXES:
            file.seek(at)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            kinds.append(head[4:8])
            if length < 8:  # 0: up to the file's end
                break
            at += length
    return kinds


def _count(beginning: re.Pattern[bytes], path: Path) -> int:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return sum(1 for _ in beginning.finditer(data))
