"""Files of several recordings of which a demuxer reads the first alone, and says nothing of the others.

`cat` glues transport streams into one recording (timeline.py). Of MP4 and FLV files it makes one whose first recording
plays to its end.
"""

from __future__ import annotations

import mmap
import re
from pathlib import Path

from schemas.errors import BadMedia

FLV_HEADER = re.compile(rb"FLV\x01[\x00\x01\x04\x05]\x00\x00\x00\x09\x00\x00\x00\x00", re.DOTALL)
MAX_BOXES = 100_000  # at the top of a file; an hour of fragments has some thousands


def check_one_recording(path: Path, container: str) -> None:
    """BadMedia `glued`: a file that holds several recordings, of which one would be read. container: ffmpeg's name."""
    if container.startswith("mov,mp4"):
        boxes = _boxes(path)
        several = boxes.count(b"moov") > 1 and boxes.count(b"ftyp") > 1 and b"moof" not in boxes
    else:
        several = container == "flv" and _flv_headers(path) > 1
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


def _flv_headers(path: Path) -> int:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return sum(1 for _ in FLV_HEADER.finditer(data))
