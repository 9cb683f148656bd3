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

from infra.sandbox import zygote
from schemas.errors import BadMedia, TransientError

MAX_OUTPUT_BYTES = 256 << 20  # a child that says more is out of its mind


@dataclass(frozen=True, slots=True)
class Limits:
    """What one input may cost. Below 2 GB of address space numpy and PyAV do not start."""

    memory_bytes: int = 4 << 30  # address space of one child
    cpu_s: int = 3600  # processor time of one child
    wall_s: float = 3600.0  # wall-clock time of one child


@dataclass(slots=True)
class ChildExit:
    """A child's end: its exit code (negative: the signal), what it cost, and what it wrote."""

    code: int
    cpu_s: float
    peak_kb: int
    out: bytes = field(repr=False)
    err: bytes = field(repr=False)


def run(module: str, argv: list[str], limits: Limits, max_output_bytes: int = MAX_OUTPUT_BYTES) -> str:
    """What `main(argv)` of a module printed, run in the sandbox. module: its `__name__`, so that tools can follow it.

    BadMedia: what the child raised, or decoder_timeout, decoder_memory, decoder_crashed.
    """
    ended = run_measured(module, argv, limits, max_output_bytes)
    if ended.code == 0:
        return ended.out.decode()
    if ended.code == zygote.REFUSED:
        raise BadMedia(**json.loads(ended.out.decode().splitlines()[-1]))
    if ended.code == zygote.BUG:
        raise RuntimeError(f"{module}: a bug, not bad media: {ended.err.decode(errors='replace')[-2000:]}")
    if ended.code == -signal.SIGXCPU:
        raise BadMedia("decoder_timeout", f"more than {limits.cpu_s} s of processor time")
    tail = ended.err.decode(errors="replace").strip().splitlines()[-1:] or [""]
    full = ended.code == zygote.NO_MEMORY or "bad_alloc" in tail[0]
    raise BadMedia("decoder_memory" if full else "decoder_crashed", f"exit {ended.code}: {tail[0][:200]}")


def run_measured(module: str, argv: list[str], limits: Limits, max_output_bytes: int = MAX_OUTPUT_BYTES) -> ChildExit:
    """How `main(argv)` of a module ended, run in the sandbox. BadMedia: decoder_timeout, decoder_crashed."""
    request = {"module": module, "argv": argv, "memory_bytes": limits.memory_bytes, "cpu_s": limits.cpu_s}
    pipes = [os.pipe() for _ in range(3)]
    readers = [read for read, _ in pipes]
    try:
        try:
            _zygote_of(os.getpid()).start_child(request, [write for _, write in pipes])
        finally:
            for _, write in pipes:
                os.close(write)
        out, err, report = _read_all(readers, limits.wall_s, max_output_bytes)
    finally:
        for read in readers:
            os.close(read)
    _, _, end = report.partition(b"\n")
    if not end:
        raise TransientError("a decoder's parent process was killed; run the same command again")
    return ChildExit(**json.loads(end), out=out, err=err)


def _read_all(files: list[int], wall_s: float, max_output_bytes: int) -> tuple[bytes, bytes, bytes]:
    """Everything that comes out of the child: output, errors, and the zygote's report. BadMedia where it must end."""
    deadline_s = time.monotonic() + wall_s
    received = {fd: bytearray() for fd in files}
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
                    received[key.fd] += block
                    if not block:
                        selector.unregister(key.fd)
                if sum(map(len, received.values())) > max_output_bytes:
                    raise BadMedia("decoder_crashed", f"it wrote over {max_output_bytes} bytes of output")
        except BaseException:
            _kill(bytes(received[files[2]]))
            raise
    out, err, report = (bytes(received[fd]) for fd in files)
    return out, err, report


def _kill(report: bytes) -> None:
    """Kills the child that is reported and whatever it started, unless its end was reported too."""
    pid, _, end = report.partition(b"\n")
    if pid and not end:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(pid), signal.SIGKILL)


class _Zygote:
    """This worker's infra.sandbox.zygote, started when first asked and again where it was killed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        atexit.register(self._end, os.getpid())

    def start_child(self, request: dict[str, Any], files: list[int]) -> None:
        """Has a child started on the request, with its output, its errors and the file for the report."""
        with os.fdopen(os.memfd_create("request"), "wb") as message:
            message.write(json.dumps(request).encode())
            message.flush()
            message.seek(0)
            with self._lock:
                try:
                    socket.send_fds(self._connection(), [b"+"], [message.fileno(), *files])
                except (BrokenPipeError, ConnectionResetError):
                    self._end(os.getpid())
                    socket.send_fds(self._connection(), [b"+"], [message.fileno(), *files])

    def _connection(self) -> socket.socket:
        if self._socket is None:
            self._socket, theirs = socket.socketpair()
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", zygote.__name__],
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
def _zygote_of(pid: int) -> _Zygote:
    """One a process: a forked worker must not talk over its parent's."""
    del pid
    return _Zygote()


def _environment() -> dict[str, str]:
    """No secrets reach a decoder; one thread for the libraries that would start one a core, none for Arrow's heap."""
    inherited = ("PATH", "PYTHONPATH", "LANG", "LD_LIBRARY_PATH", "TMPDIR", "HOME", "VIRTUAL_ENV")
    limited = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    limited |= {"JE_ARROW_MALLOC_CONF": "background_thread:false"}
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    path = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH", "")) if p)
    return {k: os.environ[k] for k in inherited if k in os.environ} | limited | {"PYTHONPATH": path}
