"""`handwheel init`: a first handwheel.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.options import say
from orchestration.config import commented
from schemas.errors import UsageError


def command(
    folder: Annotated[Path, typer.Argument(help="where handwheel.toml goes; made if it is not there")] = Path(),
) -> None:
    """Write a commented handwheel.toml, to be edited."""
    path = folder / "handwheel.toml"
    if path.exists():
        raise UsageError(f"{path} exists already; edit it, or remove it first")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(commented())
    say(f"{path} is written; set [[source]] uri, then `handwheel turn --config {path}`")
