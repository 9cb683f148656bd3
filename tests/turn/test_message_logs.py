"""A log of messages through the fold: rows, their nulls and the film, and what a damaged one leaves in the ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.storage.tables import Store
from pipelines.fold.hop import fold
from pipelines.hop import Run
from pipelines.sources.logs import RobotSource
from pipelines.staging.options import IngestOptions
from tests.support.message_logs import arm, write_mcap

pytestmark = pytest.mark.filterwarnings("default")  # Beam warns of its own affairs


@pytest.mark.slow
def test_an_mcap_and_one_that_was_not_closed_are_folded(tmp_path: Path) -> None:
    whole = write_mcap(tmp_path / "logs/a.mcap", arm(40))
    (tmp_path / "logs/b.mcap").write_bytes(whole.read_bytes()[: whole.stat().st_size * 3 // 4])
    source = RobotSource(kind="mcap", uri=str(tmp_path / "logs"), licence="CC0-1.0")
    store = Store(str(tmp_path / "corpus"))
    added = fold(Run(store, "one"), [source], IngestOptions()).added
    assert (added["episodes"], added["assets"], added["rejects"]) == (2, 2, 1)
    episodes = {e["name"]: e for e in store.read("episodes").to_pylist()}
    assert episodes["a"]["frame_count"] == 40 > episodes["b"]["frame_count"] > 5
    steps = [s for s in store.read("steps").to_pylist() if s["episode_id"] == episodes["a"]["episode_id"]]
    assert [s["state"] for s in sorted(steps, key=lambda s: s["frame"])] == [[k, 2 * k] for k in range(40)]
    (reject,) = store.read("rejects").to_pylist()
    assert (reject["reason"], "are not read" in reject["detail"]) == ("truncated_log", True)
    assert fold(Run(store, "two"), [source], IngestOptions()).added == {}
