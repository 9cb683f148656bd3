"""A second ingest of an unchanged folder: the small part of tests/benchmarks/bench_ingest_again.py."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infra.storage.tables import Store
from pipelines.hop import Run
from pipelines.ingest.hop import ingest
from pipelines.sources.recordings import Source
from pipelines.staging.options import IngestOptions
from tests.benchmarks.bench_ingest_again import LIMIT_S, again, make, no_decode


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Source]]:
    """A corpus of 100 assets of two recordings, and its source."""
    folder = tmp_path_factory.mktemp("again")
    sources = make(folder / "media", 100, recordings=2)
    done = ingest(Run(Store(str(folder / "root")), "first"), sources, IngestOptions())
    assert done.added["assets"] == 100
    return folder, sources


def test_an_unchanged_folder_costs_no_decode_and_little_time(corpus: tuple[Path, list[Source]]) -> None:
    root = corpus[0] / "root"
    versions = Store(str(root)).versions()
    _, core_s = again(root, corpus[1])
    assert core_s < LIMIT_S / 4
    assert Store(str(root)).versions() == versions


def test_a_touched_and_a_new_file_are_all_that_is_read(corpus: tuple[Path, list[Source]]) -> None:
    folder, sources = corpus
    touched = folder / "media" / "11" / "00011.mp4"
    os.utime(touched, ns=(1, 1))
    (folder / "media" / "new.mp4").write_bytes(touched.read_bytes())
    with no_decode():
        done = ingest(Run(Store(str(folder / "root")), "second"), sources, IngestOptions())
    assert done.added == {"assets": 2}
