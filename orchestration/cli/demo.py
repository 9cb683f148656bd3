"""`make demo`: one turn on the sample world in a local folder, then where everything is."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from simworld import build

from orchestration import config, turn
from orchestration.cli import main as cli
from orchestration.cli.options import output, progress_bars, say
from orchestration.reports import sim_page
from orchestration.reports.report import report_of
from schemas.columns import values_of
from schemas.errors import HandwheelError

REPOSITORY = Path(__file__).parents[2]
WORLD = build.WorldOptions(seed=7, clips=8, robot=8)
# Real clips beside it, where there are some: folder, stage, licence; MANIFEST.tsv beside them names each clip's own.
SAMPLES = (
    ("hands_manip", "web", "CC-BY-4.0 or Apache-2.0, see MANIFEST.tsv"),
    ("rendered_hands", "ego", "CC0-1.0"),
    ("hands_only", "web", "CC-BY-4.0 or MIT, see MANIFEST.tsv"),
    ("negatives", "web", "CC-BY-4.0, Apache-2.0 or MIT, see MANIFEST.tsv"),
    ("odd", "web", "mixed, see MANIFEST.tsv"),
)
ROBOT_SAMPLES = "robot/sim_so101"


def samples() -> Path | None:
    """The folder of real sample clips that $HANDWHEEL_SAMPLES names, where it is one."""
    place = os.environ.get("HANDWHEEL_SAMPLES")
    return Path(place) if place and (Path(place) / "hands_manip").is_dir() else None


def media_toml(folder: Path | None) -> str:
    """[[source]] and [[robot]] sections: the world, and the samples where there are some."""
    parts = ['[[source]]\nkind = "sim"\nuri = "world"\nstage = "ego"\n', '[[robot]]\nkind = "sim"\nuri = "world"\n']
    if folder is not None:
        parts += [
            f'[[source]]\nkind = "folder"\nuri = "{folder / name}"\nstage = "{stage}"\nlicence = "{licence}"\n'
            for name, stage, licence in SAMPLES
            if (folder / name).is_dir()
        ]
        if (folder / ROBOT_SAMPLES).is_dir():
            parts.append(f'[[robot]]\nkind = "plain_log"\nuri = "{folder / ROBOT_SAMPLES}"\n')
    return "\n".join(parts)


def write_config(out: Path) -> Path:
    """The demo's handwheel.toml."""
    trainer = REPOSITORY / "packages" / "handwheel" / "examples" / "open_release.py"
    text = f'root = "corpus"\n\n{media_toml(samples())}\n'
    text += f"[trigger]\ncommand = ['{sys.executable}', '{trainer}', '--pin', '{{pin}}']\n"
    path = out / "handwheel.toml"
    path.write_text(text)
    return path


def render(out: Path) -> None:
    """The world, before the turn that reads it."""
    began_s = time.monotonic()
    say(f"rendering a sample world of {WORLD.clips} takes and {WORLD.robot} robot attempts ...")
    with output(as_json=False), progress_bars() as progress:
        made = build.build(out / "world", WORLD, lambda done, total: progress("sim", done, total))
    sim_page.write(out / "world", out / "world" / "index.html")
    say(f"{made.rendered} recordings rendered in {time.monotonic() - began_s:.0f} s, the rest were in the cache\n")


def main(folder: str) -> None:
    """Runs the turn and says where things are."""
    out = Path(folder).resolve()
    out.mkdir(parents=True, exist_ok=True)
    render(out)
    began_s = time.monotonic()
    file = write_config(out)
    settings = config.load(file, [], None)
    with output(as_json=False), progress_bars() as progress:
        context = turn.context_of(settings, progress)
        for done in turn.turn(context):
            say(done.line(), f"{done.hop:>8}  ")
        page = report_of(context.run.store, turn.recipe(settings), settings.policy.digest, None, out / "report.html")
        triggers = context.run.store.read("triggers", ["rule", "lane", "event", "release", "reason"]).to_pylist()
        releases = sorted(values_of(context.run.store.read("releases", ["name"])["name"], str))

    say(f"\nOne turn of the flywheel in {time.monotonic() - began_s:.0f} s.\n")
    if releases:
        say(f"  release   {settings.root}/releases/{releases[-1]}")
        say(f"  pin       {settings.root}/pins/{releases[-1]}.pin")
    else:
        say("  no release: nothing was kept; the report says why")
    say(f"  report    {page}  (open it in a browser)")
    say(f"  world     {out / 'world' / 'index.html'}  (what was rendered, with its truth)")
    for row in (t for t in triggers if t["event"] == "fired"):
        say(f"  trigger   {row['rule']} fired for {row['lane']}, naming release {row['release']}: {row['reason']}")
    place = os.path.relpath(file)
    handwheel = os.path.relpath(Path(sys.executable).parent / "handwheel")
    say("\nTry next:\n")
    say(f"  {handwheel} ledger --config {place} --by asset    # where every second went")
    say(f"  {handwheel} audit hands --config {place} --truth {os.path.relpath(out / 'world' / 'truth')}    # how good?")
    if releases:
        say(f"  {handwheel} release verify {releases[-1]} --config {place}    # read every byte again")
    say(f"  {handwheel} serve --config {place}    # hops, schedule, sensors and gate in a web page")


if __name__ == "__main__":
    cli.quiet()
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "demo")
    except HandwheelError as e:
        say(str(e), "handwheel: ", "bold red")
        sys.exit(e.exit_code)
