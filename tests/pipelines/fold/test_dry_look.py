"""The dry look: finds the format, counts what is there, names what would be left out; stores and decodes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from orchestration.cli.doctor_logs import as_object, as_text
from pipelines.fold.dry_look import look
from pipelines.sources.logs import RobotSource
from schemas.errors import UsageError
from tests.support.robot_logs import LeRobotSpec, write_lerobot, write_plain, write_video


def _source(uri: Path, kind: str = "") -> RobotSource:
    return RobotSource(kind=kind, uri=str(uri))


@pytest.mark.slow
def test_a_data_set_is_told_by_what_lies_there(tmp_path: Path) -> None:
    write_lerobot(tmp_path / "set", LeRobotSpec(orphans=0))
    found = look(_source(tmp_path), 50)
    assert (found.kind, found.attempts, found.steps) == ("lerobot", 3, 36)
    (claims,) = found.claims.values()
    assert (claims["version"], claims["announced"]) == (
        "LeRobot v3.0",
        "3 episodes, 36 frames; 3 episodes have rows here",
    )
    assert "observation.state (float32, 6)" in claims["declared"]
    assert found.facts["outcome"] == {"success, by sensor": 2, "failure, by sensor": 1}
    assert sorted(found.facts) == ["action", "cameras", "clock", "control", "outcome", "robot", "state", "task"]


def test_what_would_be_left_out_is_named_with_its_remedy(tmp_path: Path) -> None:
    write_plain(tmp_path, "fine", np.ones((5, 3)), np.ones((5, 1)))
    write_plain(tmp_path, "blind", np.ones((5, 3)), np.ones((5, 1)), video=False)
    found = look(_source(tmp_path), 50)
    assert (found.kind, found.attempts, dict(found.refused_count)) == ("plain_log", 1, {"missing_video": 1})
    text = as_text(found, str(tmp_path))
    assert "blind.jsonl: beside the log: no recording" in text
    assert "mend: bring the recordings" in text
    assert 'kind = "plain_log"' in text
    refused = as_object(found)["refused"]
    assert isinstance(refused, dict)
    assert refused["missing_video"]["count"] == 1


def test_few_of_many_are_read_and_that_is_said(tmp_path: Path) -> None:
    for i in range(6):
        write_plain(tmp_path, f"e{i}", np.ones((3, 3)), np.ones((3, 1)))
    found = look(_source(tmp_path), 2)
    assert (found.items, found.read_items, found.attempts) == (6, 2, 2)
    assert "6 logs, 2 of them read" in as_text(found, "logs")


def test_what_no_format_takes_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(UsageError, match="no robot log that is known"):
        look(_source(tmp_path), 5)


def test_counts_of_frames_and_rows_are_compared_and_the_advice_mends_it(tmp_path: Path) -> None:
    write_plain(tmp_path, "long", np.ones((5, 3)), np.ones((5, 1)), video=False)
    write_video(tmp_path / "long.mp4", 8)
    result = look(_source(tmp_path), 5)
    assert (result.attempts, dict(result.refused_count)) == (0, {"video_mismatch": 1})
    text = as_text(result, "logs")
    assert "5 rows, 8 frames in its video" in text
    assert 'surplus = "tail"' in text
    mended = look(RobotSource(kind="", uri=str(tmp_path), surplus="tail"), 5)
    assert (mended.attempts, dict(mended.refused_count)) == (1, {"surplus_frames": 1})
