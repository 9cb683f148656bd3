"""What a run of hops ends with."""

from __future__ import annotations

from pathlib import Path

from orchestration.cli.closing import closing
from orchestration.config import Config
from pipelines.corpus.ledger import ledger
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
