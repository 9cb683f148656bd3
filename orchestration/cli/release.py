"""`handwheel release ...`: what was published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestration import turn as turns
from orchestration.cli.options import ConfigFile, Json, Root, Sets, load, output, store_of

releases = typer.Typer(no_args_is_help=True, help="List, show, compare, verify and report releases.")

Name = Annotated[str, typer.Argument(help="name of a release, as `handwheel release list` prints it")]


@releases.command("list")
def release_list(config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False) -> None:
    """List the names of the releases, oldest first."""
    from pipelines.corpus import releases as files

    with output(as_json) as tell:
        names = files.names(store_of(config, sets, root))
        tell({"releases": names} if as_json else "\n".join(names) or "no release yet; `handwheel turn` makes one")


@releases.command("show")
def release_show(
    name: Name, config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False
) -> None:
    """Show a release's name, id, parents and views."""
    from pipelines.corpus import releases as files

    with output(as_json) as tell:
        release = files.load(store_of(config, sets, root), name)
        tell(files.as_json(release) if as_json else files.as_text(release))


@releases.command("diff")
def release_diff(
    a: Name, b: Name, config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False
) -> None:
    """Show which clips were added, removed or changed from release A to B, by view."""
    from pipelines.corpus import releases as files

    with output(as_json) as tell:
        changes = files.diff(store_of(config, sets, root), a, b)
        tell(changes.plain() if as_json else changes.text())


@releases.command("verify")
def release_verify(
    name: Name, config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False
) -> None:
    """Read every byte of a release again and compare it with its id (exit 4 when it differs)."""
    from pipelines.corpus import releases as files

    with output(as_json) as tell:
        verified = files.verify(store_of(config, sets, root), name)
        tell(verified.plain() if as_json else f"{name} is whole: {verified.files} files under {verified.root}")


@releases.command("pin")
def release_pin(
    name: Name, config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False
) -> None:
    """Print the pin, to be put into the trainer's repository."""
    from pipelines.corpus import releases as files

    with output(as_json) as tell:
        store = store_of(config, sets, root)
        text = files.pin_of(store, files.load(store, name)).dumps()
        tell({"pin": files.pin_uri(store, name), "text": text} if as_json else text.rstrip())


@releases.command("report")
def release_report(
    name: Name, out: Annotated[Path, typer.Option("--out", help="the HTML file to write")] = Path("report.html"),
    config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Write one HTML page with pictures: kept and refused clips, captions, hours."""
    from orchestration.reports.report import report_of

    settings = load(config, sets, root)
    with output(as_json) as tell:
        store = turns.context_of(settings).run.store
        page = report_of(store, turns.recipe(settings), settings.policy.digest, name, out)
        tell({"report": str(page)} if as_json else f"{page} is written; open it in a browser")
