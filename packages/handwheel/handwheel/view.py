"""A view of a release: rows by position in the order of clip ids, each checked as it is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handwheel import format as fmt
from handwheel.document import ReleaseDocument
from handwheel.sample import Sample, decode_sample
from handwheel.storage import refuse_fork
from handwheel.stream import Stream
from handwheel.verify import check_row, name_damage, open_view_dataset, read_index, verify_files

__all__ = ["Sample", "View"]

COLUMNS = [name for name in fmt.VIEW_SCHEMA.names if name not in ("sha256", "licence", "redaction", "caption_model")]


class View:
    """Rows of one view, by position in the order of their clip ids. Lazy: the dataset is opened at first use.

    It pickles without the open dataset, so that spawned and forkserver workers open their own.
    """

    def __init__(self, release: ReleaseDocument, name: str, split: str | None) -> None:
        self.release, self.name, self.split = release, name, split
        self._dataset: Any = None
        self._clip_ids: list[str] = []
        self._offsets: NDArray[np.int64] = np.empty(0, np.int64)

    def __reduce__(self) -> tuple[type[View], tuple[ReleaseDocument, str, str | None]]:
        return View, (self.release, self.name, self.split)

    def __repr__(self) -> str:
        return f"View({self.name!r}, split={self.split!r}, release={self.release.name!r})"

    def _open(self) -> Any:
        refuse_fork()
        if self._dataset is None:
            verify_files(self.release, self.name)
            with name_damage(self.release, self.name):
                dataset = open_view_dataset(self.release, self.name)
                self._clip_ids, self._offsets = read_index(self.release, self.name, self.split, dataset)
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
        return decode_sample(self.rows([i])[0], start, count)

    def rows(self, positions: Sequence[int]) -> list[dict[str, Any]]:
        """Rows as they are stored, in the order asked for, in one read; each compared with its digests."""
        dataset = self._open()
        wanted = [range(len(self._clip_ids))[i] for i in positions]
        # Lance takes ascending offsets in one pass.
        ascending = sorted(set(wanted), key=lambda i: int(self._offsets[i]))
        with name_damage(self.release, self.name):
            table = dataset.take([int(self._offsets[i]) for i in ascending], columns=COLUMNS)
            row_at = dict(zip(ascending, table.to_pylist(), strict=True))
        for i, row in row_at.items():
            check_row(row, self._clip_ids[i], self.release, self.name)
        return [row_at[i] for i in wanted]

    def stream(self, *, seed: int, batch_size: int, **options: Any) -> Stream:
        """Shuffled batches for one rank of a training job; see handwheel.stream.Stream."""
        return Stream(self, seed=seed, batch_size=batch_size, **options)
