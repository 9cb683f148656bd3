"""Reader of zarr replay buffers (Diffusion Policy, UMI): `data/<key>` of all episodes on end, `meta/episode_ends`.

Layout: github.com/real-stanford/diffusion_policy, diffusion_policy/common/replay_buffer.py. An item is a store, a
`.zarr` folder or a `.zarr.zip`; its episodes are called `episode_000000` and so on. There is no clock, no task and no
outcome: the rate is `fps_hz` of the `[[robot]]` (UMI 60, pusht 10), without which the store is refused. Cameras are the
uint8 arrays (N, h, w, 3); state is `data/state`, else every other array of numbers side by side in order of name, but
for those that say where a demonstration starts and ends; action is `data/action`, where there is one (UMI has none: its
action is the next pose, which is left to who trains on it).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from infra.readers import zarr
from infra.storage import objects
from infra.storage.objects import ObjectInfo
from pipelines.media import log_pictures
from pipelines.media.log_pictures import Selector, picture_uri, rate_of
from pipelines.sources.logs.attempt import AttemptFacts, attempt_of, even_times
from pipelines.sources.logs.base import (
    NUMBERS,
    OTHER,
    PICTURES,
    PICTURES_AND_VECTORS,
    BadEpisode,
    LogField,
    LogItem,
    LogKind,
    LogOptions,
)
from pipelines.sources.logs.episode_log import CameraSpan, EpisodeLog, Floats
from schemas.errors import BadMedia
from schemas.keys import log_revision
from schemas.spans import NS

STORE = re.compile(r"(.*?\.zarr(?:\.zip)?)(?:/.*)?", re.DOTALL)
ENDS = "meta/episode_ends"
DEEPEST = 3  # names in the path of an array, as `data/hand/pose`
NOT_STATE = ("demo_start_pose", "demo_end_pose", "n_contacts")


def list_logs(uri: str, options: LogOptions = LogOptions()) -> Iterator[LogItem]:
    """One item for each store below the folder or prefix, or the store itself."""
    by_store: dict[str, list[ObjectInfo]] = {}
    whole = uri.rstrip("/")
    for info in objects.list_objects(whole if whole.endswith(".zip") else whole + "/"):
        if match := STORE.fullmatch(info.uri):
            by_store.setdefault(match[1], []).append(info)
    for store, parts in sorted(by_store.items()):
        yield _item(store, parts)


def _item(store: str, parts: list[ObjectInfo]) -> LogItem:
    etags = [part for o in sorted(parts, key=lambda o: o.uri) for part in (o.uri, o.etag)]
    return LogItem(
        uri=store, root=store.rpartition("/")[0], revision=log_revision(store, etags),
        modified_ns=max(o.modified_ns for o in parts), size_bytes=sum(o.size_bytes for o in parts), media=(),
    )  # fmt: skip


def _recording(store: str, name: str, rows: tuple[int, int], rate_hz: float) -> str:
    options = {"start": str(rows[0]), "end": str(rows[1])}
    return picture_uri(store, Selector("zarr", f"data/{name}", rate_of(rate_hz), options))


@dataclass(frozen=True, slots=True)
class Held:
    """What a store holds. shapes: of the arrays below `data/`, by name; ends: of its episodes, exclusive."""

    uri: str
    shapes: Mapping[str, tuple[tuple[int, ...], str]]
    ends: tuple[int, ...]

    @staticmethod
    def of(uri: str) -> Held:
        """BadMedia: bad_zarr, missing_file, bad_header, and the door's."""
        with _local(uri, zarr.of_metadata(_nodes(uri))) as store:
            shapes = zarr.shapes(store)
        data = {name[5:]: about for name, about in shapes.items() if name.startswith("data/")}
        if ENDS not in shapes:
            raise BadMedia("missing_file", f"{uri.rpartition('/')[2]} has no {ENDS}")
        if not data:
            raise BadMedia("missing_file", f"{uri.rpartition('/')[2]} has no data/, which git often ignores")
        ends = [int(end) for end in _arrays(uri, [ENDS])[ENDS].reshape(-1)]
        if sorted(set(ends)) != ends or (ends and ends[0] <= 0):
            raise BadMedia("bad_header", f"{ENDS} does not grow: {ends[:6]}")
        return Held(uri, data, tuple(ends))

    def episodes(self) -> list[tuple[int, int]]:
        """First row and the row behind the last of each."""
        return list(zip((0, *self.ends[:-1]), self.ends, strict=True)) if self.ends else []

    def cameras(self) -> list[str]:
        """Arrays of pictures."""
        return [
            n for n, (shape, dtype) in self.shapes.items() if dtype == "uint8" and len(shape) == 4 and shape[3] == 3
        ]

    def numbers(self) -> list[str]:
        """Arrays of numbers that are of the state where nothing is called so."""
        kinds = ("float", "int")
        plain = [n for n, (shape, dtype) in self.shapes.items() if dtype.startswith(kinds) and len(shape) in (1, 2)]
        return [n for n in plain if n != "action" and not n.endswith(NOT_STATE)]


def _local(uri: str, parts: tuple[str, ...]) -> AbstractContextManager[Path]:
    """The store on this disk; of one afar that is a folder, those parts."""
    return log_pictures.local_log(uri, None if uri.endswith(log_pictures.PACKED) else parts)


