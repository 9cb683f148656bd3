"""A log that cannot be read at one moment is read in a later run, and never taken without its clips."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from infra.sandbox.sandbox import Limits
from infra.storage.tables import Store
from pipelines.fold.offers import list_logs
from pipelines.fold.worker import FoldWorker
from pipelines.sources.logs import RobotSource
from pipelines.staging.options import IngestOptions
from schemas.errors import TransientError
from tests.support.robot_logs import write_plain


@pytest.mark.parametrize("error", [TransientError("the bucket is busy"), OSError()])
def test_a_log_that_is_out_of_reach_when_its_recordings_are_cut_is_unreached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    write_plain(tmp_path / "logs", "one", np.zeros((8, 3)), np.zeros((8, 2)), {})
    (tmp_path / "staging").mkdir()
    worker = FoldWorker(
        store=Store(str(tmp_path / "corpus")), run_id="r", salt="s", staging=str(tmp_path / "staging"),
        scratch=str(tmp_path), cutting=IngestOptions().cutting, limits=Limits(),
    )  # fmt: skip
    (logs,) = list_logs([RobotSource(kind="plain_log", uri=str(tmp_path / "logs"))])

    def breaks(*_: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(FoldWorker, "_attempts", breaks)
        offers = list(worker.read(("key", logs)))
    decoded = [media for key, offer in offers for _, media in worker.decode((key, [offer]))]
    worker.fold(("key", {"logs": [logs], "media": decoded}))  # the log is well again
    staged = json.loads((tmp_path / "staging/key.log.json").read_text())
    assert staged["unreached"] == [f"{logs.item.uri}: {str(error) or repr(error)}"]
    assert staged["rows"]["episodes"] == []
