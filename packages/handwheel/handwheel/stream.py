"""Shuffled batches: one order for a release, view and seed, shared out among ranks, resumed exactly."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from handwheel.document import ReleaseDocument
from handwheel.errors import VerificationError
from handwheel.sample import Sample, decode_sample

WINDOW_FRAMES = 16
Batch = dict[str, Any]


class Rows(Protocol):
    """What a stream reads from: a View."""

    @property
    def release(self) -> ReleaseDocument: ...

    @property
    def name(self) -> str: ...

    @property
    def split(self) -> str | None: ...

    def __len__(self) -> int: ...

    def rows(self, positions: Sequence[int]) -> list[dict[str, Any]]:
        """Stored rows in the order asked for, each compared with its digests."""
        ...


def _hash_number(*parts: object) -> int:
    text = "\x1f".join(str(p) for p in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")


def epoch_order(release_id: str, view: str, seed: int, epoch: int, rows: int) -> NDArray[np.int64]:
    """Permutation (rows,) of one epoch: rows ranked by PCG64's raw output, which NumPy keeps for good."""
    raw = np.random.PCG64(_hash_number("order", release_id, view, seed, epoch)).random_raw(rows)
    return np.argsort(np.asarray(raw, np.uint64), kind="stable").astype(np.int64)


def window_start(frame_count: int, window: int, *key: object) -> int:
    """First frame of the window that is drawn of a clip of `frame_count` frames; 0 where it is not longer."""
    return _hash_number("window", *key) % (frame_count - window + 1) if frame_count > window else 0


def _fill(parts: Sequence[NDArray[Any] | None], shape: tuple[int, ...], empty: float) -> NDArray[Any]:
    """Parts in the corner of equal boxes; zero around them, `empty` all over where there is none."""
    dtype = next(p.dtype for p in parts if p is not None)
    out = np.zeros((len(parts), *shape), dtype)
    for box, part in zip(out, parts, strict=True):
        if part is None:
            box[...] = empty
        else:
            box[tuple(slice(n) for n in part.shape)] = part
    return out


def collate(samples: Sequence[Sample], starts: Sequence[int], window: int) -> Batch:
    """Samples of at most `window` frames as one batch (B samples); smaller ones lie in the corner of zeros.

    clip_id (B,) str; start (B,) int64 first frame in the clip; frames (B, window, H, W, 3) uint8; mask
    (B, window) bool, true where there is a frame; size_px (B, 2) int64 height and width before padding;
    frame_ns (B, window) int64; fps_hz (B,) float64; caption (B,) object, str or None; and where any has
    them, states (B, window, S) and actions (B, window, A) float32, NaN for a sample without.
    """
    sizes = np.array([s.frames.shape[1:3] for s in samples], np.int64)
    masks = [np.ones(len(s.frame_ns), np.bool_) for s in samples]
    batch: Batch = {
        "clip_id": np.array([s.clip_id for s in samples]),
        "start": np.array(starts, np.int64),
        "frames": _fill([s.frames for s in samples], (window, *sizes.max(0).tolist(), 3), 0),
        "mask": _fill(masks, (window,), 0),
        "size_px": sizes,
        "frame_ns": _fill([s.frame_ns for s in samples], (window,), 0),
        "fps_hz": np.array([s.fps_hz for s in samples], np.float64),
        "caption": np.array([s.caption for s in samples], object),
    }
    for name in ("states", "actions"):
        parts = [getattr(s, name) for s in samples]
        dims = {p.shape[1] for p in parts if p is not None}
        if len(dims) > 1:
            raise ValueError(f"{name} of one batch have {sorted(dims)} axes: stream one embodiment at a time")
        if dims:
            batch[name] = _fill(parts, (window, dims.pop()), np.nan)
    return batch


