"""Commands that are not built yet: they say so."""

from __future__ import annotations

from collections.abc import Callable

import typer

from schemas.errors import UsageError

LATER = {
    "export": "writes a release as LeRobot, WebDataset or MDS",
    "takedown": "removes an asset, source or wearer from the future and lists every release it touched",
    "gc": "removes what no pin, tag or lease needs",
}


def command_of(name: str) -> Callable[[typer.Context], None]:
    """The command of a name, which takes any words."""

    def command(context: typer.Context) -> None:
        del context
        raise UsageError(f"`{name}` ({LATER[name]}) is not built yet; `handwheel --help` lists what is")

    return command
