"""Scratch goes with its process, and a killed one's with the next process; a live one's stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
USE = """
import sys, time
from infra.sandbox import tempdirs
with tempdirs.folder("work") as place:
    (place / "half").write_bytes(b"x")
    print(place, flush=True)
    time.sleep(float(sys.argv[1]))
"""


def use(tmp: Path, seconds: float) -> tuple[subprocess.Popen[str], Path]:
    """A process with a scratch folder that it holds for so long, and that folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", USE, str(seconds)], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"TMPDIR": str(tmp), "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    assert process.stdout is not None
    place = Path(process.stdout.readline().strip())
    assert place.is_relative_to(tmp)
    return process, place


def ended(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=60)


def test_a_process_takes_its_scratch_with_it(tmp_path: Path) -> None:
    process, place = use(tmp_path, 0)
    ended(process)
    assert process.returncode == 0
    assert not place.parent.exists()
    assert [p.name for p in place.parent.parent.iterdir()] == ["lock"]


@pytest.mark.slow
def test_a_killed_ones_goes_with_the_next_and_a_live_ones_stays(tmp_path: Path) -> None:
    victim, dead = use(tmp_path, 600)
    living, kept = use(tmp_path, 600)
    os.kill(victim.pid, signal.SIGKILL)
    ended(victim)
    assert (dead / "half").exists()
    third, _ = use(tmp_path, 0)
    ended(third)
    assert not dead.parent.exists()
    assert (kept / "half").exists()
    living.kill()
    ended(living)


@pytest.mark.slow
def test_many_at_once_do_not_meet(tmp_path: Path) -> None:
    held = [use(tmp_path, 1.0) for _ in range(3)]
    assert len({place for _, place in held}) == 3
    for process, _ in held:
        ended(process)
        assert process.returncode == 0
    time.sleep(0.1)
    assert [p.name for p in held[0][1].parent.parent.iterdir()] == ["lock"]
