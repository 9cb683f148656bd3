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
    'root = "gs://bucket/x"': "handwheel.toml:1: root gs://bucket/x is of a kind, gs://, not known here",
    '[[source]]\nkind = "folder"\nuri = "gs://b"': "handwheel.toml:3: source.0.uri gs://b: gs:// is not read here",
    "[policy]\nmax_freeze_share = 45": "handwheel.toml:2: policy.max_freeze_share is 45.0; it is a share, 0 to 1",
    "[policy]\npad_s = nan": "policy.pad_s is nan; it is 0 or more",
    "[policy]\npad_s = -1": "policy.pad_s is -1.0; it is 0 or more",
    '[schedule]\ningest_cron = "0 2 * *"': "handwheel.toml:2: schedule.ingest_cron: '0 2 * *' has 4 fields",
    '[schedule]\ningest_cron = "61 * * * *"': "'61' in '61 * * * *' is no minute, 0 to 59",
    '[schedule]\ningest_cron = "0 2 * * ?!"': "is no weekday, 0 to 7",
    '[captions]\nbackend = "opnai"': "did you mean 'openai'?",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_cannot_work_is_told_at_once(tmp_path: Path, text: str) -> None:
    (tmp_path / "handwheel.toml").write_text(text)
    with pytest.raises(UsageError) as told:
        config.load(tmp_path / "handwheel.toml", [], None)
    assert WRONG[text] in str(told.value)


@pytest.mark.parametrize(
    "line",
    ["0 2 * * *", "*/15 0-6,22 1 jan mon-fri", "0 0 31 12 7", "*/90 * * * *", "@daily", "0 2 * * 5#1", "0 2 L * *"],
)
def test_a_cron_line_is_taken(tmp_path: Path, line: str) -> None:
    (tmp_path / "handwheel.toml").write_text(f'[schedule]\ningest_cron = "{line}"')
    assert config.load(tmp_path / "handwheel.toml", [], None).schedule.ingest_cron == line
