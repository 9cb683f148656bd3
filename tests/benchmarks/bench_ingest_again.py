"""Time of a second ingest of an unchanged folder (limit 5 s for 1,000 assets).

`python tests/benchmarks/bench_ingest_again.py [ASSETS] [--json [FOLDER]]`.

The first ingest is a real one: ten recordings are decoded, and every other file is a copy of one of them.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from infra.sandbox import sandbox
from infra.storage.tables import Store
from pipelines.hop import Run
from pipelines.ingest.hop import ingest
from pipelines.sources.recordings import Source
from pipelines.staging.options import IngestOptions
from tests.benchmarks.record import add_json_option, record
from tests.support.media import shot, write

RECORDINGS = 10
LIMIT_S = 5.0


def make(folder: Path, assets: int, recordings: int = RECORDINGS) -> list[Source]:
    """A folder of so many files, copies of a few recordings; some with a sidecar; and the source that reads it."""
    for i in range(assets):
        path = folder / f"{i % 37:02}" / f"{i:05}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        if i < recordings:
            write(path, shot(i, 5))
        else:
            shutil.copyfile(folder / f"{i % recordings:02}" / f"{i % recordings:05}.mp4", path)
        if i % 10 == 3:
            path.with_suffix(".txt").write_text(f"Take {i}.")
    return [Source("folder", str(folder), stage="ego")]


@contextmanager
def no_decode() -> Iterator[None]:
    """Fails where a recording is decoded."""
    with mock.patch.object(sandbox, "run", side_effect=AssertionError("a recording was decoded")):
        yield


def again(root: Path, sources: list[Source]) -> tuple[float, float]:
    """Seconds and core-seconds of one more ingest; it adds nothing."""
    used_s, begun = _used_s(), time.monotonic()
    with no_decode():
        done = ingest(Run(Store(str(root)), "again"), sources, IngestOptions())
    assert done.line() == "nothing new", done.line()
    return time.monotonic() - begun, _used_s() - used_s


def _used_s() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime


def main() -> None:
    """Prints what the first ingest took, and the median of five more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("assets", nargs="?", type=int, default=1000)
    add_json_option(parser)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="handwheel-again-"))
    try:
        sources = make(folder / "media", given.assets)
        begun = time.monotonic()
        done = ingest(Run(Store(str(folder / "root")), "first"), sources, IngestOptions())
        first_s = time.monotonic() - begun
        print(f"first   {first_s:7.2f} s  {done.line()}")
        took = [again(folder / "root", sources) for _ in range(5)]
        wall_s, core_s = (statistics.median(column) for column in zip(*took, strict=True))
        print(f"again   {wall_s:7.2f} s  {core_s:.2f} core-seconds, median of {len(took)}; limit {LIMIT_S:g} s")
    finally:
        shutil.rmtree(folder)
    again_s = {"again_median_wall_s": wall_s, "again_median_core_s": core_s, "again_limit_s": LIMIT_S}
    record("ingest-again", {"assets": given.assets, "first_wall_s": first_s} | again_s, given.json)
    sys.exit(int(wall_s >= LIMIT_S))


if __name__ == "__main__":
    main()
