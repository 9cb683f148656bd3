"""Which view of an inverse dynamics model takes an attempt: none mixes widths or names of axes.

The plain name, idm_<embodiment>, stays with the axes that the newest release has under it; where none has, it goes to
those of most attempts. All others have their widths and a digest of their names behind it, whatever comes later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from infra.storage.tables import Store
from schemas import Episode
from schemas.keys import digest_of

VECTORS = ("state", "action_commanded")
_WIDTH_COLUMNS = ("steps_id", "episode_id", *VECTORS)
ATTEMPTS_AT_ONCE = 500  # whose steps are read for their widths, some 100 MB of them


@dataclass(frozen=True, slots=True, order=True)
class Axes:
    """How wide an attempt's states and actions are, 0 where it has none, and what their axes are called."""

    state_dim: int
    action_dim: int
    state_names: tuple[str, ...] = ()
    action_names: tuple[str, ...] = ()

    @property
    def suffix(self) -> str:
        """<S>x<A>_<6 hex digits of the names>."""
        names = digest_of([list(self.state_names), list(self.action_names)])[:6]
        return f"{self.state_dim}x{self.action_dim}_{names}"


def axes_of(store: Store, episodes: Iterable[Episode]) -> dict[str, Axes]:
    """Axes by episode_id, as the attempts' own steps have them."""
    axes: dict[str, Axes] = {}
    listed = list(episodes)
    widths = _widths(store.read("steps", _WIDTH_COLUMNS, "frame = 0"))
    # The first step of some lacks one of them: of those every step is read, some attempts at once.
    lacking = [e.steps_id or e.episode_id for e in listed if 0 in widths.get(e.steps_id or e.episode_id, (0, 0))]
    for column in ("steps_id", "episode_id"):  # steps of older schemas have no steps_id
        for i in range(0, len(lacking), ATTEMPTS_AT_ONCE):
            steps = store.read_keys("steps", column, lacking[i : i + ATTEMPTS_AT_ONCE], _WIDTH_COLUMNS)
            for key, (state_dim, action_dim) in _widths(steps).items():
                before = widths.get(key, (0, 0))
                widths[key] = max(before[0], state_dim), max(before[1], action_dim)
    for episode in listed:
        state_dim, action_dim = widths.get(episode.steps_id or episode.episode_id, (0, 0))
        names = tuple(episode.state_names), tuple(episode.action_names)
        axes[episode.episode_id] = Axes(state_dim, action_dim, *names)
    return axes


def _widths(steps: pa.Table) -> dict[str, tuple[int, int]]:
    """The widest state and action by the key of their steps."""
    keys = pc.coalesce(steps["steps_id"], steps["episode_id"]).to_pylist()
    columns = [pc.fill_null(pc.list_value_length(steps[name]), 0).to_pylist() for name in VECTORS]
    widths: dict[str, tuple[int, int]] = {}
    for key, state_dim, action_dim in zip(keys, *columns, strict=True):
        known = widths.get(key, (0, 0))
        widths[key] = max(known[0], state_dim), max(known[1], action_dim)
    return widths


def view_names(
    episodes: Iterable[Episode], axes: Mapping[str, Axes], known: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The view of each attempt by episode_id, and the suffix of each view's axes.

    held: that of each view of the newest release.
    """
    counts: dict[str, Counter[Axes]] = {}
    for episode in episodes:
        counts.setdefault(episode.embodiment, Counter())[axes[episode.episode_id]] += 1
    plain = {robot: _plain(f"idm_{robot}", counted, known) for robot, counted in counts.items()}
    views: dict[str, str] = {}
    for episode in episodes:
        own, name = axes[episode.episode_id].suffix, f"idm_{episode.embodiment}"
        views[episode.episode_id] = name if own == plain[episode.embodiment] else f"{name}_{own}"
    return views, {view: axes[episode_id].suffix for episode_id, view in views.items()}


def _plain(name: str, counted: Counter[Axes], known: Mapping[str, str]) -> str:
    """The suffix of the axes that need none."""
    if name in known:
        return known[name]
    return min(counted, key=lambda axes: (-counted[axes], axes)).suffix
