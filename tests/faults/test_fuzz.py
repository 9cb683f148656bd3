"""A hundred broken recordings through the ingest hop; `make fuzz` takes thousands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.fuzz import fuzz


@pytest.mark.slow
def test_every_broken_input_is_accounted_for(tmp_path: Path) -> None:
    found = fuzz(tmp_path, 100, seed=11)
    assert found.wrong == []
    assert sum(found.ends.values()) == 100
    assert found.ends["not_media"] > 5
    assert found.ends["decoded"] > 10
    assert found.ends["decoded, damage cut out"] > 5
