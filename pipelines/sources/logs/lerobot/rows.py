"""Which rows are an episode's: the row's own episode_index says so, before what the metadata say of places."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.sources.logs.lerobot.columns import integers
from pipelines.sources.logs.lerobot.files import read_columns
from pipelines.sources.logs.lerobot.meta import DataSet, EpisodeMeta
from schemas.errors import BadMedia

_EPISODE, _FRAME = "episode_index", "frame_index"
Places = npt.NDArray[np.int64]
_NONE: Places = np.zeros(0, np.int64)


def places_by_episode(table: pa.Table) -> dict[int, Places]:
    """Places of each episode's rows, ascending. BadMedia(bad_table): episode_index holds no integers."""
    index = integers(table, _EPISODE)
    order = np.argsort(index, kind="stable")
    values, starts = np.unique(index[order], return_index=True)
    return dict(zip(values.tolist(), np.split(order, starts[1:]), strict=True)) if len(index) else {}


def counts_in(data_set: DataSet, path: str) -> Mapping[int, int]:
    """Rows by episode in a data file; none of a file that cannot be read, which its own item says."""
    if path not in data_set.row_counts:
        try:
            table = read_columns(data_set.files[path], path, (_EPISODE,))
            episodes, counts = np.unique(integers(table, _EPISODE), return_counts=True)
            data_set.row_counts[path] = dict(zip(episodes.tolist(), counts.tolist(), strict=True))
        except (BadMedia, KeyError):
            data_set.row_counts[path] = {}
    return data_set.row_counts[path]


def by_frame(rows: pa.Table) -> pa.Table:
    """The rows in order of their frame_index; the same table where they are, or where it is one number or none at all.

    BadMedia(frame_gap): a frame's row is missing or there twice, so that nothing tells which frame a row has.
    """
    if _FRAME not in rows.column_names or not rows.num_rows:
        return rows
    try:
        frames = integers(rows, _FRAME)
    except BadMedia:
        return rows
    steps = np.diff(frames)
    if (steps == 1).all() or not steps.any():
        return rows
    order = np.argsort(frames, kind="stable")
    steps = np.diff(frames[order])
    if (steps != 1).any():
        at = int(np.argmax(steps != 1))
        detail = f"frame_index goes from {frames[order][at]} to {frames[order][at + 1]}, of {rows.num_rows} rows"
        raise BadMedia("frame_gap", detail)
    return rows.take(order)


class Rows:
    """A data file's rows, dealt out to the episodes that the metadata place there."""

    def __init__(self, data_set: DataSet, path: str, table: pa.Table) -> None:
        if _EPISODE not in table.column_names and data_set.version == "v3.0":
            raise BadMedia("bad_table", f"{path} has no {_EPISODE}")
        self.data_set, self.path, self.table = data_set, path, table
        self.by_episode = places_by_episode(table) if _EPISODE in table.column_names else {}
        self.claimed = np.zeros(table.num_rows, np.bool_)

    def take(self, meta: EpisodeMeta) -> tuple[pa.Table, tuple[int, int] | None]:
        """The episode's rows and their half-open range, None where they are not one range of this file.

        BadMedia(length_mismatch): not as many as the metadata say; where they are is said. frame_gap: as `by_frame`.
        """
        places = self._places(meta)
        self.claimed[places] = True
        if len(places) and len(places) == (len(places) if meta.length < 0 else meta.length):
            run = bool(places[-1] - places[0] == len(places) - 1)
            rows = self.table.slice(places[0], len(places)) if run else self.table.take(places)
            in_order = by_frame(rows)
            is_run = run and in_order is rows
            return in_order, (int(places[0]), int(places[-1]) + 1) if is_run else None
        return by_frame(self._gathered(meta, len(places))), None

    def _places(self, meta: EpisodeMeta) -> Places:
        if _EPISODE not in self.table.column_names:  # a file an episode
            return np.arange(self.table.num_rows)
        places = self.by_episode.get(meta.index, _NONE)
        if len(places) > meta.length >= 0 and meta.rows is not None and "index" in self.table.column_names:
            index = integers(self.table, "index")[places]
            within = places[(index >= meta.rows[0]) & (index < meta.rows[1])]
            return within if len(within) == meta.length else places
        return places

    def _gathered(self, meta: EpisodeMeta, here: int) -> pa.Table:
        """Rows that lie in other files than the metadata say, in order of frames."""
        elsewhere = self._elsewhere(meta.index)
        total = here + sum(elsewhere.values())
        if not total or total != (total if meta.length < 0 else meta.length) or not elsewhere:
            where = "".join(f", {count} in {path}" for path, count in elsewhere.items())
            raise BadMedia(
                "length_mismatch", f"{here} rows in {self.path}{where}; its metadata say {max(meta.length, 0)}"
            )
        pieces = [self.table.take(self.by_episode.get(meta.index, _NONE))]
        for path in elsewhere:
            table = read_columns(self.data_set.files[path], path, self.table.column_names)
            pieces.append(table.take(places_by_episode(table)[meta.index]))
        try:
            rows = pa.concat_tables([p for p in pieces if p.num_rows], promote_options="permissive")
        except pa.ArrowException as error:
            raise BadMedia("bad_table", f"its rows lie in files of other columns: {str(error)[:120]}") from error
        return rows

    def _elsewhere(self, index: int) -> dict[str, int]:
        if self.data_set.version != "v3.0":
            return {}
        others = (p for p in self.data_set.data_files() if p != self.path)
        counts = {p: counts_in(self.data_set, p).get(index, 0) for p in others}
        return {path: count for path, count in counts.items() if count}

    def orphans(self) -> int:
        """Rows that no episode took, nor one whose own file lacks them."""
        if not self.claimed.all():
            strays = strayed_into(self.data_set, self.path, self.by_episode)
            for index in strays:
                self.claimed[self.by_episode[index]] = True
        return int((~self.claimed).sum())


def strayed_into(data_set: DataSet, path: str, episodes: Collection[int]) -> set[int]:
    """Those of the episodes with rows in `path` that the metadata place in another file, which lacks some of them."""
    if data_set.version != "v3.0":
        return set()
    own = {e.index: (place, e) for place, placed in data_set.placed.items() if place not in ("", path) for e in placed}
    elsewhere = [own[i] for i in episodes if i in own]
    return {e.index for place, e in elsewhere if counts_in(data_set, place).get(e.index, 0) < max(e.length, 1)}
