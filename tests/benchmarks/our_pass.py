"""The whole pass over one file as the ingest hop runs it: in the jail.

`python -m tests.benchmarks.our_pass FILE` prints what the jailed child cost, from the fork on. What forks it
is started once a worker, for about a second of a processor, and not counted.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from infra.sandbox import sandbox

LIMITS = sandbox.Limits(cpu_s=6 * 3600, wall_s=12 * 3600)


def measured(path: Path) -> str:
    """Runs the pass with the default options; what it cost as a line of JSON."""
    from pipelines.media.options import Asked, PassOptions

    job = {"sha256": "0" * 64, "options": dataclasses.asdict(PassOptions()), "asked": dataclasses.asdict(Asked())}
    with tempfile.TemporaryDirectory() as folder:
        sandbox.measured(
            "pipelines.media.decode_child", [], LIMITS
        )  # starts the forker, then fails for want of arguments
        began_s = time.monotonic()
        ended = sandbox.measured("pipelines.media.decode_child", [str(path.resolve()), folder, json.dumps(job)], LIMITS)
        assert ended.code == 0, ended.err
    took = {"cpu_s": ended.cpu_s, "wall_s": time.monotonic() - began_s, "peak_mb": ended.peak_kb / 1024}
    return json.dumps(took | {"pid": os.getpid()})


if __name__ == "__main__":
    print(measured(Path(sys.argv[1])))
