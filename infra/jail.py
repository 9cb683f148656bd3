"""Runs a module's `main(argv)` in a child process that limits itself before it touches hostile bytes.

A crash, a hang or a bomb costs one input. The limits are the child's own first statement: setting them from the
parent (preexec_fn) or forking inside a worker aborted 4 of 20 pipelines.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

# The child's exit codes for how its `main` ended.
REFUSED, NO_MEMORY, BUG = 3, 4, 5


def _limit(memory_bytes: int, cpu_s: int) -> None:
    import ctypes
    import resource
    import signal

    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 5))  # equal ones give SIGKILL, which says nothing
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: it does not outlive a killed parent


@dataclass(frozen=True, slots=True)
class Limits:
    """What one input may cost. Below 2 GB of address space numpy and PyAV do not start."""

    memory_bytes: int = 4 << 30
    cpu_s: int = 3600
    wall_s: float = 3600.0


def run(module: str, argv: list[str], limits: Limits) -> str:
    """Runs `module.main(argv)` jailed; returns what it printed.

    BadMedia: what the child raised, or decoder_timeout, decoder_memory, decoder_crashed.
    """
    import json
    import subprocess

    from schemas.errors import BadMedia

    command = [sys.executable, "-m", "infra.jail", str(limits.memory_bytes), str(limits.cpu_s), module, *argv]
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
        start_new_session=True,
    )
    try:
        out, err = child.communicate(timeout=limits.wall_s)
    except subprocess.TimeoutExpired:
        _kill_group(child.pid)
        child.communicate()
        raise BadMedia("decoder_timeout", f"no end after {limits.wall_s:.0f} s") from None
    except BaseException:
        _kill_group(child.pid)
        raise
    if child.returncode == 0:
        return out.decode()
    if child.returncode == REFUSED:
        raise BadMedia(**json.loads(out.decode().splitlines()[-1]))
    if child.returncode == BUG:
        raise RuntimeError(f"{module}: a bug, not bad media: {err.decode(errors='replace')[-2000:]}")
    if child.returncode == -24:  # SIGXCPU
        raise BadMedia("decoder_timeout", f"more than {limits.cpu_s} s of processor time")
    tail = err.decode(errors="replace").strip().splitlines()[-1:] or [""]
    full = child.returncode == NO_MEMORY or "bad_alloc" in tail[0]
    raise BadMedia("decoder_memory" if full else "decoder_crashed", f"exit {child.returncode}: {tail[0][:200]}")


def _kill_group(pid: int) -> None:
    import signal

    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _environment() -> dict[str, str]:
    """No secrets reach a decoder; one thread for the libraries that would start one a core."""
    keep = ("PATH", "PYTHONPATH", "LANG", "LD_LIBRARY_PATH", "TMPDIR", "HOME", "VIRTUAL_ENV")
    one = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH", "")) if p)
    return {k: os.environ[k] for k in keep if k in os.environ} | one | {"PYTHONPATH": path}


def _child() -> int:
    _limit(int(sys.argv[1]), int(sys.argv[2]))
    import importlib
    import json
    import traceback

    from schemas.errors import BadMedia

    try:
        importlib.import_module(sys.argv[3]).main(sys.argv[4:])
    except BadMedia as e:
        print(json.dumps({"reason": e.reason, "detail": e.detail[:500]}))
        return REFUSED
    except MemoryError:
        traceback.print_exc()
        return NO_MEMORY
    except Exception as e:  # noqa: BLE001 - the parent raises it again
        traceback.print_exc()
        return NO_MEMORY if "Insufficient memory" in str(e) else BUG  # OpenCV's own words
    return 0


if __name__ == "__main__":
    sys.exit(_child())
