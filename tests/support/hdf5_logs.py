"""Tiny HDF5 logs as their recorders write them, pictures that say their number included."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import h5py
import numpy as np

from infra.storage import objects
from infra.video import decoder
from pipelines.media.local_copy import bring
from pipelines.sources.logs.base import BadEpisode, LogItem, LogKind, LogOptions
from pipelines.sources.logs.episode_log import EpisodeLog
from schemas.errors import BadMedia
from tests.support.log_pictures import encoded, numbered, padded

Masks = Mapping[str, list[str]]


def pictures(first: int, count: int) -> np.ndarray:
    """(T, h, w, 3) RGB, numbered from `first`."""
    return np.stack([numbered(first + i) for i in range(count)])


@dataclass(frozen=True, kw_only=True)
class DemoSpec:
    """A demo: obs, actions (T, 7), and what some writers add. success: None for no such attribute."""

    number: int
    count: int = 8
    success: bool | None = None
    rewards: Sequence[float] | None = None
    names: tuple[tuple[str, int], ...] = (("robot0_eef_pos", 3), ("robot0_gripper_qpos", 2), ("object", 10))
    camera: str | None = "agentview_image"


def write_demos(
    path: Path, demos: Sequence[DemoSpec], env_args: dict[str, Any], masks: Masks = MappingProxyType({})
) -> Path:
    """As robomimic's scripts/dataset_states_to_obs.py and Isaac Lab's HDF5DatasetFileHandler lay it out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data.attrs["env_args"], data.attrs["total"] = json.dumps(env_args), 3901
        for demo in demos:
            rng = np.random.default_rng(demo.number)
            group = data.create_group(f"demo_{demo.number}")
            group.attrs["num_samples"] = demo.count
            group["actions"] = rng.normal(size=(demo.count, 7))
            for name, width in demo.names:
                group[f"obs/{name}"] = rng.normal(size=(demo.count, width)).astype(np.float32)
            if demo.camera:
                group.create_dataset(
                    f"obs/{demo.camera}", data=pictures(100 * demo.number, demo.count), compression="gzip"
                )
            if demo.rewards is not None:
                group["rewards"] = np.array(demo.rewards)
                group["dones"] = (np.arange(demo.count) == demo.count - 1).astype(np.int64)
            if demo.success is not None:
                group.attrs["success"] = np.bool_(demo.success)
        for name, members in masks.items():
            file[f"mask/{name}"] = np.array([m.encode() for m in members])
    return path


def write_aloha(path: Path, count: int = 8, packed: bool = False, base: bool = False) -> Path:
    """As act's record_episodes.py (raw) or act-plus-plus' compress_data.py (packed) write it, BGR as OpenCV has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(count)
    with h5py.File(path, "w") as file:
        file.attrs["sim"] = False
        file["action"] = rng.normal(size=(count, 14))
        for name in ("qpos", "qvel", "effort"):
            file[f"observations/{name}"] = rng.normal(size=(count, 14))
        if base:
            file["base_action"] = rng.normal(size=(count, 2))
        lengths = []
        for i, camera in enumerate(("cam_high", "cam_left_wrist")):
            rgb = pictures(100 * i, count)
            where = f"observations/images/{camera}"
            if packed:
                rows = [encoded(p, ".jpg") for p in rgb]
                lengths.append([len(r) for r in rows])
                file[where] = padded(rows)
            else:
                file.create_dataset(where, data=rgb[..., ::-1], chunks=(1, *rgb.shape[1:]))
        if packed:
            file.attrs["compress"], file["compress_len"] = True, np.array(lengths)
    return path


def parts_of(kind: LogKind, folder: Path, options: LogOptions = LogOptions()) -> list[EpisodeLog | BadEpisode]:
    """All that a reader takes or refuses below a folder; a refused item is a BadEpisode named by its file."""
    parts: list[EpisodeLog | BadEpisode] = []
    for item in kind.list(str(folder), options):
        try:
            parts += kind.read(item, folder, options)
        except BadMedia as e:
            parts.append(BadEpisode(name=Path(item.uri).name, reason=e.reason, detail=e.detail))
    return parts


def attempts_of(kind: LogKind, folder: Path, options: LogOptions = LogOptions()) -> dict[tuple[str, str], EpisodeLog]:
    """The attempts by their file's stem and their name."""
    return {(Path(p.uri).stem, p.name): p for p in parts_of(kind, folder, options) if isinstance(p, EpisodeLog)}


def left_out(kind: LogKind, folder: Path, options: LogOptions = LogOptions()) -> list[tuple[str, str]]:
    """Name and reason of what is left out."""
    return [(p.name, p.reason) for p in parts_of(kind, folder, options) if isinstance(p, BadEpisode)]


def frames_of(uri: str, folder: Path) -> Iterator[tuple[int, np.ndarray]]:
    """Times and pictures, RGB, of a recording within a log."""
    bring(uri, folder / "film")
    with decoder.open_media(folder / "film") as container:
        for picture in decoder.pictures(container, decoder.video_stream(container)):
            yield picture.t_ns, picture.frame.to_ndarray(format="rgb24")


def items_of(kind: LogKind, folder: Path) -> list[LogItem]:
    """What a reader lists."""
    return list(kind.list(objects.join(str(folder)), LogOptions()))
