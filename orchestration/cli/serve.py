"""`handwheel serve`: hops, schedule, sensors and gate in a web page."""

from __future__ import annotations

from orchestration.cli.options import ConfigFile, Root, Sets, load


def command(
    config: ConfigFile = None, sets: Sets = None, root: Root = None,
    host: str = "127.0.0.1", port: int = 3000,
) -> None:  # fmt: skip
    """The Dagster web page and its daemon: hops, schedule, sensors, gate."""
    from orchestration.dagster_app.serve import serve as start

    start(load(config, sets, root), host, port)
