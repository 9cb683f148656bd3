"""What readers of HDF5 logs share: listing, the file with its tree, arrays side by side, cameras within the file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from infra.readers import hdf5_tree
from infra.readers.hdf5_tree import Arrays, Node
from infra.storage import objects
from infra.storage.objects import ObjectInfo
from pipelines.media import log_pictures
from pipelines.media.log_pictures import Selector
from pipelines.sources.logs.base import NUMBERS, OTHER, PICTURES, WORDS, LogField, LogItem, LogOptions
from pipelines.sources.logs.episode_log import CameraSpan, Floats
from pipelines.sources.logs.parts import Parts
from schemas.errors import BadMedia
from schemas.keys import log_revision

SUFFIXES = (".hdf5", ".h5")
LFS_HEAD = b"version https://git-lfs"


@dataclass(frozen=True, slots=True)
class Hdf5Log:
    """A log's file on this disk, and what it holds."""

    uri: str
    path: Path
    tree: Mapping[str, Node]

    def below(self, group: str) -> dict[str, Node]:
        """Arrays and groups below a group, by their path from there."""
        prefix = f"{group}/" if group else ""
        return {p.removeprefix(prefix): n for p, n in self.tree.items() if p.startswith(prefix) and p}

    def children(self, group: str) -> dict[str, Node]:
        """Those right below it."""
        return {p: n for p, n in self.below(group).items() if "/" not in p}

    def grouped(self, group: str) -> dict[str, dict[str, Node]]:
        """Each child of a group with what lies below it, in one pass over the file's names."""
        prefix, groups = f"{group}/", dict[str, dict[str, Node]]()
        for path, node in self.tree.items():
            if path.startswith(prefix):
                child, _, rest = path.removeprefix(prefix).partition("/")
                below = groups.setdefault(child, {})
                if rest:
                    below[rest] = node
        return groups

    def arrays(self, names: Sequence[str]) -> Arrays:
        """See hdf5_tree.read_arrays."""
        return hdf5_tree.read_arrays(self.path, names)


@contextmanager
def open_log(uri: str) -> Iterator[Hdf5Log]:
    """The log, fetched where it is remote. FileNotFoundError; BadMedia: bad_hdf5, lfs_pointer, decoder_*."""
    with log_pictures.local_log(uri) as path:
        with path.open("rb") as file:
            if file.read(len(LFS_HEAD)) == LFS_HEAD:
                raise BadMedia("lfs_pointer", "a Git LFS pointer, not the log: run `git lfs pull` at the source")
        yield Hdf5Log(uri, path, hdf5_tree.read_tree(path))


def list_files(uri: str) -> Iterator[ObjectInfo]:
    """HDF5 files below a folder or prefix, or the one that it names."""
    for o in objects.list_objects(uri if uri.lower().endswith(SUFFIXES) else uri.rstrip("/") + "/"):
        if o.uri.lower().endswith(SUFFIXES):
            yield o


def item_of(info: ObjectInfo, root: str) -> LogItem:
    """A file as an item of its own; its recordings lie within it."""
    return LogItem(
        uri=info.uri, root=root, revision=log_revision(info.uri, [info.etag]),
        modified_ns=info.modified_ns, size_bytes=info.size_bytes, media=(),
    )  # fmt: skip


def says(below: Mapping[str, Node], about: Node, name: str) -> bool:
    """Whether a column that the config names is there: as an attribute, or as an array of numbers or texts."""
    node = below.get(name)
    return name in about.attributes or (node is not None and (node.is_numbers or node.kind == "text"))


def stated(about: Node, arrays: Arrays, prefix: str, name: str) -> object:
    """What such a column says: the attribute, else the array's last value; None where neither is there.

    BadMedia: the array's own reason.
    """
    if (value := about.attributes.get(name)) is not None:
        return value
    if (bad := arrays.bad.get(prefix + name)) is not None:
        raise bad
    if texts := arrays.texts.get(prefix + name):
        return texts[-1]
    numbers = arrays.numbers.get(prefix + name)
    return None if numbers is None or not numbers.size else numbers.reshape(-1)[-1].item()


def no_such_column(use: str, name: str | None, below: Mapping[str, Node], about: Node) -> BadMedia:
    """The refusal of a part that the config names and that is nowhere."""
    there = ", ".join((*about.attributes, *(p for p, n in below.items() if n.is_numbers or n.kind == "text")))
    return BadMedia("no_such_column", f"columns.{use} names {name}; there are {there[:500]}")


def columns_of(arrays: Mapping[str, np.ndarray], prefix: str, names: Sequence[str], count: int) -> Floats | None:
    """Arrays of (T,) or (T, ...) side by side as float32 (T, S); None where there is none.

    BadMedia: missing_array, length_mismatch.
    """
    parts = []
    for name in names:
        if (array := arrays.get(prefix + name)) is None:
            raise BadMedia("missing_array", f"{name} is not there, or holds no numbers")
        if not array.ndim or len(array) != count:
            raise BadMedia("length_mismatch", f"{name} has the shape {array.shape}, {count} steps")
        with np.errstate(over="ignore", invalid="ignore"):
            parts.append(array.reshape(count, -1).astype(np.float32))
    return np.concatenate(parts, axis=1) if parts else None


