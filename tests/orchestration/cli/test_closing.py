"""What a run of hops ends with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestration.cli import main
from orchestration.cli.closing import closing
from orchestration.config import Config
from orchestration.trigger.hop import HOP
from pipelines.corpus.ledger import ledger
from pipelines.hop import Context, Done
from schemas.errors import TransientError
from tests.support.corpus import RECIPE, corpus


def test_seconds_by_place_and_reason_where_something_was_added(tmp_path: Path) -> None:
    store = corpus(tmp_path / "corpus")
    config = Config(root=store.root)
    assert closing(store, config, RECIPE, None, is_new=False) == ["nothing new: no release, no trigger"]
    (line,) = closing(store, config, RECIPE, None, is_new=True)
    account, _ = ledger(store, RECIPE, config.policy.digest)
    assert line.startswith(f"{account.input_ns / 1e9:.1f} s in: ")
    assert f"{account.places['pending'] / 1e9:.1f} s waiting" in line
    assert "undecided " in line


def test_what_was_not_delivered_is_an_exit_code_that_a_job_notices(tmp_path: Path) -> None:
    def failing(context: Context) -> Done:
        del context
        return Done("trigger", undelivered=["key"], notes=["sh exited 7: no such pin"])

    with pytest.raises(TransientError, match="1 trigger was not delivered") as caught:
        main.run_hops([replace(HOP, run=failing)], Config(root=str(tmp_path)), as_json=True)
    assert caught.value.exit_code == 5
