"""`handwheel`: one object on stdout with --json, everything else on stderr."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from orchestration import config as configs
from orchestration import turn as turns
from orchestration.audit import audits
from orchestration.config import Config
from orchestration.console import ConfigFile, Json, Root, Sets, console, load, output, say
from pipelines.hop import Done
from schemas.errors import HandwheelError, TransientError, UsageError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The data engine behind a robot world model.",
    pretty_exceptions_enable=False,  # their frames show local variables
)  # fmt: skip
releases = typer.Typer(no_args_is_help=True, help="What was published.")
app.add_typer(releases, name="release")
app.add_typer(audits, name="audit")

INTERRUPTED = 130  # what typer exits with after Ctrl-C

LATER = {
    "export": "writes a release as LeRobot, WebDataset or MDS",
    "takedown": "removes an asset, source or wearer from the future and lists every release it touched",
    "gc": "removes what no pin, tag or lease needs",
    "world": "renders the sample world",
}


@contextmanager
def progress_bars() -> Iterator[Callable[[str, float, float], None]]:
    """A bar a hop with the time left, on stderr, where that is a terminal."""
    columns = (TextColumn("{task.description:>8}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def show(hop: str, done: float, total: float) -> None:
            if hop not in tasks:
                tasks[hop] = bars.add_task(hop, total=total)
            bars.update(tasks[hop], completed=done, total=total)

        yield show


def run_hops(names: list[str], config: Config, as_json: bool) -> None:
    """Runs hops in order, a line each, and tells what `--json` promises."""
    with output(as_json) as tell, progress_bars() as progress:
        run = turns.run_of(config, progress)
        dones: list[Done] = []
        for name in names:
            dones.append(turns.hop(name, run, config))
            say(dones[-1].line(), f"{name:>8}  ")
        plain = turns.as_json(run, dones)
        if not as_json:
            say(_closing(plain))
        tell(plain)


def _closing(plain: dict[str, Any]) -> str:
    if plain["release"]:
        return f"release {plain['release']}, pin {plain['pin']}"
    return "nothing new: no release, no trigger" if not plain["added"] else "done"


def _hop_command(name: str) -> None:
    def command(config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False) -> None:
        run_hops([name], load(config, sets, root), as_json)

    app.command(name, help=(turns.HOPS[name].__doc__ or "").strip())(command)


@app.command()
def init(folder: Annotated[Path, typer.Argument()] = Path()) -> None:
    """Write a commented handwheel.toml."""
    path = folder / "handwheel.toml"
    if path.exists():
        raise UsageError(f"{path} is there already; edit it, or remove it first")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(configs.commented())
    say(f"{path} is written; set [[source]] uri, then `handwheel turn --config {path}`")


@app.command()
def turn(config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False) -> None:
    """One turn: ingest, fold, look, keep, caption, publish, trigger."""
    run_hops(list(turns.HOPS), load(config, sets, root), as_json)


for _name in turns.HOPS:
    _hop_command(_name)


@app.command()
def ledger(
    config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False,
    by: Annotated[str | None, typer.Option("--by", help="asset")] = None,
) -> None:  # fmt: skip
    """Where every second of input went."""
    from pipelines import ledger as books

    settings = load(config, sets, root)
    if by not in (None, "asset"):
        raise UsageError(f"--by {by}: only `asset`")
    with output(as_json) as tell:
        store = turns.run_of(settings).store
        account, rows = books.ledger(store, turns.recipe(settings), settings.policy.digest)
        tell(books.as_json(account, rows if by else None) if as_json else books.as_text(account, rows if by else None))


@app.command()
def why(
    subject: Annotated[str, typer.Argument(help="id of a clip, span, asset or episode, sha256 or URI")],
    config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False,
) -> None:  # fmt: skip
    """The life of a clip, asset or episode: source, signals, verdict, captions, releases."""
    from orchestration.lives import as_text, life

    settings = load(config, sets, root)
    with output(as_json) as tell:
        found = life(turns.run_of(settings).store, subject)
        tell(found if as_json else as_text(found))


@releases.command("list")
def release_list(config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False) -> None:
    """Names of the releases, oldest first."""
    from pipelines import release as files

    with output(as_json) as tell:
        names = files.names(_store(config, sets, root))
        tell({"releases": names} if as_json else "\n".join(names) or "no release yet; `handwheel turn` makes one")


@releases.command("show")
def release_show(
    name: str, config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False
) -> None:
    """Name, id, parents, views."""
    from pipelines import release as files

    with output(as_json) as tell:
        tell(
            files.shown(files.load(_store(config, sets, root), name))
            if as_json
            else files.as_text(files.load(_store(config, sets, root), name))
        )


@releases.command("diff")
def release_diff(
    a: str, b: str, config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False
) -> None:
    """Clips that came, went or changed from release A to B, by view."""
    from pipelines import release as files

    with output(as_json) as tell:
        changes = files.diff(_store(config, sets, root), a, b)
        tell(changes if as_json else files.diff_text(changes))


@releases.command("verify")
def release_verify(
    name: str, config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False
) -> None:
    """Read every byte of a release again and compare it with its id (exit 4 when it differs)."""
    from pipelines import release as files

    with output(as_json) as tell:
        tell(
            files.verify(_store(config, sets, root), name)
            if as_json
            else f"{name} is whole: {files.verify(_store(config, sets, root), name)['files']} files"
        )


@releases.command("pin")
def release_pin(
    name: str, config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False
) -> None:
    """The pin to put into the trainer's repository."""
    from pipelines import release as files

    with output(as_json) as tell:
        store = _store(config, sets, root)
        text = files.pin_of(store, files.load(store, name)).dumps()
        tell({"pin": files.pin_uri(store, name), "text": text} if as_json else text.rstrip())


