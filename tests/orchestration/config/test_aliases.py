"""Old names of keys keep working, in a file and by --set, and are refused beside the new ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.config import Config, load
from orchestration.config.aliases import RENAMED, stored_names
from schemas.errors import UsageError


def test_old_sections_and_keys_are_read_as_the_new_ones(tmp_path: Path) -> None:
    (tmp_path / "old.toml").write_text(
        "[look]\nbatch_clips = 3\n[trigger]\nnew_hours_fraction = 0.5\n[ingest]\nleast_rejects = 7\n"
    )
    config = load(tmp_path / "old.toml", ["policy.span_least_s=0.125"], None)
    assert (config.detect.batch_clips, config.trigger.new_hours_share) == (3, 0.5)
    assert config.policy.min_span_s == 0.125
    assert config.ingest.min_rejects == 7


def test_both_names_of_a_key_are_refused() -> None:
    settings = ["trigger.new_hours_fraction=0.5", "trigger.new_hours_share=0.5"]
    with pytest.raises(
        UsageError, match=r"trigger\.new_hours_fraction is the earlier name of trigger\.new_hours_share"
    ):
        load(None, settings, None)


def test_an_old_name_is_not_a_key_now() -> None:
    """Else a value would go to the wrong option."""
    moved = [*RENAMED.items(), *stored_names(Config())]
    assert len(moved) > 5
    for old, new in moved:
        *path, last = old.split(".")
        section: object = Config()
        for name in path:
            section = getattr(section, name)
        assert not hasattr(section, last), old
        assert old.rpartition(".")[0] == new.rpartition(".")[0], old
