"""What the sandbox's tests run as a child: each word is one way to end. Also decodes many files in one child."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from pipelines.media.decode_child import decode
from pipelines.media.options import PassOptions
from schemas.errors import BadMedia


def main(argv: list[str]) -> None:
    """argv: what to do, and its argument."""
    ACTS[argv[0]](*argv[1:])


def _hog() -> None:
    held = []
    while True:
        held.append(np.empty(64 << 20, np.uint8))


def _spin() -> None:
    while True:
        pass


def _sleep(mark: str) -> None:
    Path(mark).write_text(str(os.getpid()))
    time.sleep(600)


def _crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _refuse() -> None:
    raise BadMedia("odd_reason", "one line")


def _bug(text: str) -> None:
    raise LookupError(text)


def _show_environment() -> None:
    print(json.dumps(dict(os.environ)))


def _quit() -> None:
    sys.exit(7)


def _decode_all(listing: str) -> None:
    """listing: a JSON file of paths. Prints {path: {"facts", "clips"} or {"reason"}}."""
    print(json.dumps({path: _decode(Path(path)) for path in json.loads(Path(listing).read_text())}))


def _decode(path: Path) -> object:
    with tempfile.TemporaryDirectory() as folder:
        try:
            return decode(path, Path(folder), "a" * 64, PassOptions())
        except BadMedia as e:
            return {"reason": e.reason, "detail": e.detail}


def _parent() -> None:
    print(os.getppid())


def _echo(text: str) -> None:
    print(text)


def _talk() -> None:
    while True:
        print("x" * 1000)


def _leave(mark: str) -> None:
    """Starts a process and crashes."""
    Path(mark).write_text(str(subprocess.Popen(["sleep", "600"]).pid))
    _crash()


ACTS = {
    "parent": _parent,
    "echo": _echo,
    "talk": _talk,
    "leave": _leave,
    "hog": _hog,
    "spin": _spin,
    "sleep": _sleep,
    "crash": _crash,
    "refuse": _refuse,
    "bug": _bug,
    "environment": _show_environment,
    "quit": _quit,
    "decode_all": _decode_all,
}
