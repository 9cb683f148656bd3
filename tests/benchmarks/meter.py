"""What a process cost, said by the process itself in one line of JSON. Standard library only: peers import it too."""

from __future__ import annotations

import json
import os
import re
import resource
import time
from pathlib import Path


def cpu_s() -> float:
    """User and system seconds of this process and of the children it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def peak_mb() -> float:
    """Largest resident size in MiB of this process since it began, or of a child (whichever is larger).

    VmHWM and not ru_maxrss of the process itself, which still holds the size of the parent that started it.
    """
    own = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return max(int(own[1]) if own else 0, children) / 1024


class Meter:
    """Counts from its making on; `said()` is the line. Make it after the imports where those are not to count."""

    def __init__(self, whole: bool = False) -> None:
        self._cpu_s, self._wall_s = (0.0, time.monotonic()) if whole else (cpu_s(), time.monotonic())

    def said(self) -> str:
        """{"cpu_s", "wall_s", "peak_mb"} since."""
        took = {"cpu_s": cpu_s() - self._cpu_s, "wall_s": time.monotonic() - self._wall_s, "peak_mb": peak_mb()}
        return json.dumps(took | {"pid": os.getpid()})
