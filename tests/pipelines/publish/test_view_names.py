"""Views of an IDM: one width and one list of names each, under names that stay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from handwheel.stats import axis_stats
from hypothesis import given
from hypothesis import strategies as st

from infra.storage.tables import Store
from pipelines.fold.rows import Origin, episode_row, step_table
from pipelines.publish.selection import PublishOptions, split_rows
from pipelines.publish.view_names import Axes, axes_of, view_names
from schemas import Episode
from tests.pipelines.publish.test_steps import row
from tests.support.episode_logs import episode_log

BY_SHAPE = {2: Axes(2, 2), 4: Axes(4, 4), 7: Axes(7, 7), 3: Axes(2, 2, ("a", "b"))}


def attempts(*shapes: int) -> tuple[list[Episode], dict[str, Axes]]:
    episodes = []
    for i in range(len(shapes)):
        own = episode_row(episode_log(1, ()), Origin(f"set {i}", "r", "x"), {}, f"steps {i}", run_id="r", salt="s")
        episodes.append(own)
    return episodes, {e.episode_id: BY_SHAPE[s] for e, s in zip(episodes, shapes, strict=True)}


@given(st.lists(st.sampled_from(sorted(BY_SHAPE)), min_size=1, max_size=6), st.lists(st.sampled_from(sorted(BY_SHAPE))))
def test_no_view_mixes_axes_and_none_is_renamed_by_what_comes_later(first: list[int], later: list[int]) -> None:
    views, held = view_names(*attempts(*first), {})
    assert (
        len({(axes, views[e]) for e, axes in attempts(*first)[1].items()})
        == len(set(first))
        == len(set(views.values()))
    )
    assert "idm_arm" in views.values()
    grown, _ = view_names(*attempts(*first, *later), held)
    assert {key: grown[key] for key in views} == views
    assert len(set(grown.values())) == len({*first, *later})


def test_most_attempts_have_the_plain_name() -> None:
    episodes, axes = attempts(2, 7, 7)
    views, _ = view_names(episodes, axes, {})
    assert [views[e.episode_id] for e in episodes] == [f"idm_arm_{Axes(2, 2).suffix}", "idm_arm", "idm_arm"]


def test_widths_are_those_of_the_steps_though_the_first_lacks_its_state(tmp_path: Path) -> None:
    log = episode_log(3, ())
    states = np.array([[np.nan], [1], [2]], np.float32)
    object.__setattr__(log, "states", states)
    steps = step_table(log, "set")
    store = Store(str(tmp_path))
    store.insert("steps", steps, run_id="r")
    steps_id = steps["steps_id"][0].as_py()
    episode = episode_row(log, Origin("set", "r", "x"), {}, steps_id, run_id="r", salt="s")
    assert axes_of(store, [episode]) == {episode.episode_id: Axes(1, 1)}


def test_widths_of_many_attempts_without_actions_take_few_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, episodes = Store(str(tmp_path)), []
    for i in range(12):
        log = replace(episode_log(3, ()), actions=None, name=f"take_{i}", states=np.full((3, 2), i, np.float32))
        steps = step_table(log, "set")
        store.insert("steps", steps, run_id="r")
        steps_id = steps["steps_id"][0].as_py()
        episodes.append(episode_row(log, Origin("set", "r", "x"), {}, steps_id, run_id="r", salt="s"))
    read, reads = Store.read, []
    monkeypatch.setattr(Store, "read", lambda *args: (reads.append(args), read(*args))[1])
    assert axes_of(store, episodes) == {e.episode_id: Axes(2, 0) for e in episodes}
    assert len(reads) <= 3


def test_what_the_makers_held_out_and_its_copies_never_go_to_train() -> None:
    rows = [replace(row(), clip_id=n, source_clip=n, group=["sha:one"]) for n in ("a", "b", "c", "d")]
    rows = [replace(r, maker_split=s) for r, s in zip(rows, ("test", "val", "train", None), strict=True)]
    sides = [r.split for r in split_rows(rows, {"a": "copies", "d": "copies"}, PublishOptions(val_share=0.0))]
    assert sides == ["val", "val", "train", "val"]


def test_statistics_over_other_widths_are_none() -> None:
    assert axis_stats([np.zeros((2, 4)), np.zeros((3, 2))]) is None
    assert axis_stats([np.zeros((0, 4)), np.zeros((3, 2))]) is not None
