"""`handwheel serve`: hops, schedule, sensors and gate in a web page."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.cli.options import ConfigFile, Root, Sets, load


def command(
    config: ConfigFile = None, sets: Sets = None, root: Root = None,
    host: Annotated[str, typer.Option(help="address to listen on; the page has no login")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="port to listen on")] = 3000,
) -> None:  # fmt: skip
    """Start Dagster's web page and its daemon: hops, schedule, sensors, gate. It runs until Ctrl-C."""
    from orchestration.dagster_app.serve import serve as start

    start(load(config, sets, root), host, port)
