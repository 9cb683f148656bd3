"""`handwheel`: one object on stdout with --json, everything else on stderr."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Annotated

import typer

from orchestration import turn as turns
from orchestration.cli import doctor, init, ledger, migrate, serve, sim, why
from orchestration.cli.audit import audits
from orchestration.cli.closing import closing
from orchestration.cli.later import LATER, command_of
from orchestration.cli.options import ConfigFile, Json, Root, Sets, load_to_run, output, progress_bars, say
from orchestration.cli.release import releases
from orchestration.config import Config
from pipelines.hop import Done, Hop
from pipelines.media.generations import begin_generation
from schemas.errors import HandwheelError, TransientError


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"handwheel {metadata.version('handwheel-engine')}")
        raise typer.Exit


app = typer.Typer(
    no_args_is_help=True,
    help="The data engine behind a robot world model: `init` writes a config, `turn` runs every hop.",
    pretty_exceptions_enable=False,  # their frames show local variables
)  # fmt: skip
app.add_typer(releases, name="release")
app.add_typer(audits, name="audit")
app.command("init")(init.command)


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="print the version and exit")
    ] = False,
) -> None:
    """Options of the command itself."""


REDECODE = "decode again every recording that is still there, with the libraries installed now"
INTERRUPTED = 130  # what typer exits with after Ctrl-C


def run_hops(hops: Sequence[Hop], config: Config, as_json: bool, *, redecode: bool = False) -> None:
    """Runs hops in order, prints a line for each, and then what `--json` promises.

    TransientError at the end: a trigger could not be delivered.
    """
    dones: list[Done] = []
    with output(as_json) as tell, progress_bars() as progress:
        if redecode:
            begin_generation(turns.context_of(config).run)
        context = turns.context_of(config, progress)
        for hop in hops:
            dones.append(turns.run_hop(hop, context))
            say(dones[-1].line(), f"{hop.name:>8}  ")
        plain = turns.as_json(context.run, dones)
        if not as_json:
            release, is_new = next((d.release for d in dones if d.release), None), bool(plain["added"])
            for line in closing(context.run.store, config, context.recipe, release, is_new=is_new):
                say(line)
        tell(plain)
    if waiting := sum(len(done.undelivered) for done in dones):
        what = "1 trigger was" if waiting == 1 else f"{waiting} triggers were"
        raise TransientError(f"{what} not delivered, and stays in the outbox; run `handwheel trigger` to try again")


def _hop_command(hop: Hop) -> None:
    """The command of a hop, and hidden under the name that it had."""

    def command(config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False) -> None:
        run_hops([hop], load_to_run(config, sets, root), as_json)

    app.command(hop.name, help=hop.doc)(command)
    if hop.alias:
        app.command(hop.alias, hidden=True)(command)


@app.command(help=f"Run every hop in order: {', '.join(hop.name for hop in turns.HOPS)}. What is done stays done.")
def turn(
    config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False,
    redecode: Annotated[bool, typer.Option("--redecode", help=REDECODE)] = False,
) -> None:  # fmt: skip
    run_hops(turns.HOPS, load_to_run(config, sets, root), as_json, redecode=redecode)


for _hop in turns.HOPS:
    _hop_command(_hop)


app.command("ledger")(ledger.command)
app.command("why")(why.command)
app.command("migrate")(migrate.command)
app.command("sim")(sim.command)
app.command("world", hidden=True)(sim.command)  # the name that sim had
app.command("serve")(serve.command)
app.command("doctor")(doctor.command)
for _name in LATER:
    _owner = releases if _name == "export" else app
    _open_ended = {"allow_extra_args": True, "ignore_unknown_options": True}
    _owner.command(_name, help=f"Not built yet: {LATER[_name]}.", context_settings=_open_ended)(command_of(_name))


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
        say(f"{e}; HANDWHEEL_LOG=INFO shows where. Fix it and run the same command again", "handwheel: ", "bold red")
        sys.exit(TransientError.exit_code)


if __name__ == "__main__":
    main()
