"""`handwheel`: one object on stdout with --json, everything else on stderr."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestration import config as configs
from orchestration import turn as turns
from orchestration.cli import migrate
from orchestration.cli.audit import audits
from orchestration.cli.options import ConfigFile, Json, Root, Sets, load, output, progress_bars, say
from orchestration.cli.release import releases
from orchestration.config import Config
from pipelines.hop import Done, Hop
from pipelines.media.generations import begin_generation
from schemas.errors import HandwheelError, TransientError, UsageError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The data engine behind a robot world model.",
    pretty_exceptions_enable=False,  # their frames show local variables
)  # fmt: skip
app.add_typer(releases, name="release")
app.add_typer(audits, name="audit")
app.command("migrate")(migrate.command)

INTERRUPTED = 130  # what typer exits with after Ctrl-C

LATER = {
    "export": "writes a release as LeRobot, WebDataset or MDS",
    "takedown": "removes an asset, source or wearer from the future and lists every release it touched",
    "gc": "removes what no pin, tag or lease needs",
}


REDECODE = "decode every recording anew that can still be had, as the libraries of now do"


def run_hops(hops: Sequence[Hop], config: Config, as_json: bool, *, redecode: bool = False) -> None:
    """Runs hops in order, a line each, and tells what `--json` promises."""
    with output(as_json) as tell, progress_bars() as progress:
        if redecode:
            begin_generation(turns.context_of(config).run)
        context = turns.context_of(config, progress)
        dones: list[Done] = []
        for hop in hops:
            dones.append(turns.run_hop(hop, context))
            say(dones[-1].line(), f"{hop.name:>8}  ")
        plain = turns.as_json(context.run, dones)
        if not as_json:
            say(_closing(plain))
        tell(plain)


def _closing(plain: dict[str, Any]) -> str:
    if plain["release"]:
        return f"release {plain['release']}, pin {plain['pin']}"
    return "nothing new: no release, no trigger" if not plain["added"] else "done"


def _hop_command(hop: Hop) -> None:
    """The command of a hop, and hidden under the name that it had."""

    def command(config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False) -> None:
        run_hops([hop], load(config, sets, root), as_json)

    app.command(hop.name, help=hop.doc)(command)
    if hop.alias:
        app.command(hop.alias, hidden=True)(command)


@app.command()
def init(folder: Annotated[Path, typer.Argument()] = Path()) -> None:
    """Write a commented handwheel.toml."""
    path = folder / "handwheel.toml"
    if path.exists():
        raise UsageError(f"{path} is there already; edit it, or remove it first")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(configs.commented())
    say(f"{path} is written; set [[source]] uri, then `handwheel turn --config {path}`")


@app.command(help=f"One turn: {', '.join(hop.name for hop in turns.HOPS)}.")
def turn(
    config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False,
    redecode: Annotated[bool, typer.Option("--redecode", help=REDECODE)] = False,
) -> None:  # fmt: skip
    run_hops(turns.HOPS, load(config, sets, root), as_json, redecode=redecode)


for _hop in turns.HOPS:
    _hop_command(_hop)


@app.command()
def ledger(
    config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False,
    by: Annotated[str | None, typer.Option("--by", help="asset")] = None,
) -> None:  # fmt: skip
    """Where every second of input went."""
    from pipelines.corpus import ledger as books

    settings = load(config, sets, root)
    if by not in (None, "asset"):
        raise UsageError(f"--by {by}: only `asset`")
    with output(as_json) as tell:
        store = turns.context_of(settings).run.store
        account, inputs = books.ledger(store, turns.recipe(settings), settings.policy.digest)
        listed = inputs if by else None
        tell(books.as_json(account, listed) if as_json else books.as_text(account, listed or ()))


@app.command()
def why(
    subject: Annotated[str, typer.Argument(help="id of a clip, span, asset or episode, sha256 or URI")],
    config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False,
) -> None:  # fmt: skip
    """The life of a clip, asset or episode: source, signals, verdict, captions, releases."""
    from orchestration.cli.why import as_text, life

    settings = load(config, sets, root)
    with output(as_json) as tell:
        found = life(turns.context_of(settings).run.store, subject, turns.recipe(settings), settings.policy.digest)
        tell(found if as_json else as_text(found))


@app.command("world", hidden=True)  # the name that sim had
@app.command()
def sim(
    out: Annotated[Path, typer.Argument(help="a folder, made where it is not there")],
    seed: Annotated[int, typer.Option(help="another seed is another world")] = 7,
    clips: Annotated[int, typer.Option(help="first-person takes", min=0)] = 40,
    robot: Annotated[int, typer.Option(help="the robot's attempts", min=0)] = 60,
    quality: Annotated[str, typer.Option(help="draft, demo, survey or fine")] = "demo",
    generation: Annotated[int, typer.Option(help="of the robot's policy", min=0)] = 0,
    fixed: Annotated[list[str] | None, typer.Option("--fixed", help="axis=value of every take")] = None,
    workers: Annotated[int, typer.Option(help="processes; 0: one a core", min=0)] = 0,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Render the sample world: first-person hands and a robot's attempts, with their truth and a page of pictures."""
    from simworld import build

    from orchestration.reports import sim_page

    axes = build.parse_fixed(fixed or [])
    options = build.WorldOptions(seed, clips, robot, quality, generation, axes)
    with output(as_json) as tell, progress_bars() as progress:
        made = build.build(out, options, lambda done, total: progress("sim", done, total), workers)
        page = sim_page.write(out, out / "index.html")
        plain = {"ego": len(made.ego), "robot": len(made.robot), "rendered": made.rendered, "page": str(page)}
        said = f"{len(made.ego)} takes and {len(made.robot)} attempts in {out}, {made.rendered} of them rendered now"
        tell(plain if as_json else f'{said}\npictures: {page}\nnext: [[source]] kind = "sim" uri = "{out}"')


@app.command()
def serve(
    config: ConfigFile = None, sets: Sets = None, root: Root = None,
    host: str = "127.0.0.1", port: int = 3000,
) -> None:  # fmt: skip
    """The Dagster web page and its daemon: hops, schedule, sensors, gate."""
    from orchestration.dagster_app.serve import serve as start

    start(load(config, sets, root), host, port)


@app.command()
def doctor(as_json: Json = False) -> None:
    """What this machine has and lacks, with the command that mends it."""
    from orchestration.cli.doctor import as_text, examine

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
