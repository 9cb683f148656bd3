"""The command as a process: Ctrl-C and wrong names are one line and an exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestration.cli import main as cli

ROOT = Path(__file__).parents[3]
ENV = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'packages/handwheel'}"}
SLOW = """
import dataclasses, sys, time
from orchestration import turn
def slow(context):
    print("begun", file=sys.stderr, flush=True)
    time.sleep(60)
turn.HOPS = (dataclasses.replace(turn.HOPS[0], run=slow), *turn.HOPS[1:])
from orchestration.cli.main import main
main()
"""
HEARS = "import signal, os, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"


def command(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", cli.__name__, *words], cwd=folder, env=ENV, capture_output=True, text=True
    )


@pytest.mark.slow
def test_a_name_that_can_be_none_is_one_line(tmp_path: Path) -> None:
    done = command("release", "show", "../../x", "--json", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_ctrl_c_is_one_line_and_130(tmp_path: Path) -> None:
    (tmp_path / "handwheel.toml").write_text("")
    words = [sys.executable, "-c", SLOW, "ingest", "--json"]
    # A shell's background jobs ignore SIGINT, and their children with them.
    words = [sys.executable, "-c", HEARS, *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, cwd=tmp_path, env=ENV, text=True, **pipes) as run:  # type: ignore[call-overload]
        assert run.stderr.readline() == "begun\n"
        time.sleep(0.2)
        run.send_signal(signal.SIGINT)
        out, told = run.communicate(timeout=30)
    assert (run.returncode, out) == (130, "")
    assert told.startswith("handwheel: interrupted;")
    assert told.count("\n") == 1
