"""The whole pass over one file as the ingest hop runs it: in the sandbox.

`python -m tests.benchmarks.our_pass FILE` prints what the child cost, from the fork on. The zygote that forks
it is started once a worker, for about a second of a processor, and not counted.
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
    from pipelines.media import decode_child
    from pipelines.media.options import DecodeSpec, PassOptions

    job = {"sha256": "0" * 64, "options": dataclasses.asdict(PassOptions()), "spec": dataclasses.asdict(DecodeSpec())}
    with tempfile.TemporaryDirectory() as folder:
        # Starts the zygote, then fails for want of arguments.
        sandbox.run_measured(decode_child.__name__, [], LIMITS)
        began_s = time.monotonic()
        ended = sandbox.run_measured(decode_child.__name__, [str(path.resolve()), folder, json.dumps(job)], LIMITS)
        assert ended.code == 0, ended.err
    took = {"cpu_s": ended.cpu_s, "wall_s": time.monotonic() - began_s, "peak_mb": ended.peak_kb / 1024}
    return json.dumps(took | {"pid": os.getpid()})


if __name__ == "__main__":
    print(measured(Path(sys.argv[1])))
