"""The documents tell the truth: the README's commands run, CONTRIBUTING's code runs."""

from __future__ import annotations

import inspect
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from infra.storage.tables import Store
from orchestration.cli import main
from pipelines.corpus import releases
from tests.support.pages import FENCE, REPOSITORY, blocks_of, read_page
from tests.support.robot_logs import write_plain


class Shell:
    """Runs the README's lines: `handwheel` in this process, `cd` and other programs as they are."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.said: list[tuple[str, str]] = []
        monkeypatch.chdir(folder)
        monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
        monkeypatch.setenv("PYTHONPATH", str(REPOSITORY / "packages/handwheel"))

    def run(self, text: str) -> None:
        """Every line must end with 0."""
        for line in text.splitlines():
            words = shlex.split(line.replace("NAME", self.newest()), comments=True)
            if words[:1] == ["cd"]:
                self.monkeypatch.chdir(words[1])
            elif words[:1] == ["handwheel"]:
                done = CliRunner().invoke(main.app, words[1:])
                assert done.exit_code == 0, (line, done.output, done.exception)
                self.said.append((line.partition("#")[0].strip(), done.output))
            elif words:
                ran = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
                assert ran.returncode == 0, (line, ran.stderr)
                self.said.append((line.partition("#")[0].strip(), ran.stdout))

    def newest(self) -> str:
        """The newest release here, for the README's NAME."""
        corpus = Path("corpus")
        names = releases.names(Store(str(corpus.resolve()))) if corpus.exists() else []
        return names[-1] if names else "NAME"


def write_inputs(folder: Path) -> None:
    """Logs with the header of the plain logs' page, and a recording that is none."""
    (folder / "media").mkdir()
    (folder / "media" / "cut_off.mp4").write_bytes(b"\x00" * 100)
    (log,) = blocks_of("docs/sources/plain_log.md", "log: plain_log")
    header, *steps = [json.loads(line) for line in log.text.splitlines()]
    rng = np.random.default_rng(0)
    states, actions = (rng.normal(size=(20, len(steps[0][name]))) for name in ("state", "action"))
    for episode, success, frames in (("put_cube_000", True, 20), ("put_cube_001", False, 16)):
        told = header | {"episode": episode, "success": success}
        write_plain(folder / "logs", episode, states[:frames], actions[:frames], told)


# What the commands say and do is judged here; warnings of libraries are judged by the tests of the rooms.
@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_readmes_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first corpus as README.md tells it: init, edit, turn, and every question after it."""
    shell = Shell(tmp_path, monkeypatch)
    first, rest = blocks_of("README.md", "run: corpus")
    shell.run(first.text)
    assert tomllib.loads(Path("handwheel.toml").read_text())["source"], "init wrote no source"
    for name in ("handwheel.toml", "train.py"):
        (block,) = blocks_of("README.md", f"file: {name}")
        Path(name).write_text(block.text)
    write_inputs(Path.cwd())
    shell.run(rest.text)
    said = dict(shell.said)
    turns = [text for line, text in shell.said if line == "handwheel turn"]
    assert "release 2" in turns[0]
    assert "nothing new: no release, no trigger" in turns[1]
    assert "no_calibration" in said["handwheel ledger"]
    assert "cut_off.mp4" in said["handwheel ledger --by asset"]
    assert "Put the cube in the bin." in said["handwheel why put_cube_000"]
    name = said["handwheel release list"].strip()
    assert "wm_robot" in said["handwheel release show NAME"]
    assert f"{name} is whole" in said["handwheel release verify NAME"]
    assert said["handwheel release pin NAME"].strip() == Path(f"corpus/pins/{name}.pin").read_text().strip()
    trained = said["python train.py --pin corpus/pins/NAME.pin"]
    logs = [p.read_text() for p in Path("corpus/logs/triggers").iterdir()]
    assert name in trained
    assert "the cube in the bin." in trained
    assert logs == [trained] * 2, "one run a lane: the world model's and the IDM's"


def recipes() -> list[tuple[str, str]]:
    """Every test that CONTRIBUTING.md's recipes define: recipe and name."""
    marks = dict.fromkeys(m["mark"] for m in FENCE.finditer(read_page("CONTRIBUTING.md")) if m["mark"])
    found = []
    for mark in marks:
        text = "".join(b.text for b in blocks_of("CONTRIBUTING.md", mark))
        found += [(mark, name) for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)]
    return found


def test_contributing_has_six_recipes_with_tests() -> None:
    assert {mark for mark, _ in recipes()} == {
        "run: source",
        "run: signal",
        "run: captioner",
        "run: detector",
        "run: sink",
        "run: table",
    }


@pytest.mark.parametrize(("mark", "name"), recipes())
def test_contributings_code_runs(mark: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe's blocks make one module; its own test is called."""
    source = "\n".join(b.text for b in blocks_of("CONTRIBUTING.md", mark))
    space: dict[str, Any] = {"__name__": "recipe"}
    exec(compile(source, f"CONTRIBUTING.md, {mark}", "exec", dont_inherit=True), space)
    test: Callable[..., None] = space[name]
    given = {"tmp_path": tmp_path, "monkeypatch": monkeypatch}
    test(**{k: given[k] for k in inspect.signature(test).parameters})


def test_a_recorded_demo_is_short_and_names_no_machine() -> None:
    recorded = runpy.run_path(str(REPOSITORY / "docs" / "record_demo.py"))["recorded"]
    readme = "a\n<!-- demo-output:begin -->\nold\n<!-- demo-output:end -->\nb\n"
    long = " trigger  " + "delivered; " * 20
    shown = "in ~/.cache\n  ingest  2 assets\n  pin  demo/x.pin\n trigger  " + "delivered; " * 7 + "...\n"
    output = (
        f"INFO:root:noise\nin {Path.home()}/.cache\n\n  ingest  2 assets\n  pin  {REPOSITORY}/demo/x.pin\n{long}\n"
        "  trigger   first fired for a lane\n\nTry next:\n\n  handwheel ledger\n"
    )
    page = recorded(readme, output)
    assert page == f"a\n<!-- demo-output:begin -->\n```\n{shown}```\n<!-- demo-output:end -->\nb\n"
    assert recorded(page, output) == page


def test_the_readmes_demo_is_what_the_recorder_leaves() -> None:
    """Recording the page's own lines changes nothing: they were not edited by hand into something else."""
    recorded = runpy.run_path(str(REPOSITORY / "docs" / "record_demo.py"))["recorded"]
    text = read_page("README.md")
    _, _, rest = text.partition("<!-- demo-output:begin -->\n```\n")
    assert recorded(text, rest.partition("```\n<!-- demo-output:end -->")[0]) == text
