"""`make demo`: one turn on sample media in a local folder, then where everything is."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from orchestration import cli, config, sim_robot, turn
from orchestration.console import output, say
from orchestration.report import report_of
from schemas.errors import HandwheelError, UsageError

HERE = Path(__file__).parent
REPOSITORY = HERE.parent
# Folder of the samples, stage, licence; MANIFEST.tsv beside them names each clip's own.
SAMPLES = (
    ("hands_manip", "web", "CC-BY-4.0 or Apache-2.0, see MANIFEST.tsv"),
    ("rendered_hands", "ego", "CC0-1.0"),
    ("hands_only", "web", "CC-BY-4.0 or MIT, see MANIFEST.tsv"),
    ("negatives", "web", "CC-BY-4.0, Apache-2.0 or MIT, see MANIFEST.tsv"),
    ("odd", "web", "mixed, see MANIFEST.tsv"),
)
SIM_EPISODES, SIM_SEED = 4, 7


def samples() -> Path | None:
    """The folder of sample media, where there is one."""
    places = (os.environ.get("HANDWHEEL_SAMPLES"), str(REPOSITORY.parent / "shared" / "data"))
    return next((Path(p) for p in places if p and (Path(p) / "hands_manip").is_dir()), None)


def media_toml(folder: Path | None) -> str:
    """[[source]] sections: the samples, or the pinned list of openly licensed clips."""
    if folder is None:
        return f'[[source]]\nkind = "url_list"\nuri = "{HERE / "templates" / "demo_clips.csv"}"\nstage = "web"\n'
    return "\n".join(
        f'[[source]]\nkind = "folder"\nuri = "{folder / name}"\nstage = "{stage}"\nlicence = "{licence}"\n'
        for name, stage, licence in SAMPLES
        if (folder / name).is_dir()
    )


def logs(folder: Path | None, out: Path) -> Path | None:
    """Robot logs: the samples', or made now by the simulated arm; None, with a word, where it cannot draw."""
    if folder is not None and (folder / "robot" / "sim_so101").is_dir():
        return folder / "robot" / "sim_so101"
    say(f"making {SIM_EPISODES} robot episodes with the simulated SO-101 arm ...")
    try:
        sim_robot.make_episodes(out / "robot", SIM_EPISODES, SIM_SEED)
    except UsageError as e:
        say(str(e), "no robot episodes: ", "yellow")
        return None
    return out / "robot"


def write_config(out: Path) -> Path:
    """The demo's handwheel.toml."""
    folder = samples()
    robot = logs(folder, out)
    trainer = REPOSITORY / "client" / "examples" / "open_release.py"
    text = f'root = "corpus"\n\n{media_toml(folder)}\n'
    if robot is not None:
        text += f'[[robot]]\nkind = "plain_log"\nuri = "{robot}"\n\n'
    text += f"[trigger]\ncommand = ['{sys.executable}', '{trainer}', '--pin', '{{pin}}']\n"
    path = out / "handwheel.toml"
    path.write_text(text)
    return path


def main(folder: str) -> None:
    """Runs the turn and says where things are."""
    out = Path(folder).resolve()
    out.mkdir(parents=True, exist_ok=True)
    began_s = time.monotonic()
    file = write_config(out)
    settings = config.load(file, [], None)
    with output(as_json=False), cli.progress_bars() as progress:
        run = turn.run_of(settings, progress)
        for done in turn.turn(run, settings):
            say(done.line(), f"{done.hop:>8}  ")
        page = report_of(run.store, turn.recipe(settings), settings.policy.digest, None, out / "report.html")
        triggers = run.store.read("triggers", ["rule", "lane", "event", "release", "reason"]).to_pylist()
        releases = sorted(run.store.read("releases", ["name"])["name"].to_pylist())

    say(f"\nOne turn of the flywheel in {time.monotonic() - began_s:.0f} s.\n")
    if releases:
        say(f"  release   {settings.root}/releases/{releases[-1]}")
        say(f"  pin       {settings.root}/pins/{releases[-1]}.pin")
    else:
        say("  no release: nothing was kept; the report says why")
    say(f"  report    {page}  (open it in a browser)")
    for row in (t for t in triggers if t["event"] == "fired"):
        say(f"  trigger   {row['rule']} fired for {row['lane']}, naming release {row['release']}: {row['reason']}")
    shown = os.path.relpath(file)
    handwheel = os.path.relpath(Path(sys.executable).parent / "handwheel")
    say("\nTry next:\n")
    say(f"  {handwheel} ledger --config {shown} --by asset    # where every second went")
    if releases:
        say(f"  {handwheel} release verify {releases[-1]} --config {shown}    # read every byte again")
    say(f"  {handwheel} serve --config {shown}    # hops, schedule, sensors and gate in a web page")


if __name__ == "__main__":
    cli.quiet()
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "demo")
    except HandwheelError as e:
        say(str(e), "handwheel: ", "bold red")
        sys.exit(e.exit_code)