def axes_of(arrays: Mapping[str, np.ndarray], prefix: str, names: Sequence[str]) -> tuple[str, ...]:
    """The axes' names of `columns_of`: `qpos.0`, `qpos.1`, ..."""
    widths = {name: int(np.prod(arrays[prefix + name].shape[1:])) for name in names if prefix + name in arrays}
    return tuple(f"{name}.{i}" if width > 1 else name for name, width in widths.items() for i in range(width))


def short_axes_of(arrays: Mapping[str, np.ndarray], names: Sequence[str]) -> tuple[str, ...]:
    """Those without the groups that the arrays lie in."""
    return tuple(name.rpartition("/")[2] for name in axes_of(arrays, "", names))


def camera_within(log: Hdf5Log, camera: str, where: str, count: int, fps_hz: float, **options: str) -> CameraSpan:
    """A camera whose pictures are the rows of an array, frame i being step i's. where: its path in the file.

    The path may end in `?order=rgb` or `?order=bgr`, which holds over options. BadMedia: video_mismatch.
    """
    place, _, order = where.partition("?")
    if order in ("order=rgb", "order=bgr"):
        options["order"] = order.removeprefix("order=")
    node = log.tree.get(place)
    if node is None or node.shape is None or not node.shape:
        raise BadMedia("missing_camera", f"{place} is not there, or no array of pictures")
    if node.shape[0] != count:
        raise BadMedia("video_mismatch", f"{place} has {node.shape[0]} pictures, {count} steps")
    if options.get("order") == "rgb":
        del options["order"]
    rate_hz = log_pictures.rate_of(fps_hz)
    uri = log_pictures.picture_uri(log.uri, Selector("hdf5", place, rate_hz, options))
    return CameraSpan(camera=camera, uri=uri, start_ns=0, end_ns=log_pictures.end_ns(count, rate_hz), alone=True)


def cameras_of(
    log: Hdf5Log, parts: Parts, wanted: Mapping[str, str], rows: tuple[int, float],
    order_of: Callable[[Node], Mapping[str, str]],
) -> tuple[CameraSpan, ...]:  # fmt: skip
    """The wanted cameras (name -> path in the file) that can be used; the others are told. rows: their count and Hz.

    order_of: of an array of pictures, camera_within's options.
    """

    def span(camera: str, where: str) -> CameraSpan:
        node = log.tree.get(where.partition("?")[0])
        if node is not None and not is_pictures(node):
            raise BadMedia("bad_frame", f"{where} has the shape {node.shape} of {node.kind}: no pictures")
        options = {} if node is None else order_of(node)
        return camera_within(log, camera, where, rows[0], rows[1], **options)

    spans = [parts.take(f"camera {camera}", partial(span, camera, where)) for camera, where in wanted.items()]
    return tuple(s for s in spans if s is not None)


def tell_depth(log: Hdf5Log, group: str, parts: Parts) -> None:
    """The attempt goes without the cameras of a group of distances."""
    for camera in log.children(group):
        parts.refuse(f"camera {camera}_depth", "depth_camera", f"{group} holds distances; it is no camera of a view")


def filled(log: Hdf5Log, group: str, names: Sequence[str]) -> tuple[str, ...]:
    """Paths of a group's arrays that hold numbers: those that nothing was written to have no row."""
    paths = [f"{group}/{name}" for name in names]
    return tuple(p for p in paths if (node := log.tree.get(p)) and node.is_numbers and node.shape and node.shape[0])


def is_pictures(node: Node) -> bool:
    """Whether an array looks like pictures: raw ones of bytes, or encoded rows."""
    if node.shape is None:
        return False
    raw = len(node.shape) == 4 and node.shape[3] == 3 and node.kind == "|u1"
    return raw or (len(node.shape) == 2 and node.kind == "|u1") or (len(node.shape) == 1 and node.kind == "bytes")


def fields_below(log: Hdf5Log, group: str = "") -> list[LogField]:
    """What lies below a group: its arrays, and its attributes, which labels may be."""
    fields = []
    for path, node in log.below(group).items():
        if node.shape is None:
            continue
        pictures = is_pictures(node) and node.shape != (0,)
        kind = PICTURES if pictures else NUMBERS if node.is_numbers else WORDS if node.kind == "text" else OTHER
        width = math.prod(node.shape[1:]) if kind == NUMBERS else None
        about = f"{node.kind} {'x'.join(map(str, node.shape))}".strip()
        fields.append(LogField(name=path, kind=kind, about=about, width=width))
    stated = log.tree[group].attributes if group in log.tree else {}
    return fields + [
        LogField(name=name, kind=WORDS, about="attribute") for name, v in stated.items() if not isinstance(v, list)
    ]


def holds(item: LogItem, options: LogOptions) -> list[LogField]:
    """What a file holds that is one attempt. BadMedia: see open_log."""
    del options
    with open_log(item.uri) as log:
        return fields_below(log)


def rate_hz(options: LogOptions, stated: float | None) -> float:
    """The rows' rate. BadMedia(no_rate): nobody says it."""
    if (rate := options.fps_hz or stated) is None:
        raise BadMedia("no_rate", "no rate is stated in the log: say it in `[[robot]] fps_hz`")
    return rate


def last_number(name: str) -> tuple[int, str]:
    """A key that sorts `demo_10` behind `demo_9`."""
    digits = name[len(name.rstrip("0123456789")) :]
    return (int(digits) if digits and len(digits) < 19 else -1, name)
