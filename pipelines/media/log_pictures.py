"""Recordings that a robot log keeps as pictures within itself: `<log uri>!/<format>:<where>?rate=<Hz>&<options>`.

`where` says where in the log a camera's pictures lie, in the format's own words (an HDF5 path, a column), and `rate`
how many pictures a second they are, as a fraction: `take.hdf5!/hdf5:observations/images/top?rate=50`. Such a recording
is made as a film (`infra.video.picture_film`) wherever its bytes are wanted: equal pictures give equal bytes, for good.
Nothing of it is kept. A format is one line in FORMATS.
"""

from __future__ import annotations

import hashlib
import re
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode

from infra.archives import reader
from infra.readers import hdf5_pictures, mcap, parquet_pictures, picture_folder, rosbag1, rosbag2, tfrecord, zarr
from infra.sandbox import tempdirs
from infra.storage import objects
from infra.storage.objects import ObjectInfo
from infra.video import picture_film
from infra.video.picture_film import Pixels
from schemas.errors import BadMedia

MARK = "!/"
RATE = "rate"
PACKED = ".zip"  # a log that is a folder elsewhere is one file here
MAX_COPIES = 2  # of remote logs that a process keeps: the cameras of one come one after another
MAX_RATE_DENOMINATOR = 1_000_000


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """How pictures are read out of logs of one format.

    pictures: of a local log (a file, or a folder where `parts` is given), where they lie and the selector's options, in
    order: JPEG or PNG bytes, or (h, w, 3) RGB. BadMedia: why there are none.
    parts: of a log that is a folder or prefix, the paths below it that the pictures of a place need.
    """

    pictures: Callable[[Path, str, Mapping[str, str]], Iterator[bytes | Pixels]]
    parts: Callable[[str, Mapping[str, str]], tuple[str, ...]] | None = None


FORMATS: dict[str, PictureFormat] = {
    "folder": PictureFormat(picture_folder.pictures, picture_folder.parts),
    "hdf5": PictureFormat(hdf5_pictures.pictures),
    "parquet": PictureFormat(parquet_pictures.pictures),
    "tfrecord": PictureFormat(tfrecord.pictures),
    "zarr": PictureFormat(zarr.pictures, zarr.parts),
    "mcap": PictureFormat(mcap.pictures),
    "rosbag1": PictureFormat(rosbag1.pictures),
    "rosbag2": PictureFormat(rosbag2.pictures, rosbag2.parts),
}


@dataclass(frozen=True, slots=True)
class Selector:
    """Which pictures of a log, and how fast. format: a key of FORMATS."""

    format: str
    where: str
    rate_hz: Fraction
    options: Mapping[str, str] = field(default_factory=dict)


def picture_uri(log_uri: str, selector: Selector) -> str:
    """The URI of a recording within a log; equal selectors give equal ones."""
    options = sorted(selector.options.items())
    query = urlencode([(RATE, str(selector.rate_hz)), *options], quote_via=quote, safe="/")
    return f"{log_uri}{MARK}{selector.format}:{quote(selector.where)}?{query}"


def split(uri: str) -> tuple[str, Selector] | None:
    """The log and the selector of a recording within a log; None for any other URI."""
    log_uri, mark, inside = uri.rpartition(MARK)
    match = re.fullmatch(r"([a-z0-9_]+):([^?]*)\?(.*)", inside, re.DOTALL)
    if not mark or match is None or match[1] not in FORMATS:
        return None
    options = dict(parse_qsl(match[3], keep_blank_values=True))
    try:
        rate_hz = Fraction(options.pop(RATE, ""))
    except (ValueError, ZeroDivisionError):
        return None
    return (log_uri, Selector(match[1], unquote(match[2]), rate_hz, options)) if rate_hz > 0 else None


def rate_of(fps_hz: float) -> Fraction:
    """The rate of rows as the fraction that is meant: 29.97 is 2997/100."""
    return Fraction(str(fps_hz)).limit_denominator(MAX_RATE_DENOMINATOR)


