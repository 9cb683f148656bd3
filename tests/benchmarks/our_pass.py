"""The whole pass over one file as the ingest hop runs it: in the jail. `main` is the child's entry.

`python -m tests.benchmarks.our_pass FILE` prints what the jailed child cost, its start included: all of its process
from the first instruction on. The parent's own seconds are a worker's and are paid once, not once a file.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
from pathlib import Path

from infra import jail
from tests.benchmarks.meter import Meter


def main(argv: list[str]) -> None:
    """In the jail. argv: where to say what it cost, then what pipelines.decode takes."""
    meter = Meter(whole=True)
    from pipelines import decode

    decode.main(argv[1:])
    Path(argv[0]).write_text(meter.said())


def measured(path: Path) -> str:
    """Runs the pass with the default options; the child's line."""
    from pipelines.decode import PassOptions

    job = {"sha256": "0" * 64, "options": dataclasses.asdict(PassOptions()), "spans": None}
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder, "said.json")
        argv = [str(said), str(path.resolve()), folder, json.dumps(job)]
        jail.run("tests.benchmarks.our_pass", argv, jail.Limits(cpu_s=6 * 3600, wall_s=12 * 3600))
        return said.read_text()


if __name__ == "__main__":
    print(measured(Path(sys.argv[1])))
