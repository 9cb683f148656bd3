"""The documents tell the truth: commands run, code runs, links lead somewhere, lists match the tree."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from simworld.tasks.plan import AXES
from typer.testing import CliRunner

from infra.storage.tables import Store
from orchestration.cli import main
from orchestration.config import Config
from pipelines.corpus import releases
from schemas.errors import HandwheelError
from tests.support.robot_logs import write_plain

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", *sorted(
    str(p.relative_to(REPOSITORY)) for p in (REPOSITORY / "docs").glob("*.md")
))  # fmt: skip
FENCE = re.compile(r"(?:<!-- (?P<mark>[^>]+) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)```", re.DOTALL)
# The canonical text at apache.org/licenses/LICENSE-2.0.txt.
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
# Paths of one machine, and notes to oneself.
FORBIDDEN = (
    r"(?<![\w.>~])/(?:work|root|home|tmp|Users)\b", r"\b(?:TODO|FIXME|XXX)\b",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its text, and the mark in the comment before it."""

    mark: str
    language: str
    text: str


def page(name: str) -> str:
    return (REPOSITORY / name).read_text()


def blocks(name: str, mark: str) -> list[Block]:
    """A page's fenced blocks with a mark, in order; there must be one."""
    every = [Block(m["mark"] or "", m["language"], m["text"]) for m in FENCE.finditer(page(name))]
    found = [b for b in every if b.mark == mark]
    assert found, f"{name} has no block marked {mark!r}"
    return found


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_files(name: str) -> None:
    prose = FENCE.sub("", page(name))
    links = re.findall(r"\]\(([^)\s]+)\)", prose)
    local = [link.partition("#")[0] for link in links if "://" not in link and not link.startswith("#")]
    assert [link for link in local if not ((REPOSITORY / name).parent / link).exists()] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_make_target_that_is_named_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", page("Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`|&& )make ([a-z-]+)", page(name), re.MULTILINE))
    assert named - targets == set()


@pytest.mark.parametrize("name", [*PAGES, "LICENSE"])
def test_no_page_names_a_machine_or_a_registry(name: str) -> None:
    assert [m.group() for pattern in FORBIDDEN for m in re.finditer(pattern, page(name))] == []


def test_the_licence_is_apache_2_unchanged() -> None:
    assert hashlib.sha256((REPOSITORY / "LICENSE").read_bytes()).hexdigest() == APACHE_2
    for file in ("pyproject.toml", "packages/handwheel/pyproject.toml"):
        assert tomllib.loads(page(file))["project"]["license"] == "Apache-2.0"


def listed_files() -> set[str]:
    """Files of ARCHITECTURE.md's list, by their path in the repository."""
    _, _, text = page("ARCHITECTURE.md").partition("## Folders and files")
    text = text.partition("\n## ")[0]
    folder, found = "", set()
    for line in text.splitlines():
        if heading := re.fullmatch(r"### (\S+)/", line):
            folder = heading[1]
        elif entry := re.match(r"- `([^`]+)`: .", line):
            found.add(f"{folder}/{entry[1]}")
    return found


def tree() -> Iterator[str]:
    """Files of the folders that the list covers, those that say nothing left out."""
    layers = ("schemas", "filters", "captioning", "infra", "pipelines", "orchestration")
    for folder in (*layers, "packages", "docs"):
        for path in sorted((REPOSITORY / folder).rglob("*")):
            parts = path.relative_to(REPOSITORY).parts
            made = ("__pycache__", "build", "dist")
            hidden = any(p.startswith(".") or p in made or p.endswith(".egg-info") for p in parts)
            if path.is_file() and not hidden and path.name not in ("__init__.py", "py.typed", "pyproject.toml"):
                yield "/".join(parts)


def test_architecture_lists_every_file_and_no_other() -> None:
    listed, there = listed_files(), set(tree())
    assert there - listed == set(), "give each a line in ARCHITECTURE.md, Folders and files"
    assert listed - there == set(), "ARCHITECTURE.md lists what is not there"


def test_the_readmes_tree_is_the_repositorys() -> None:
    _, _, text = page("README.md").partition("## The tree")
    named = set(re.findall(r"^([a-z]+)/ ", text, re.MULTILINE))
    there = {p.parent.name for p in REPOSITORY.glob("*/__init__.py")} | {"packages", "docs"}
    assert named == there - {"demo", "build"}


def test_the_readmes_defaults_are_the_configs() -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \| (`[^`]+`|none) \|", page("README.md"), re.MULTILINE)
    assert len(rows) > 10
    for key, told in rows:
        value: Any = Config()
        for name in key.split("."):
            value = getattr(value, name)
        value = list(value) if isinstance(value, tuple) and told != "none" else value
        expected = None if told == "none" else tomllib.loads(f"v = {told.strip('`')}")["v"]
        assert (value or None if told == "none" else value) == expected, key
        assert not is_dataclass(value), f"{key} is a section"


def test_the_worlds_page_has_its_axes() -> None:
    rows = re.findall(r"^\| ([a-z]+) \| ([a-z_, ]+) \|$", page("docs/world.md"), re.MULTILINE)
    assert {axis: tuple(values.split(", ")) for axis, values in rows if axis != "axis"} == AXES


def test_commands_that_are_not_built_yet_say_so() -> None:
    _, _, text = page("README.md").partition("## Not built yet")
    text = text.partition("\n## ")[0]
    assert all(re.search(rf"\b{name}\b", text) for name in main.LATER)
    refused = CliRunner().invoke(main.app, ["takedown", "--asset", "ab"])
    assert isinstance(refused.exception, HandwheelError)
    assert refused.exception.exit_code == 2


def test_every_command_that_is_named_exists() -> None:
    import typer

    group: Any = typer.main.get_command(main.app)
    known = set(group.commands) | {f"release {name}" for name in group.commands["release"].commands}
    for name in PAGES:
        for words in re.findall(r"(?:^|`)handwheel ((?:release )?[a-z]+)\b", page(name), re.MULTILINE):
            assert words in known, f"{name} names `handwheel {words}`"


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
    """Logs with the README's header, and a recording that is none."""
    (folder / "media").mkdir()
    (folder / "media" / "cut_off.mp4").write_bytes(b"\x00" * 100)
    (log,) = blocks("README.md", "log")
    header, *steps = [json.loads(line) for line in log.text.splitlines()]
    rng = np.random.default_rng(0)
    states, actions = (rng.normal(size=(20, len(steps[0][name]))) for name in ("state", "action"))
    for episode, success, frames in (("put_cube_000", True, 20), ("put_cube_001", False, 16)):
        told = header | {"episode": episode, "success": success}
        write_plain(folder / "logs", episode, states[:frames], actions[:frames], told)


# What the commands say and do is judged here; warnings of libraries are judged by the tests of the rooms.
@pytest.mark.filterwarnings("default")
def test_the_readmes_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first corpus as README.md tells it: init, edit, turn, and every question after it."""
    shell = Shell(tmp_path, monkeypatch)
    first, rest = blocks("README.md", "run: corpus")
    shell.run(first.text)
    assert tomllib.loads(Path("handwheel.toml").read_text())["source"], "init wrote no source"
    for name in ("handwheel.toml", "train.py"):
        (block,) = blocks("README.md", f"file: {name}")
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
    marks = dict.fromkeys(m["mark"] for m in FENCE.finditer(page("CONTRIBUTING.md")) if m["mark"])
    found = []
    for mark in marks:
        text = "".join(b.text for b in blocks("CONTRIBUTING.md", mark))
        found += [(mark, name) for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)]
    return found


def test_contributing_has_three_recipes_with_tests() -> None:
    assert {mark for mark, _ in recipes()} == {"run: source", "run: signal", "run: captioner"}


@pytest.mark.parametrize(("mark", "name"), recipes())
def test_contributings_code_runs(mark: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe's blocks make one module; its own test is called."""
    source = "\n".join(b.text for b in blocks("CONTRIBUTING.md", mark))
    space: dict[str, Any] = {"__name__": "recipe"}
    exec(compile(source, f"CONTRIBUTING.md, {mark}", "exec", dont_inherit=True), space)
    test: Callable[..., None] = space[name]
    given = {"tmp_path": tmp_path, "monkeypatch": monkeypatch}
    test(**{k: given[k] for k in inspect.signature(test).parameters})


def test_a_recorded_demo_names_no_machine() -> None:
    recorded = runpy.run_path(str(REPOSITORY / "docs" / "record_demo.py"))["recorded"]
    readme = "a\n<!-- demo-output:begin -->\nold\n<!-- demo-output:end -->\nb\n"
    output = f"INFO:root:noise\nin {Path.home()}/.cache\n  ingest  2 assets\n  pin  {REPOSITORY}/demo/x.pin\n"
    said = recorded(readme, output)
    assert said == (
        "a\n<!-- demo-output:begin -->\n```\nin ~/.cache\n  ingest  2 assets\n  pin  demo/x.pin\n```\n"
        "<!-- demo-output:end -->\nb\n"
    )
    assert recorded(said, output) == said