def end_ns(count: int, rate_hz: Fraction) -> int:
    """Where a film of so many pictures ends."""
    return picture_film.time_ns(count, rate_hz)


def write(log_uri: str, selector: Selector, path: Path) -> None:
    """Makes the recording, as a local file. FileNotFoundError: no such log. BadMedia: why there are no pictures."""
    with path.open("wb") as out:
        _film(log_uri, selector, out)


def digest(log_uri: str, selector: Selector) -> tuple[str, int]:
    """sha256 and size of the file that `write` makes, without the file."""
    hashed = _Digest()
    _film(log_uri, selector, hashed)
    return hashed.sha256.hexdigest(), hashed.size_bytes


class _Digest:
    def __init__(self) -> None:
        self.sha256, self.size_bytes = hashlib.sha256(), 0

    def write(self, data: bytes, /) -> None:
        self.sha256.update(data)
        self.size_bytes += len(data)


def _film(log_uri: str, selector: Selector, out: picture_film.Sink) -> None:
    form = FORMATS[selector.format]
    packed = log_uri.lower().endswith(PACKED)
    parts = form.parts(selector.where, selector.options) if form.parts and not packed else None
    with local_log(log_uri, parts) as log:
        picture_film.write(out, form.pictures(log, selector.where, selector.options), selector.rate_hz)


@dataclass(slots=True)
class _Copy:
    """A remote log on this disk, and how many read it now."""

    path: Path
    users: int = 0
    filled: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


_COPIES: OrderedDict[str, _Copy] = OrderedDict()
_LOCK = threading.Lock()


@contextmanager
def local_log(uri: str, parts: tuple[str, ...] | None = None) -> Iterator[Path]:
    """A log as a local file; of a folder, `parts` alone, at their paths below it. One on this disk is read in place.

    FileNotFoundError: it is not there. A process keeps MAX_COPIES of the remote ones, by URI and ETag.
    """
    if not objects.is_remote(uri) and reader.split_member(uri) is None:
        if not Path(uri).exists():
            raise FileNotFoundError(uri)
        yield Path(uri)
        return
    there = _objects(uri, parts)
    key = repr((uri, parts, [(o.uri, o.etag) for o in there]))
    with _LOCK:
        copy = _COPIES.setdefault(key, _Copy(tempdirs.process_folder() / f"log-{uuid.uuid4().hex}"))
        copy.users += 1
    try:
        with copy.lock:
            if not copy.filled:
                _fetch(uri, parts, there, copy.path)
                copy.filled = True
        yield copy.path / Path(uri).name if parts is None else copy.path
    finally:
        with _LOCK:
            copy.users -= 1
            _evict(key)


def _objects(uri: str, parts: tuple[str, ...] | None) -> list[ObjectInfo]:
    """What is to be fetched. FileNotFoundError: nothing is there."""
    inside = reader.split_member(uri)
    if parts is None:
        return [objects.info(uri if inside is None else inside[0])]
    there = [o for part in parts for o in objects.list_objects(objects.join(uri, part))]
    if not there:
        raise FileNotFoundError(uri)
    return sorted(there, key=lambda o: o.uri)


def _fetch(uri: str, parts: tuple[str, ...] | None, there: list[ObjectInfo], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    if (inside := reader.split_member(uri)) is not None:
        reader.extract(*inside, folder / Path(uri).name)
        return
    for info in there:
        name = Path(uri).name if parts is None else info.uri.removeprefix(uri.rstrip("/") + "/")
        if ".." in Path(name).parts:
            raise BadMedia("unsafe_name", f"{info.uri} is no place below {uri}")
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        objects.download(info.uri, path)


def _evict(key: str) -> None:
    """Removes what nobody reads: a copy that could not be made, and the oldest beyond MAX_COPIES."""
    import shutil

    if key in _COPIES:
        _COPIES.move_to_end(key)
    for known, copy in list(_COPIES.items()):
        if not copy.users and (len(_COPIES) > MAX_COPIES or not copy.filled):
            del _COPIES[known]
            shutil.rmtree(copy.path, ignore_errors=True)
