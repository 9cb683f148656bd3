"""Commands as a user runs them, and one whole turn that several tests start from."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.cli import main as cli
from tests.faults import corpus
from tests.faults.corpus import Corpus
from tests.support import shared

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
    """The turn, run once a test run. Read only: copy the root before changing it."""
    folder = shared.once("turned", _turn)
    printed = json.loads((folder / "printed.json").read_text())
    return Turned(Corpus(folder / "input"), folder / "handwheel.toml", folder / "corpus", printed)


def _turn(folder: Path) -> None:
    config = corpus.make(folder / "input", hands=True).config(
        folder / "handwheel.toml", more='[trigger]\ncommand = "true"\n'
    )
    (folder / "printed.json").write_text(json.dumps(told(["turn", "--config", str(config)])))


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
