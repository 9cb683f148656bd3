"""Pictures that say their number, and a log format whose recordings lie within it: an HDF5 file an attempt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import h5py
import numpy as np
import numpy.typing as npt

from infra.storage import objects
from pipelines.media import log_pictures
from pipelines.media.log_pictures import Selector
from pipelines.sources.logs.base import BadEpisode, LogItem, LogKind, LogOptions
from pipelines.sources.logs.episode_log import CameraSpan, EpisodeLog

BITS = 12
RATE_HZ = Fraction(10)


def numbered(number: int, size: tuple[int, int] = (96, 64), tint: int = 40) -> npt.NDArray[np.uint8]:
    """(h, w, 3) RGB: bar b of 12 is white where the number has bit b; the lowest lines are red, more or less."""
    picture = np.full((size[1], size[0], 3), 16, np.uint8)
    for bit in range(BITS):
        if number >> bit & 1:
            picture[:, bit * size[0] // BITS : (bit + 1) * size[0] // BITS] = 235
    picture[-8:] = (200, tint, 20)
    return picture


def number_of(picture: npt.NDArray[np.uint8]) -> int:
    """What `numbered` drew, whatever the size."""
    row = picture[picture.shape[0] // 3].mean(axis=-1)
    return sum(1 << bit for bit in range(BITS) if row[int((bit + 0.5) * len(row) / BITS)] > 128)


def is_red(picture: npt.NDArray[np.uint8]) -> bool:
    """Whether the lowest lines are red, not blue: the channels lie in the order that `numbered` has."""
    low = picture[-3].reshape(-1, 3).mean(axis=0)
    return bool(low[0] > 120 > low[2])


def encoded(picture: npt.NDArray[np.uint8], suffix: str) -> npt.NDArray[np.uint8]:
    """The picture's bytes as cv2 writes them."""
    return np.frombuffer(cv2.imencode(suffix, picture[..., ::-1])[1].tobytes(), np.uint8)


def padded(rows: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    """(T, longest): rows filled up with zeros, as ALOHA's recorders write them."""
    longest = max(map(len, rows))
    return np.stack([np.pad(row, (0, longest - len(row))) for row in rows])


def write_log(path: Path, count: int, numbers: Sequence[int] | None = None) -> Path:
    """`jpeg` rows, `png` (of lengths of their own) and `raw`: pictures whose number is that of their step."""
    pictures = [numbered(n, tint=sum(path.name.encode()) % 99) for n in (numbers or range(count))]
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["jpeg"] = padded([encoded(p, ".jpg") for p in pictures])
        png = file.create_dataset("png", (len(pictures),), h5py.vlen_dtype(np.uint8))
        for i, picture in enumerate(pictures):
            png[i] = encoded(picture, ".png")
        file["raw"] = np.stack(pictures)
    return path


def list_logs(uri: str, options: LogOptions = LogOptions()) -> Iterator[LogItem]:
    """One item a file, without media: these are named by the attempts alone."""
    del options
    for o in objects.list_objects(uri.rstrip("/") + "/"):
        if o.uri.endswith(".hdf5"):
            yield LogItem(uri=o.uri, root=uri, revision=o.etag, modified_ns=o.modified_ns, size_bytes=o.size_bytes,
                          media=())  # fmt: skip


def read(item: LogItem, workdir: Path, options: LogOptions = LogOptions()) -> Iterator[EpisodeLog | BadEpisode]:
    """20 steps whose state is their number; three cameras."""
    del workdir, options
    count = 20
    yield attempt(item, np.arange(count, dtype=np.float32)[:, None].repeat(2, 1), ("jpeg", "png", "raw"))


def attempt(item: LogItem, states: npt.NDArray[np.float32], cameras: Sequence[str]) -> EpisodeLog:
    """A teleoperated success with recordings at these paths."""
    count = len(states)
    return EpisodeLog(
        name=Path(item.uri).stem, uri=item.uri, revision=item.revision, modified_ns=item.modified_ns,
        embodiment="arm", robot=None, scene=None, instruction="Put the cube in the bin.", outcome="success",
        outcome_source="human", outcome_confidence=None, failure_mode=None, failure_frame=None, policy_id=None,
        world_model_id=None, idm_id=None, trained_on=None, collect_mode="teleop", calibration_json=None,
        fps_hz=float(RATE_HZ), state_names=(), action_names=(),
        t_ns=np.array([log_pictures.end_ns(i, RATE_HZ) for i in range(count)], np.int64), states=states,
        actions=states, actions_executed=None, control_source="human", intervention=None, reward=None, done=None,
        cameras=tuple(
            CameraSpan(camera=c, uri=log_pictures.picture_uri(item.uri, Selector("hdf5", c, RATE_HZ)), start_ns=0,
                       end_ns=log_pictures.end_ns(count, RATE_HZ), alone=True)
            for c in cameras
        ),
    )  # fmt: skip


KIND = LogKind("numbered", list_logs, read)
