"""A view of a release: rows by position in the order of clip ids, each checked as it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from handwheel import format as fmt
from handwheel.errors import VerificationError
from handwheel.storage import refuse_fork
from handwheel.verify import check_row, damage_told, dataset_of, index_of, verify_files
from handwheel.video import decode

if TYPE_CHECKING:
    from handwheel.release import Release
    from handwheel.stream import Stream

COLUMNS = [name for name in fmt.VIEW_SCHEMA.names if name not in ("sha256", "licence", "redaction", "caption_model")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One clip, or a window of it. Arrays are read-only; T is the number of frames here."""

    clip_id: str
    stage: str  # web, ego, robot
    split: str
    frames: NDArray[np.uint8]  # (T, H, W, 3) RGB
    frame_ns: NDArray[np.int64]  # (T,) true times from the recording's first frame
    fps_hz: float
    caption: str | None
    camera: str | None
    episode_id: str | None
    task: str | None
    outcome: str | None  # success, failure, unknown; None: no attempt of a robot
    states: NDArray[np.float32] | None  # (T, S)
    actions: NDArray[np.float32] | None  # (T, A)
    control_source: tuple[str | None, ...] | None  # (T,) policy, human, script
    intervention: tuple[bool | None, ...] | None  # (T,) a person corrected


class View:
    """Rows of one view, by position in the order of their clip ids. Lazy: the dataset is opened at first use.

    It pickles without the open dataset, so that spawned and forkserver workers open their own.
    """

    def __init__(self, release: Release, name: str, split: str | None) -> None:
        self.release, self.name, self.split = release, name, split
        self._dataset: Any = None
        self._clip_ids: list[str] = []
        self._offsets: NDArray[np.int64] = np.empty(0, np.int64)

    def __reduce__(self) -> tuple[type[View], tuple[Release, str, str | None]]:
        return View, (self.release, self.name, self.split)

    def __repr__(self) -> str:
        return f"View({self.name!r}, split={self.split!r}, release={self.release.name!r})"

    def _open(self) -> Any:
        refuse_fork()
        if self._dataset is None:
            verify_files(self.release, self.name)
            with damage_told(self.release, self.name):
                dataset = dataset_of(self.release, self.name)
                self._clip_ids, self._offsets = index_of(self.release, self.name, self.split, dataset)
            self._dataset = dataset
        return self._dataset

    @property
    def clip_ids(self) -> tuple[str, ...]:
        """Its clips in their order."""
        self._open()
        return tuple(self._clip_ids)

    def __len__(self) -> int:
        self._open()
        return len(self._clip_ids)

    def __getitem__(self, i: int) -> Sample:
        return self.window(i)

    def window(self, i: int, start: int = 0, count: int | None = None) -> Sample:
        """Frames [start, start + count) of row i (None: all), fewer where it ends; decodes no others."""
        return sample_of(self.rows([i])[0], start, count)

    def rows(self, positions: Sequence[int]) -> list[dict[str, Any]]:
        """Rows as they are stored, in the order asked for, in one read; each compared with its digests."""
        dataset = self._open()
        wanted = [range(len(self._clip_ids))[i] for i in positions]
        # Lance takes ascending offsets in one pass.
        ascending = sorted(set(wanted), key=lambda i: int(self._offsets[i]))
        with damage_told(self.release, self.name):
            table = dataset.take([int(self._offsets[i]) for i in ascending], columns=COLUMNS)
            found = dict(zip(ascending, table.to_pylist(), strict=True))
        for i, row in found.items():
            check_row(row, self._clip_ids[i], self.release, self.name)
        return [found[i] for i in wanted]

    def stream(self, *, seed: int, batch_size: int, **options: Any) -> Stream:
        """Shuffled batches for one rank of a training job; see handwheel.stream.Stream."""
        from handwheel.stream import Stream

        return Stream(self, seed=seed, batch_size=batch_size, **options)


def _axes(row: Mapping[str, Any], name: str, dim: str, span: slice) -> NDArray[np.float32] | None:
    if row[name] is None:
        return None
    values = np.asarray(row[name], np.float32).reshape(len(row["frame_ns"]), row[dim])[span]
    values.flags.writeable = False
    return values


def sample_of(row: Mapping[str, Any], start: int = 0, count: int | None = None) -> Sample:
    """A stored row, decoded: frames [start, start + count)."""
    held = len(row["frame_ns"])
    span = slice(start, held if count is None else min(held, start + count))
    frames, in_video = decode(row["video"], span.start, max(0, span.stop - span.start))
    if in_video != held:
        raise VerificationError(
            f"clip {row['clip_id']}: {in_video} frames in its video, {held} in frame_ns. "
            "Next: publish it anew; this release was made wrong"
        )
    frame_ns = np.asarray(row["frame_ns"][span], np.int64)
    frames.flags.writeable = frame_ns.flags.writeable = False
    names = ("clip_id", "stage", "split", "fps_hz", "caption", "camera", "episode_id", "task", "outcome")
    told: dict[str, Any] = {name: row[name] for name in names}
    for name in ("control_source", "intervention"):
        told[name] = None if row[name] is None else tuple(row[name][span])
    return Sample(
        frames=frames,
        frame_ns=frame_ns,
        states=_axes(row, "states", "state_dim", span),
        actions=_axes(row, "actions", "action_dim", span),
        **told,
    )
