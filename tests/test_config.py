"""The config: what cannot work is told in one line before the first hop starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration import config
from schemas.errors import UsageError

WRONG = {
    '[[source]]\nkind = "ego9d"\nuri = "."': "source.kind 'ego9d' is none of folder, url_list",
    '[[source]]\nkind = "folder"\nuri = "."\nstage = "robot"': "source.stage 'robot' is none of web, ego",
    '[[robot]]\nkind = "csv"\nuri = "."': "robot.kind 'csv' is none of plain_log, lerobot",
    '[captions]\nbackend = "gpt"': "captions.backend 'gpt' is none of grounded, openai, transformers",
    "[ingest.cutting]\nproxy_hz = 0": "ingest.cutting.proxy_hz is 0.0; it is more than 0",
    "[ingest.cutting.cut]\nlongest_s = -1": "ingest.cutting.cut.longest_s is -1.0",
    "[publish]\nval_share = 2": "publish.val_share is 2.0; it is a share",
    "[publish]\nwm_fps_hz = inf": "publish.wm_fps_hz is inf",
    'root = "handwheel.toml"': "is no folder",
    "rot = 1": "rot",
    "[[source": "Expected",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_cannot_work_is_told_at_once(tmp_path: Path, text: str) -> None:
    (tmp_path / "handwheel.toml").write_text(text)
    with pytest.raises(UsageError) as told:
        config.load(tmp_path / "handwheel.toml", [], None)
    assert WRONG[text] in str(told.value)


def test_a_file_that_is_no_text_or_a_folder_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_bytes(b'root = "\xe9"')
    for path in (tmp_path / "bad.toml", tmp_path, tmp_path / "none.toml"):
        with pytest.raises(UsageError, match=path.name):
            config.load(path, [], None)


def test_the_commented_file_loads_with_every_default(tmp_path: Path) -> None:
    (tmp_path / "handwheel.toml").write_text(config.commented())
    loaded = config.load(tmp_path / "handwheel.toml", [], None)
    assert loaded.policy == config.Config().policy
    assert loaded.source[0].uri == str(tmp_path / "media")
