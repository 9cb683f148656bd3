"""Pictures that lie in a folder under numbers: `000000_color_0.jpg`, `000001_color_0.jpg`, ..."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from schemas.errors import BadMedia

PICTURE_BYTES = 64 << 20


def pictures(log: Path, where: str, options: Mapping[str, str]) -> Iterator[bytes]:
    """The bytes of `<number><options["suffix"]>` in the folder `where`, of numbers options["first"] to options["last"].

    BadMedia: missing_frames (one of the numbers is not there), too_large, unsafe_name.
    """
    suffix, folder = options.get("suffix", ""), log / where
    if ".." in Path(where).parts or Path(where).is_absolute():
        raise BadMedia("unsafe_name", f"{where} is no place below the log")
    named = {
        int(match[1]): file
        for file in (folder.iterdir() if folder.is_dir() else ())
        if (match := re.fullmatch(rf"([0-9]{{1,12}}){re.escape(suffix)}", file.name)) and file.is_file()
    }
    wanted = range(int(options["first"]), int(options["last"]) + 1)
    if len(absent := set(wanted) - named.keys()):
        raise BadMedia("missing_frames", f"{len(absent)} of {len(wanted)} pictures <number>{suffix}, as {min(absent)}")
    for number in wanted:
        file = named[number]
        if file.stat().st_size > PICTURE_BYTES:
            raise BadMedia("too_large", f"{file.name} is over {PICTURE_BYTES} bytes")
        yield file.read_bytes()


def parts(where: str, options: Mapping[str, str]) -> tuple[str, ...]:
    """What lies below a log that is no local folder and is wanted for the pictures."""
    del options
    return (where.rstrip("/") + "/",)
