"""Who runs in the ingest benchmark: each a function of a file, told by the process that did the work."""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PEERS = Path(__file__).resolve().parent / "peers"


@dataclass(frozen=True, slots=True)
class Measured:
    """User and system seconds, wall seconds, largest resident size in MiB."""

    cpu_s: float
    wall_s: float
    peak_mb: float


class CannotRun(Exception):
    """A contestant that does not run here; the text says why."""


Contestant = Callable[[Path], Measured]


def module(name: str, *argv: str) -> Contestant:
    """A module of this folder in this environment, told `argv` and the file."""

    def run(file: Path) -> Measured:
        return _told([sys.executable, "-m", f"tests.benchmarks.{name}", *argv, str(file)], {})

    return run


def peer(name: str, python: Path, ffmpeg_folder: Path) -> Contestant:
    """A link of the peers' chain in its environment, with the packaged ffmpeg on its path."""

    def run(file: Path) -> Measured:
        with tempfile.TemporaryDirectory() as folder:
            return _told(
                [str(python), str(PEERS / "chain.py"), name, str(file), folder],
                {"PATH": f"{ffmpeg_folder}:{os.environ['PATH']}"},
            )

    return run


def _told(command: list[str], more: dict[str, str]) -> Measured:
    path = os.pathsep.join((str(ROOT), str(ROOT / "packages/handwheel")))
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": path} | more
    )
    lines = done.stdout.strip().splitlines() or [""]
    if done.returncode or not lines[-1].startswith("{"):
        raise CannotRun((done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1][:200])
    said = json.loads(lines[-1])
    return Measured(said["cpu_s"], said["wall_s"], said["peak_mb"])


def peers_python(cache: Path, environment: str = "chain") -> Path:
    """The Python of one of the peers' environments, made on the first call. CannotRun: the last line of what failed."""
    requirements = PEERS / f"{environment}.txt"
    folder = cache / "peers" / environment
    mark, python = folder / "requirements.txt", folder / "bin" / "python"
    if mark.exists() and mark.read_bytes() == requirements.read_bytes():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    torch = [line for line in requirements.read_text().splitlines() if line.startswith("torch==")]
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "-q", "install"]
    alone = [[*pip, *torch]] if torch else []
    for command in ([sys.executable, "-m", "venv", str(folder)], *alone, [*pip, "-r", str(requirements)]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise CannotRun((done.stderr.strip().splitlines() or ["it said nothing"])[-1][:200])
    shutil.copy(requirements, mark)
    return python


def rounds(
    entries: Sequence[tuple[str, Contestant, Path]], count: int, seed: int
) -> dict[str, list[Measured] | CannotRun]:
    """Every entry once a round, in an order drawn for each; one that cannot run leaves with its reason.

    Those on one file follow one another, so that they meet the same machine: it may change its speed within minutes.
    """
    rng = random.Random(seed)
    found: dict[str, list[Measured] | CannotRun] = {name: [] for name, _, _ in entries}
    for _ in range(count):
        drawn = rng.sample(list(entries), len(entries))
        files = list(dict.fromkeys(file for _, _, file in drawn))
        for name, contestant, file in sorted(drawn, key=lambda entry: files.index(entry[2])):
            so_far = found[name]
            if isinstance(so_far, CannotRun):
                continue
            try:
                so_far.append(contestant(file))
            except CannotRun as e:
                found[name] = e
    return found


def median(runs: Sequence[Measured]) -> Measured:
    """Medians of each number by itself."""
    columns = ([r.cpu_s for r in runs], [r.wall_s for r in runs], [r.peak_mb for r in runs])
    return Measured(*(statistics.median(c) for c in columns))


def ratios(a: Sequence[Measured], b: Sequence[Measured]) -> list[float]:
    """Processor seconds of a by those of b, round by round, the least first."""
    return sorted(x.cpu_s / y.cpu_s for x, y in zip(a, b, strict=True))
