"""Small corpora that earlier commits made (tests/fixtures/corpora), unpacked where a test can change them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from handwheel.format import Pin

from orchestration.cli import main as cli
from tests.fixtures.corpora.make import HERE, SETTINGS

REPOSITORY = Path(__file__).parents[2]
SCHEMA_OF = {"84c527d": 1, "bcc87f2": 2}  # every released schema has a corpus


def unpack(commit: str, folder: Path) -> Path:
    """Its input and corpus in a folder; returns the corpus's root."""
    folder.mkdir(exist_ok=True)
    with tarfile.open(HERE / f"{commit}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    root = folder / "corpus"
    for pin in (root / "pins").glob("*.pin"):
        pin.write_text(replace(Pin.loads(pin.read_text()), root=str(root)).dumps())
    return root


def handwheel(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`handwheel WORDS` over an unpacked corpus, with the input that it was made from."""
    path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "packages/handwheel")])
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    return subprocess.run(
        [sys.executable, "-m", cli.__name__, *words, "--root", str(root), *settings],
        cwd=root.parent, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def told(root: Path, *words: str) -> dict[str, Any]:
    """What a command prints with --json; it must exit 0."""
    done = handwheel(root, *words, "--json")
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout))
