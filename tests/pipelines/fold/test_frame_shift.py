"""Logs whose rows are shifted against their frames are refused, and taken with the shift that is declared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from infra.storage.tables import Store
from infra.video.encoder import Encoder
from orchestration import config
from pipelines.fold.hop import fold
from pipelines.hop import Run
from pipelines.sources.logs import RobotSource
from pipelines.staging.options import IngestOptions
from tests.support.robot_logs import write_plain

STEP = 100_000_000
ROWS = 90
LATE = 8  # rows cut off in front, and as many frames behind


def _way() -> npt.NDArray[np.float64]:
    """Where an arm is that starts and stops at random, (ROWS + LATE,), 0..1."""
    rng = np.random.default_rng(5)
    speed = rng.random(ROWS + LATE) ** 3 * (rng.random(ROWS + LATE) < 0.6)
    return np.cumsum(speed) / speed.sum()


def _film(path: Path, way: npt.NDArray[np.float64]) -> None:
    """A bright bar as wide as the arm has come, H.264 at 10 Hz."""
    encoder = Encoder(path, (192, 96), 10)
    for at in way:
        picture = np.full((96, 192, 3), 40, np.uint8)
        picture[:, : round(at * 180)] = 220
        encoder.write(picture)
    encoder.close()


def _logs(folder: Path, first_row: int) -> Path:
    states = _way()[first_row : first_row + ROWS, None]
    write_plain(folder, "take", states, states, video=False)
    _film(folder / "take.mp4", _way()[:ROWS])
    return folder


def _fold(tmp_path: Path, folder: Path, shift: int | None = None) -> Store:
    store = Store(str(tmp_path / "corpus"))
    fold(Run(store, "r"), [RobotSource(kind="plain_log", uri=str(folder), shift=shift)], IngestOptions())
    return store


@pytest.mark.slow
def test_a_shifted_log_is_refused_and_is_taken_with_its_shift(tmp_path: Path) -> None:
    store = _fold(tmp_path, _logs(tmp_path / "shifted", LATE))
    (reject,) = store.read("rejects").to_pylist()
    assert reject["reason"] == "frame_shift"
    assert "the picture moves 8 frames after the rows change (8 to 8 in 99.75 %" in reject["detail"]
    assert "[[robot]] shift = 8" in reject["detail"]
    assert store.read("episodes").num_rows == 0
    mended = _fold(tmp_path, tmp_path / "shifted", LATE)  # its recording is decoded again for another span
    frames = [None if at is None else at // STEP for (at,) in mended.read("steps")["camera_ns"].to_pylist()]
    assert sorted(f for f in frames if f is not None) == list(range(LATE, ROWS))
    assert frames.count(None) == LATE
    (episode,) = mended.read("episodes").to_pylist()
    assert {n["code"] for n in episode["notes"]} >= {"motion_lag", "rows_without_frame"}


@pytest.mark.slow
def test_the_witness_is_asked_also_where_the_recording_was_decoded_before(tmp_path: Path) -> None:
    folder = _logs(tmp_path / "logs", 0)
    (episode,) = _fold(tmp_path, folder).read("episodes").to_pylist()
    (note,) = [n for n in episode["notes"] if n["code"] == "motion_lag"]
    assert "the picture moves 0 frames after the rows change" in note["detail"]
    _logs(folder, LATE)  # the same film, with rows of later moments
    store = _fold(tmp_path, folder)
    assert [r["reason"] for r in store.read("rejects").to_pylist()] == ["frame_shift"]


def test_a_shift_is_read_from_the_config_and_has_bounds(tmp_path: Path) -> None:
    (tmp_path / "handwheel.toml").write_text('[[robot]]\nkind = "lerobot"\nuri = "logs"\nshift = -8\n')
    (source,) = config.load(tmp_path / "handwheel.toml", [], None).robot
    assert source.shift == -8
    with pytest.raises(ValueError, match="shift is 1001 frames; it is at most 1000 either way"):
        RobotSource(kind="lerobot", uri="logs", shift=1001)
