"""The table of samples on inputs of its own: equal values are counted, and others are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.faults import library_values, samples
from tests.faults.samples import Equal, row_of
from tests.support.log_pictures import numbered
from tests.support.message_logs import T0, joints, write_mcap
from tests.support.robot_logs import LeRobotSpec, write_lerobot, write_plain

RNG = np.random.default_rng(2)


@pytest.mark.slow
def test_equal_values_are_counted(tmp_path: Path) -> None:
    write_plain(tmp_path / "plain", "one", RNG.normal(size=(9, 3)), RNG.normal(size=(9, 2)))
    write_lerobot(tmp_path / "set", LeRobotSpec(orphans=2))
    assert row_of(tmp_path / "plain", {}) == [
        "plain_log", "1", "0", "9", "9", "main", "success 1", "reward 9", "none", "45 of 45", "9 of 9", "the same"
    ]  # fmt: skip
    cells = row_of(tmp_path / "set", {})
    assert cells[:3] == ["lerobot", "3", "0"]
    assert cells[-4:] == ["orphan_rows 1", "432 of 432", "36 of 36", "the same"]


@pytest.mark.slow
def test_other_values_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def shifted(episode: Any) -> library_values.Truth:
        truth = library_values.plain_log(episode)
        assert truth.states is not None
        return replace(truth, states=np.roll(truth.states, 1, axis=0))

    write_plain(tmp_path, "one", np.arange(27).reshape(9, 3), RNG.normal(size=(9, 2)))
    monkeypatch.setattr(samples, "TRUTHS", {"plain_log": shifted})
    assert row_of(tmp_path, {})[-3] == "18 of 45"


def test_a_picture_of_the_row_beside_is_not_equal() -> None:
    theirs, equal = [numbered(i) for i in range(6)], Equal()
    equal.add_pictures([*theirs[:3], theirs[4], theirs[3], None], theirs)
    equal.add_pictures(theirs[:4], theirs[:5])
    assert (equal.pictures, equal.pictures_of) == (3 + 4, 6 + 5)


@pytest.mark.slow
def test_logs_without_attempts_are_compared_by_their_topics(tmp_path: Path) -> None:
    write_mcap(tmp_path / "blind.mcap", [joints(T0 + i * 10**7, a=1.0) for i in range(30)])
    assert row_of(tmp_path, {})[-4:] == ["no_pictures 1", "1 of 1 topics", "none there", "the same"]