def _nodes(uri: str) -> list[str]:
    """Paths of what may be arrays of a store afar: names of its listing, as deep as arrays lie."""
    if not objects.is_remote(uri) or uri.endswith(log_pictures.PACKED):
        return []
    below = (o.uri.removeprefix(uri + "/").split("/")[:-1] for o in objects.list_objects(uri + "/"))
    return sorted({"/".join(path[:DEEPEST]) for path in below if path})


def _arrays(uri: str, names: list[str]) -> dict[str, npt.NDArray[Any]]:
    """Whole arrays by path. BadMedia: the door's."""
    with _local(uri, zarr.of_arrays(names)) as store:
        return zarr.arrays(store, names)


def read(item: LogItem, workdir: Path, options: LogOptions = LogOptions()) -> Iterator[EpisodeLog | BadEpisode]:
    """The store's episodes. BadMedia: no_rate, no_pictures, missing_file, bad_zarr, bad_header, no_reader."""
    buffer = Held.of(item.uri)
    if options.fps_hz is None:
        raise BadMedia("no_rate", "a replay buffer has no clock: say its rate, `fps_hz = ...` in its [[robot]]")
    cameras = dict(options.columns.cameras) or {name: name for name in buffer.cameras()}
    if not cameras:
        raise BadMedia("no_pictures", f"no array of pictures; there are {', '.join(buffer.shapes)}"[:300])
    default = ("state",) if "state" in buffer.shapes else tuple(buffer.numbers())
    states = _columns(buffer, options.columns.state or default)
    actions = _columns(buffer, options.columns.action or (("action",) if "action" in buffer.shapes else ()))
    for i, (start, end) in enumerate(buffer.episodes()):
        name = f"episode_{i:06d}"
        try:
            yield _episode(item, options, name, (start, end), cameras, states, actions)
        except BadMedia as e:
            yield BadEpisode(name=name, reason=e.reason, detail=e.detail)


Columns = tuple[Floats, tuple[str, ...]] | None


def _columns(buffer: Held, wanted: tuple[str, ...]) -> Columns:
    """(N, width) of arrays side by side, and names of the axes. BadMedia: no_states_or_actions, length_mismatch."""
    if not wanted:
        return None
    if absent := [name for name in wanted if name not in buffer.shapes]:
        raise BadMedia("no_states_or_actions", f"no data/{absent[0]}; there are {', '.join(buffer.shapes)}"[:300])
    read_ = _arrays(buffer.uri, [f"data/{name}" for name in wanted])
    blocks: list[npt.NDArray[Any]] = [array.reshape(len(array), -1) for array in read_.values()]
    if len({len(block) for block in blocks}) > 1:
        raise BadMedia("length_mismatch", f"{', '.join(wanted)} have {sorted({len(b) for b in blocks})} rows")
    names = [
        f"{name}_{k}" if block.shape[1] > 1 else name
        for name, block in zip(wanted, blocks, strict=True)
        for k in range(block.shape[1])
    ]
    with np.errstate(over="ignore", invalid="ignore"):
        return np.concatenate([block.astype(np.float32) for block in blocks], axis=1), tuple(names)


def describe(item: LogItem, options: LogOptions) -> dict[str, str]:
    """How many episodes there are. BadMedia: as Held.of."""
    del options
    buffer = Held.of(item.uri)
    return {"announced": f"{len(buffer.ends)} episodes, {max(buffer.ends, default=0)} rows"}


def holds(item: LogItem, options: LogOptions) -> list[LogField]:
    """The arrays below `data/`. BadMedia: as Held.of."""
    del options
    buffer, fields = Held.of(item.uri), list[LogField]()
    cameras = buffer.cameras()
    for name, (shape, dtype) in sorted(buffer.shapes.items()):
        numbers = len(shape) in (1, 2) and dtype.startswith(("float", "int", "uint", "bool"))
        kind = PICTURES if name in cameras else NUMBERS if numbers else OTHER
        width = math.prod(shape[1:]) if numbers else None
        fields.append(LogField(name=name, kind=kind, about=f"{dtype} {'x'.join(map(str, shape))}", width=width))
    return fields


def _episode(
    item: LogItem, options: LogOptions, name: str, rows: tuple[int, int], cameras: Mapping[str, str], states: Columns,
    actions: Columns,
) -> EpisodeLog:  # fmt: skip
    start, end = rows
    there = min(len(columns[0]) for columns in (states, actions) if columns) if states or actions else end
    if end > there:
        raise BadMedia("length_mismatch", f"{ENDS} end it at row {end}, and its states and actions have {there}")
    rate_hz = options.fps_hz or 1.0
    length_ns = round((end - start) * NS / rate_hz)
    spans = (
        CameraSpan(
            camera=camera, uri=_recording(item.uri, key, rows, rate_hz), start_ns=0, end_ns=length_ns, alone=True
        )
        for camera, key in sorted(cameras.items())
    )
    facts = AttemptFacts(
        name=name, t_ns=even_times(end - start, rate_hz), fps_hz=rate_hz,
        states=states[0][start:end] if states else None, actions=actions[0][start:end] if actions else None,
        cameras=tuple(spans), state_names=states[1] if states else (), action_names=actions[1] if actions else (),
    )  # fmt: skip
    return attempt_of(facts, item, options)


KIND = LogKind("zarr_replay", list_logs, read, version=2, describe=describe, holds=holds, columns=PICTURES_AND_VECTORS)