@releases.command("report")
def release_report(
    name: str, out: Annotated[Path, typer.Option("--out")] = Path("report.html"),
    config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False,
) -> None:  # fmt: skip
    """One page with pictures: kept and refused clips, captions, hours."""
    from orchestration.report import report_of

    settings = load(config, sets, root)
    with output(as_json) as tell:
        store = turns.run_of(settings).store
        page = report_of(store, turns.recipe(settings), settings.policy.digest, name, out)
        tell({"report": str(page)} if as_json else f"{page} is written; open it in a browser")


@app.command()
def serve(
    config: ConfigFile = None, sets: Sets = None, root: Root = None,
    host: str = "127.0.0.1", port: int = 3000,
) -> None:  # fmt: skip
    """The Dagster web page and its daemon: hops, schedule, sensors, gate."""
    from orchestration.serve import serve as start

    start(load(config, sets, root), host, port)


@app.command()
def doctor(as_json: Json = False) -> None:
    """What this machine has and lacks, with the command that mends it."""
    from orchestration.doctor import as_text, examine

    with output(as_json) as tell:
        found = examine()
        tell({"checks": found} if as_json else as_text(found))
    if not all(c["ok"] for c in found if c["needed"]):
        raise typer.Exit(2)


def _later(name: str) -> Callable[..., None]:
    def command(context: typer.Context) -> None:
        del context
        raise UsageError(f"`{name}` ({LATER[name]}) is not built yet; `handwheel --help` lists what is")

    return command


for _name in LATER:
    _owner = releases if _name == "export" else app
    _open_ended = {"allow_extra_args": True, "ignore_unknown_options": True}
    _owner.command(_name, help=f"Not built yet: {LATER[_name]}.", context_settings=_open_ended)(_later(_name))


def _store(config: Path | None, sets: list[str] | None, root: str | None) -> Any:
    return turns.run_of(load(config, sets, root)).store


def quiet() -> None:
    """Libraries speak from ERROR on, or from where HANDWHEEL_LOG says (DEBUG, INFO, WARNING)."""
    level = os.environ.get("HANDWHEEL_LOG", "ERROR")
    logging.basicConfig(level=level, stream=sys.stderr)
    for handler in logging.getLogger().handlers:  # some libraries set their own loggers' levels
        handler.setLevel(level)


def main() -> None:
    """Entry point: errors of ours end as one line and their exit code."""
    quiet()
    try:
        app()
    except SystemExit as e:
        if e.code == INTERRUPTED:
            say("interrupted; what was committed stays. Run the same command again to go on", "handwheel: ", "bold red")
        raise
    except HandwheelError as e:
        say(str(e), "handwheel: ", "bold red")
        sys.exit(e.exit_code)
    except OSError as e:  # a full disk, a place that may not be written, a server that went away
        logging.getLogger(__name__).info("where it happened", exc_info=True)
        say(f"{e}; HANDWHEEL_LOG=INFO says where. Mend it and run the same command again", "handwheel: ", "bold red")
        sys.exit(TransientError.exit_code)


if __name__ == "__main__":
    main()
