"""What a test run makes once, whichever of its processes wants it first: an input, a world, a corpus after its turn."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

FOLDER = "HANDWHEEL_TESTS_SHARED"


def once(name: str, make: Callable[[Path], None]) -> Path:
    """The folder of that name after `make(folder)`, which the first process runs; the others wait. Read only."""
    folder = _folder()
    place, made = folder / name, folder / f"{name}.made"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            make(place)
            made.touch()
    return place


def start() -> None:
    """Gives this run, and the processes that it starts, a folder that goes with this process."""
    folder = tempfile.mkdtemp(prefix="handwheel-tests-")
    os.environ[FOLDER] = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


def _folder() -> Path:
    if FOLDER not in os.environ:
        start()
    return Path(os.environ[FOLDER])
