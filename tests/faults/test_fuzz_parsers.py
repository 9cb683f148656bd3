"""Some broken inputs for every parser of hostile files; `python -m tests.faults.fuzz_parsers` takes thousands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.fuzz_parsers import fuzz

INPUTS = {"hdf5": 12, "parquet": 20, "sitemap": 20}  # a child each


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    [
        "tar",
        "zip",
        "pickle",
        "hdf5",
        "csv",
        "jsonl",
        "parquet",
        "sidecar",
        "robots.txt",
        "answer",
        "feed",
        "sitemap",
        "page",
    ],
)
def test_every_broken_input_is_read_or_refused(tmp_path: Path, kind: str) -> None:
    found = fuzz(tmp_path, INPUTS.get(kind, 80), seed=3, only=kind)
    assert found.wrong == []
    assert len(found.ends) > 1
