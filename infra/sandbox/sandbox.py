"""Runs a module's `main(argv)` in a child process that limits itself before it touches hostile bytes.

A crash, a hang or a bomb costs one input. The limits are the child's own first statement: setting them from the
parent (preexec_fn) or forking inside a worker aborted 4 of 20 pipelines. Children are forked by a process of their
own (infra.sandbox.zygote), one a worker.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from infra.sandbox.zygote import BUG, NO_MEMORY, REFUSED
from schemas.errors import BadMedia, TransientError

MOST_OUTPUT_BYTES = 256 << 20  # a child that says more is out of its mind


@dataclass(frozen=True, slots=True)
class Limits:
    """What one input may cost. Below 2 GB of address space numpy and PyAV do not start."""

    memory_bytes: int = 4 << 30
    cpu_s: int = 3600
    wall_s: float = 3600.0


@dataclass(slots=True)
class Ended:
    """A child's end: its exit code (negative: the signal), what it cost, and what it said."""

    code: int
    cpu_s: float
    peak_kb: int
    out: bytes = field(repr=False)
    err: bytes = field(repr=False)


def run(module: str, argv: list[str], limits: Limits) -> str:
    """Runs `module.main(argv)` jailed; returns what it printed.

    BadMedia: what the child raised, or decoder_timeout, decoder_memory, decoder_crashed.
    """
    ended = measured(module, argv, limits)
    if ended.code == 0:
        return ended.out.decode()
    if ended.code == REFUSED:
        raise BadMedia(**json.loads(ended.out.decode().splitlines()[-1]))
    if ended.code == BUG:
        raise RuntimeError(f"{module}: a bug, not bad media: {ended.err.decode(errors='replace')[-2000:]}")
    if ended.code == -signal.SIGXCPU:
        raise BadMedia("decoder_timeout", f"more than {limits.cpu_s} s of processor time")
    tail = ended.err.decode(errors="replace").strip().splitlines()[-1:] or [""]
    full = ended.code == NO_MEMORY or "bad_alloc" in tail[0]
    raise BadMedia("decoder_memory" if full else "decoder_crashed", f"exit {ended.code}: {tail[0][:200]}")


def measured(module: str, argv: list[str], limits: Limits) -> Ended:
    """Runs `module.main(argv)` jailed and says how it ended. BadMedia: decoder_timeout, decoder_crashed."""
    request = {"module": module, "argv": argv, "memory_bytes": limits.memory_bytes, "cpu_s": limits.cpu_s}
    pipes = [os.pipe() for _ in range(3)]
    mine = [read for read, _ in pipes]
    try:
        try:
            _forker(os.getpid()).ask(request, [write for _, write in pipes])
        finally:
            for _, write in pipes:
                os.close(write)
        out, err, told = _read_all(mine, time.monotonic() + limits.wall_s, limits.wall_s)
    finally:
        for read in mine:
            os.close(read)
    _, _, end = told.partition(b"\n")
    if not end:
        raise TransientError("a decoder's parent process was killed; run the same command again")
    return Ended(**json.loads(end), out=out, err=err)


def _read_all(files: list[int], deadline_s: float, wall_s: float) -> tuple[bytes, bytes, bytes]:
    """Everything that comes out of the child: output, errors, and what is told of it. BadMedia where it must end."""
    held = {fd: bytearray() for fd in files}
    with selectors.DefaultSelector() as selector:
        for fd in files:
            selector.register(fd, selectors.EVENT_READ)
        try:
            while selector.get_map():
                ready = selector.select(max(0.0, deadline_s - time.monotonic()))
                if not ready:
                    raise BadMedia("decoder_timeout", f"no end after {wall_s:.0f} s")
                for key, _ in ready:
                    block = os.read(key.fd, 1 << 20)
                    held[key.fd] += block
                    if not block:
                        selector.unregister(key.fd)
                if sum(map(len, held.values())) > MOST_OUTPUT_BYTES:
                    raise BadMedia("decoder_crashed", f"it wrote over {MOST_OUTPUT_BYTES} bytes of output")
        except BaseException:
            _kill(bytes(held[files[2]]))
            raise
    out, err, told = (bytes(held[fd]) for fd in files)
    return out, err, told


def _kill(told: bytes) -> None:
    """Kills the child that is told of and whatever it started, unless its end was told too."""
    pid, _, end = told.partition(b"\n")
    if pid and not end:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(pid), signal.SIGKILL)


class _Forker:
    """This worker's infra.sandbox.zygote, started when first asked and again where it was killed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        atexit.register(self._end, os.getpid())

    def ask(self, request: dict[str, Any], files: list[int]) -> None:
        """Has a child started on the request, with its output, its errors and the place where it is told of."""
        with os.fdopen(os.memfd_create("request"), "wb") as asked:
            asked.write(json.dumps(request).encode())
            asked.flush()
            asked.seek(0)
            with self._lock:
                try:
                    socket.send_fds(self._started(), [b"+"], [asked.fileno(), *files])
                except (BrokenPipeError, ConnectionResetError):
                    self._end(os.getpid())
                    socket.send_fds(self._started(), [b"+"], [asked.fileno(), *files])

    def _started(self) -> socket.socket:
        if self._socket is None:
            self._socket, theirs = socket.socketpair()
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "infra.sandbox.zygote"],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    env=_environment(),
                    start_new_session=True,
                )
        return self._socket

    def _end(self, pid: int) -> None:
        """Lets it go; a forked copy of this process leaves it alone."""
        if self._socket is not None and self._process is not None and pid == os.getpid():
            self._socket.close()
            self._process.wait()
            self._socket = self._process = None


@functools.cache
def _forker(pid: int) -> _Forker:
    """One a process: a forked worker must not talk over its parent's."""
    del pid
    return _Forker()


def _environment() -> dict[str, str]:
    """No secrets reach a decoder; one thread for the libraries that would start one a core, none for Arrow's heap."""
    keep = ("PATH", "PYTHONPATH", "LANG", "LD_LIBRARY_PATH", "TMPDIR", "HOME", "VIRTUAL_ENV")
    one = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    one |= {"JE_ARROW_MALLOC_CONF": "background_thread:false"}
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    path = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH", "")) if p)
    return {k: os.environ[k] for k in keep if k in os.environ} | one | {"PYTHONPATH": path}
