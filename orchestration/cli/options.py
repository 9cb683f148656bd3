"""What every command shares: options, one object on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from infra.storage import objects
from infra.storage.tables import Store
from orchestration import config as configs
from orchestration import turn as turns
from orchestration.config import Config
from schemas.errors import UsageError

console = Console(stderr=True, highlight=False)

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="the config file; default: ./handwheel.toml, if there is one")
]
Sets = Annotated[
    list[str] | None, typer.Option("--set", help="one key for this run, e.g. publish.seed=8; may be repeated")
]
Root = Annotated[
    str | None, typer.Option("--root", help="the corpus: a folder or s3://bucket/prefix, instead of the file's root")
]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object on stdout, everything else on stderr")]


def say(text: str, head: str = "", style: str = "bold") -> None:
    """A line on stderr, as it is: no markup in names, no breaks in paths."""
    console.print(Text.assemble((head, style), printable(text)), soft_wrap=True)


def printable(text: str) -> str:
    """The text with what would steer a terminal, in a file's name say, as `\\x1b` and the like."""
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


def load(file: Path | None, sets: list[str] | None, root: str | None) -> Config:
    """The config: the given file, ./handwheel.toml where there is one, or the defaults."""
    here = Path("handwheel.toml")
    return configs.load(file or (here if here.exists() else None), sets or [], root)


def load_to_run(file: Path | None, sets: list[str] | None, root: str | None) -> Config:
    """The config of a run of hops. UsageError: there is neither a file, nor input, nor a corpus to work on."""
    config = load(file, sets, root)
    is_told = file is not None or Path("handwheel.toml").exists() or config.source or config.robot
    if not is_told and not objects.is_s3(config.root) and not Path(config.root).exists():
        raise UsageError(
            "no handwheel.toml here, and no corpus; `handwheel init` writes one, --config FILE names one elsewhere"
        )
    return config


@contextmanager
def output(as_json: bool) -> Iterator[Callable[[object], None]]:
    """Prints what it is given: with --json alone on stdout, whatever libraries print beside it."""
    sys.stdout.flush()
    stdout = os.dup(1)
    os.dup2(2, 1)
    values: list[object] = []
    try:
        yield values.append
    finally:
        sys.stdout.flush()
        os.dup2(stdout, 1)
        os.close(stdout)
    for value in values:
        if as_json:
            sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
        elif isinstance(value, str):
            sys.stdout.write(printable(value) + "\n")


@contextmanager
def progress_bars() -> Iterator[Callable[[str, float, float], None]]:
    """A bar a hop with the time left, on stderr, where that is a terminal."""
    columns = (TextColumn("{task.description:>8}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def show(hop: str, done: float, total: float) -> None:
            if hop not in tasks:
                tasks[hop] = bars.add_task(hop, total=total)
            bars.update(tasks[hop], completed=done, total=total)

        yield show


def store_of(config: Path | None, sets: list[str] | None, root: str | None) -> Store:
    """The corpus that the options name."""
    return turns.context_of(load(config, sets, root)).run.store
