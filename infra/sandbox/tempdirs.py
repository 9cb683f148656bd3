"""Temporary folders on this machine. They lie below one folder a process, which goes with the process; that of a killed
one is removed by the next process that wants one.

A process holds a file lock while it lives, and the kernel drops it when it dies: a live process's folder is never
taken for a dead one's, whatever its pid, and pid namespaces that share the folder do no harm.
"""

from __future__ import annotations

import atexit
import fcntl
import functools
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import UsageError


@contextmanager
def folder(name: str) -> Iterator[Path]:
    """A new folder, removed with what it holds at the end. TMPDIR says where."""
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=_folder_of(os.getpid())) as path:
        yield Path(path)


def process_folder() -> Path:
    """This process's folder: for what should live as long as it does."""
    return _folder_of(os.getpid())


@functools.cache
def _folder_of(pid: int) -> Path:
    """This process's folder, made once."""
    with _gate() as base:
        folder = base / f"{pid}-{uuid.uuid4().hex[:8]}"
        lock = folder.with_suffix(".lock")
        descriptor = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)  # open for the life of the process
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        folder.mkdir()
    atexit.register(_leave, pid, folder, lock)
    return folder


def sweep() -> None:
    """Removes the folders of dead processes."""
    with _gate():
        pass


@contextmanager
def _gate() -> Iterator[Path]:
    """The folder of them all, swept, while nobody else makes or sweeps one there."""
    base = _base()
    with (base / "lock").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        for lock in base.glob("*.lock"):
            _sweep_one(lock)
        yield base


def _base() -> Path:
    base = Path(tempfile.gettempdir()) / f"handwheel-{os.getuid()}"
    base.mkdir(mode=0o700, exist_ok=True)
    if base.is_symlink() or base.stat().st_uid != os.getuid():
        raise UsageError(f"{base} belongs to another user; set TMPDIR to a folder of yours")
    return base


def _sweep_one(lock: Path) -> None:
    """Removes a process's folder unless the process lives."""
    try:
        with lock.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(lock.with_suffix(""), lock)
    except (BlockingIOError, FileNotFoundError):  # it lives, or leaves by itself just now
        return


def _remove(folder: Path, lock: Path) -> None:
    """The folder first: a lock without a folder is swept, a folder without a lock would stay."""
    shutil.rmtree(folder, ignore_errors=True)
    lock.unlink(missing_ok=True)


def _leave(pid: int, folder: Path, lock: Path) -> None:
    """At the end of a process; a forked child of it leaves its parent's folder alone."""
    if os.getpid() == pid:
        _remove(folder, lock)
