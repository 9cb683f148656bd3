"""Broken logs of messages; `python -m tests.faults.fuzz_message_logs` takes more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.fuzz_message_logs import NAMES, fuzz
from tests.support.fuzzed import INPUTS


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", sorted(NAMES))
def test_every_broken_log_is_read_or_refused(tmp_path: Path, kind: str) -> None:
    found = fuzz(tmp_path, INPUTS, 3, kind)
    assert found.wrong == []
    assert found.ends["attempt"] > INPUTS // 20
    assert len(found.ends) > 3
