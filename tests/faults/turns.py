"""Commands as a user runs them, and one whole turn that several tests start from."""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.cli import main as cli
from tests.faults import corpus
from tests.faults.corpus import Corpus

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Turned:
    """An input, its config, the root after one undisturbed turn, and what that turn printed."""

    corpus: Corpus
    config: Path
    root: Path
    told: dict[str, Any]


@functools.cache
def turned() -> Turned:
    """The turn, run once a test process. Read only: copy the root before changing it."""
    folder = Path(tempfile.mkdtemp(prefix="handwheel-turned-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = corpus.make(folder / "input", hands=True)
    config = made.config(folder / "handwheel.toml", more='[trigger]\ncommand = "true"\n')
    return Turned(made, config, folder / "corpus", told(["turn", "--config", str(config)]))


def start(words: Sequence[str]) -> subprocess.Popen[str]:
    """`handwheel WORDS --json`, its stdout and stderr in pipes."""
    path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "packages/handwheel")])
    command = [sys.executable, "-m", cli.__name__, *words, "--json"]
    return subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": path}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def told(words: Sequence[str]) -> dict[str, Any]:
    """What the command printed; it must exit 0."""
    process = start(words)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err[-3000:]
    return dict(json.loads(out))
