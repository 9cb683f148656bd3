"""Numbers and roots that no hop could work with are told before the first one starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration import config
from schemas.errors import UsageError

WRONG = {
    "[publish]\nval_share = 2": "publish.val_share is 2.0; it is a share",
    "[publish]\nwm_fps_hz = inf": "publish.wm_fps_hz is inf",
    "[look]\nbatch_clips = 0": "detect.batch_clips is 0",
    'root = "handwheel.toml"': "is not a folder",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_cannot_work_is_told_at_once(tmp_path: Path, text: str) -> None:
    (tmp_path / "handwheel.toml").write_text(text)
    with pytest.raises(UsageError) as told:
        config.load(tmp_path / "handwheel.toml", [], None)
    assert WRONG[text] in str(told.value)