class Stream:
    """Batches of one rank. `for batch in stream` runs the rest of the epoch; the next `for`, the next epoch.

    seed: of order and windows. batch_size: rows of a batch of this rank. window: frames of a sample, drawn
    anew each epoch. Over all ranks each row comes exactly once an epoch; without drop_last, ranks may differ
    by one batch at its end. One iterator at a time: the state is the stream's.
    """

    def __init__(
        self,
        view: Rows,
        *,
        seed: int,
        batch_size: int,
        rank: int = 0,
        world_size: int = 1,
        window: int = WINDOW_FRAMES,
        drop_last: bool = False,
    ) -> None:
        if not 0 <= rank < world_size or batch_size < 1 or window < 1:
            raise ValueError("0 <= rank < world_size, batch_size >= 1 and window >= 1 expected")
        self.view, self.seed, self.window = view, seed, window
        self.batch_size, self.rank, self.world_size, self.drop_last = batch_size, rank, world_size, drop_last
        self._epoch, self._rows_done = 0, 0  # rows of the epoch that all ranks together have had

    @property
    def epoch(self) -> int:
        """The epoch it is in, from 0."""
        return self._epoch

    def _identity(self) -> dict[str, Any]:
        return {
            "format": 1, "release": self.view.release.id, "view": self.view.name, "split": self.view.split,
            "seed": self.seed, "window": self.window,
        }  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """Where the stream stands, for JSON or a checkpoint: after the batch that was handed out last.

        The same on every rank that had as many batches; ranks and batch size may change when it is loaded.
        """
        return self._identity() | {"epoch": self._epoch, "rows_done": self._rows_done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on after that batch. VerificationError for a state of another release, view, seed or window."""
        wrong = [f"{k} {state.get(k)!r}, not {v!r}" for k, v in self._identity().items() if state.get(k) != v]
        if wrong:
            raise VerificationError(
                f"the saved state has {'; '.join(wrong)}. "
                "Next: open the pin that the checkpoint was made with, or start a new stream"
            )
        epoch, rows_done = state.get("epoch"), state.get("rows_done")
        if type(epoch) is not int or type(rows_done) is not int or epoch < 0 or not 0 <= rows_done <= len(self.view):
            raise VerificationError(f"the saved state is at epoch {epoch!r}, row {rows_done!r}. Start anew")
        self._epoch, self._rows_done = epoch, rows_done

    def _remaining(self) -> tuple[NDArray[np.int64], int]:
        """This rank's rows of the rest of the epoch, and the batches they make."""
        release, view = self.view.release.id, self.view
        order = epoch_order(release, view.name, self.seed, self._epoch, len(view))[self._rows_done :]
        mine = order[self.rank :: self.world_size]
        if self.drop_last:
            return mine, len(order) // (self.batch_size * self.world_size)
        return mine, -(-len(mine) // self.batch_size)

    def __len__(self) -> int:
        """Batches of this rank in the rest of the epoch."""
        return self._remaining()[1]

    def _batch(self, positions: NDArray[np.int64]) -> Batch:
        rows = self.view.rows(positions.tolist())
        key = (self.view.release.id, self.view.name, self.seed, self._epoch)
        starts = [window_start(len(r["frame_ns"]), self.window, *key, r["clip_id"]) for r in rows]
        samples = [decode_sample(r, start, self.window) for r, start in zip(rows, starts, strict=True)]
        return collate(samples, starts, self.window)

    def __iter__(self) -> Iterator[Batch]:
        mine, batches = self._remaining()
        for b in range(batches):
            batch = self._batch(mine[b * self.batch_size : (b + 1) * self.batch_size])
            self._rows_done = min(len(self.view), self._rows_done + self.batch_size * self.world_size)
            yield batch
        self._epoch, self._rows_done = self._epoch + 1, 0


def torch_batches(stream: Stream, device: str | None = None) -> Iterator[Batch]:
    """The stream's batches with numbers as torch tensors (on a device); clip ids and captions as lists."""
    import torch

    for batch in stream:
        numbers = {name: v for name, v in batch.items() if v.dtype.kind in "biuf"}
        words = {name: v.tolist() for name, v in batch.items() if name not in numbers}
        yield {name: torch.from_numpy(v).to(device) for name, v in numbers.items()} | words
