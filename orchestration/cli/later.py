"""Commands that are not built yet: they say so."""

from __future__ import annotations

from collections.abc import Callable

import typer

from schemas.errors import UsageError

LATER = {
    "export": "write a release as LeRobot, WebDataset or MDS",
    "takedown": "leave an asset, source or wearer out of later releases, and list those that it is in",
    "gc": "remove what no pin, tag or lease needs",
}


def command_of(name: str) -> Callable[[typer.Context], None]:
    """The command of a name, which takes any words."""

    def command(context: typer.Context) -> None:
        del context
        raise UsageError(f"`{name}` ({LATER[name]}) is not built yet; `handwheel --help` lists what is")

    return command
