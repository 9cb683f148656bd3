"""Ingest from servers that fail on a seeded schedule; `python -m tests.faults.fetch` is the longer run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.compare import differences
from tests.faults.fetch import bench
from tests.faults.servers import FAULTS
from tests.support.s3_server import needs_weed


@pytest.mark.slow
@needs_weed
def test_faults_of_the_web_and_of_s3_leave_no_trace_in_the_tables(tmp_path: Path) -> None:
    with bench(tmp_path, files=3) as both:
        wanted = both.run("undisturbed", 0, 0.0)
        assert both.http.drawn.total() + both.s3.drawn.total() == 0
        assert {k: len(rows) for k, rows in wanted.rows.items() if rows} == {
            "assets": 6, "clips": 3, "proxies": 3, "rejects": 2,
        }  # fmt: skip
        found = both.run("disturbed", 13, 0.5)
        assert differences(wanted, found) == []
        assert both.http.drawn.keys() == set(FAULTS)
        assert both.s3.drawn.total() >= 3
