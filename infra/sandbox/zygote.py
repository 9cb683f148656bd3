"""The process that forks the sandboxed children: it has their libraries loaded and touches none of the hostile bytes.

Starting an interpreter with PyAV, OpenCV and Arrow costs about a second of a processor, a fork some milliseconds. The
worker must not fork itself: it has threads, and 4 of 20 pipelines aborted. This process has one thread, and it ends
when its worker does: its standard input is a socket of the worker's.

A request is one byte with four files: the request as JSON, the child's output, its errors, and where to report
its process id and, at the end, how it ended. `infra.sandbox.sandbox` is the other end.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import selectors
import signal
import socket
import sys
import traceback
from typing import Any

# The child's exit codes for how its `main` ended.
REFUSED, NO_MEMORY, BUG = 3, 4, 5
PR_SET_PDEATHSIG = 1


def serve(requests: socket.socket) -> None:
    """Forks a child a request and reports each one's end, until the worker is gone."""
    waiting: dict[int, tuple[int, int]] = {}  # pidfd: process id, where to report its end
    with selectors.DefaultSelector() as selector:
        selector.register(requests, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not requests:
                    selector.unregister(key.fd)
                    _report_end(key.fd, *waiting.pop(key.fd))
                    continue
                message, files, _, _ = socket.recv_fds(requests, 1, 4)
                if not message:
                    return
                pidfd, pid = _start(files)
                waiting[pidfd] = (pid, files[3])
                selector.register(pidfd, selectors.EVENT_READ)


def _start(files: list[int]) -> tuple[int, int]:
    """pidfd and process id of a new child; its end of the files is closed here."""
    with os.fdopen(files[0], "rb") as f:
        request = json.load(f)
    with contextlib.suppress(Exception):  # the child says what was wrong
        module = importlib.import_module(request["module"])
        getattr(module, "preload", int)()  # once here, not once a child
    gc.freeze()  # a collection in the child would copy every page it shares
    pid = os.fork()
    if pid == 0:
        _child(request, files)
    os.close(files[1])
    os.close(files[2])
    try:
        os.write(files[3], f"{pid}\n".encode())
    except BrokenPipeError:  # nobody waits for it any more
        os.kill(pid, signal.SIGKILL)
    return os.pidfd_open(pid), pid


def _report_end(pidfd: int, pid: int, report: int) -> None:
    """Says how a child ended. Whatever it started goes first, while nobody else can have its process id."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    _, status, used = os.wait4(pid, 0)
    end = {"code": os.waitstatus_to_exitcode(status), "cpu_s": used.ru_utime + used.ru_stime, "peak_kb": used.ru_maxrss}
    with contextlib.suppress(BrokenPipeError):
        os.write(report, json.dumps(end).encode())
    os.close(report)
    os.close(pidfd)


def _child(request: dict[str, Any], files: list[int]) -> None:
    """Limits itself first, then runs the module's main; never returns."""
    _limit_self(request["memory_bytes"], request["cpu_s"])
    code = os.EX_SOFTWARE  # where its main leaves by itself
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDONLY)
        for fd, to in ((null, 0), (files[1], 1), (files[2], 2)):
            os.dup2(fd, to)
        os.closerange(3, 1 << 16)
        code = _main(request["module"], request["argv"])
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _limit_self(memory_bytes: int, cpu_s: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 5))  # equal ones give SIGKILL, which says nothing
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # it does not outlive this process


def _main(module: str, argv: list[str]) -> int:
    from schemas.errors import BadMedia

    try:
        importlib.import_module(module).main(argv)
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
    serve(socket.socket(fileno=os.dup(0)))
