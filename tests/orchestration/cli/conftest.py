"""The command, run in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from orchestration.cli import main

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def handwheel(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs the command in this process: exit code, stdout, stderr."""

    def run(*argv: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["handwheel", *argv])
        code = 0
        try:
            main.main()
        except SystemExit as e:
            code = int(e.code or 0)
        told = capfd.readouterr()
        return code, told.out, told.err

    return run
