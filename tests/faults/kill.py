"""kill -9 of every hop at seeded random points, the same command again, and every table against an undisturbed run.

`python -m tests.faults.kill --kills 44 --seed 7 [--hop detect]` prints a row a hop and exits 1 when anything differs.
Only the main process is killed: its children have to end by themselves. Points are chosen from outside: a fraction of
the hop's undisturbed time, a fraction of the time after it took its lease, or the moment after its n-th commit.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from orchestration import turn
from orchestration.cli import main as cli
from tests.faults import corpus
from tests.faults.compare import State, differences, state_of

REPOSITORY = Path(__file__).parents[2]
HOPS = tuple(hop.name for hop in turn.HOPS)
# A turn in small commits, so that there is something to kill between.
SMALL = """
[ingest]
batch_items = 3
[detect]
batch_clips = 2
[captions]
batch_size = 2
[publish]
batch_recordings = 3
[trigger]
command = "true"
"""
CHILDREN_S = 90.0  # Ray's agents look for their raylet now and then; all others go at once
RUN_S = 600.0
AGAIN = 0.25  # share of trials whose second run is killed too


@dataclasses.dataclass(frozen=True, slots=True)
class Reference:
    """One hop, undisturbed: the root before and after it, how long it took, and what to expect."""

    hop: str
    before: Path
    seconds: float
    lease_s: float
    commits: int
    state: State


@dataclasses.dataclass(slots=True)
class Tally:
    """What came of one hop's trials."""

    kills: int = 0
    missed: int = 0  # the run ended before the kill
    reruns: int = 0
    slowest_child_s: float = 0.0
    wrong: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class Bench:
    """Where trials run."""

    folder: Path
    config: Path

    def start(self, hop: str, root: Path, scratch: Path) -> subprocess.Popen[bytes]:
        """A hop in a session of its own; `scratch` is its TMPDIR, which also marks its children."""
        command = [
            sys.executable,
            "-m",
            cli.__name__,
            hop,
            "--config",
            str(self.config),
            "--root",
            str(root),
        ]
        path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "packages/handwheel")])
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [*command, "--json"], env=os.environ | {"TMPDIR": str(scratch), "PYTHONPATH": path},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=self.folder,
            )  # fmt: skip

    def undisturbed(self, hops: Sequence[str]) -> list[Reference]:
        """Runs the hops once, keeping the root before each."""
        root, scratch = self.folder / "reference", scratch_folder()
        root.mkdir()
        found = []
        for hop in hops:
            before = self.folder / f"before_{hop}"
            shutil.copytree(root, before)
            had, begun = commits(root), time.monotonic()
            process = self.start(hop, root, scratch)
            lease_s = _seen(process, lambda: any((root / "leases").glob("*.json"))) - begun
            self.succeeded(hop, process)
            took = time.monotonic() - begun
            state = state_of(root, self.config)
            found.append(Reference(hop, before, took, min(lease_s, took), commits(root) - had, state))
            print(f"undisturbed {hop:>8}  {took:6.1f} s, {found[-1].commits} commits", file=sys.stderr, flush=True)
        shutil.rmtree(scratch)
        return found

    def succeeded(self, hop: str, process: subprocess.Popen[bytes]) -> None:
        """Waits for the end of a hop; RuntimeError with its last words where that is not 0."""
        if process.wait(RUN_S):
            said = (self.folder / "log").read_text(errors="replace").splitlines()[-15:]
            raise RuntimeError(f"{hop} exited {process.returncode}: " + "\n".join(said))

    def trial(self, reference: Reference, dice: random.Random, tally: Tally, most_kills: int) -> int:
        """Kills a hop (perhaps its second run too), lets it end, compares. Returns how many kills there were."""
        root, scratch = self.folder / "trial", scratch_folder()
        shutil.copytree(reference.before, root)
        points: list[str] = []
        again = 2 if most_kills > 1 and dice.random() < AGAIN else 1
        for _ in range(again):
            process = self.start(reference.hop, root, scratch)
            points.append(wait_for_point(process, root, reference, dice))
            if process.poll() is not None:
                tally.missed += 1
                break
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            tally.kills += 1
            tally.slowest_child_s = max(tally.slowest_child_s, children_gone_s(scratch))
        killed = len(points) - (process.returncode != -signal.SIGKILL)
        tally.reruns += 1
        try:
            self.succeeded(reference.hop, self.start(reference.hop, root, scratch))
            wrong = outlived(scratch) + traces(root, scratch, reference.hop)
            wrong += differences(reference.state, state_of(root, self.config))
        except (RuntimeError, subprocess.TimeoutExpired) as e:
            wrong = [str(e)]
        tally.wrong += [f"{reference.hop} killed at {', '.join(points)}: {w}" for w in wrong]
        if wrong:
            print("\n".join(tally.wrong[-len(wrong) :]), file=sys.stderr, flush=True)
            shutil.copytree(root, self.folder / f"failed_{reference.hop}_{len(tally.wrong)}")
        shutil.rmtree(root)
        shutil.rmtree(scratch, ignore_errors=True)
        return killed


def scratch_folder() -> Path:
    """A short one: Ray's sockets lie below it, and a socket's path has 107 characters."""
    return Path(tempfile.mkdtemp(prefix="hwk"))


def wait_for_point(process: subprocess.Popen[bytes], root: Path, reference: Reference, dice: random.Random) -> str:
    """Waits until the process is to be killed, or has ended, and names the point."""
    kind, share = dice.choice(("time", "work", "work", "commit", "commit")), dice.random()
    if kind == "commit" and reference.commits:
        number, late_s = dice.randint(1, reference.commits), dice.choice((0.0, 0.003, 0.02))
        had = commits(root)
        _seen(process, lambda: commits(root) >= had + number)
        time.sleep(late_s)
        return f"commit {number} of {reference.commits} + {late_s:g} s"
    if kind == "time":
        after_s = share * reference.seconds
        _until(process, after_s)
        return f"{after_s:.2f} of {reference.seconds:.2f} s"
    _seen(process, lambda: any((root / "leases").glob("*.json")))
    after_s = share * (reference.seconds - reference.lease_s)
    _until(process, after_s)
    return f"lease + {after_s:.2f} s"


def _seen(process: subprocess.Popen[bytes], there: collections.abc.Callable[[], bool]) -> float:
    """When something came to be there, or the process ended."""
    while process.poll() is None and not there():
        time.sleep(0.002)
    return time.monotonic()


def _until(process: subprocess.Popen[bytes], seconds: float) -> None:
    end = time.monotonic() + seconds
    _seen(process, lambda: time.monotonic() >= end)


def commits(root: Path) -> int:
    """Table versions, staged files and parts of a release: what a commit leaves behind."""
    kinds = ("tables/*/_versions/*.manifest", "releases/*/*", "pins/*.pin", "staging/*/*/*.json")
    while True:
        try:
            return sum(1 for kind in kinds for _ in root.glob(kind))
        except FileNotFoundError:  # a folder went while it was listed
            continue


def children_gone_s(scratch: Path) -> float:
    """Seconds until no process of the killed run is left, CHILDREN_S at most."""
    begun = time.monotonic()
    while children(scratch) and time.monotonic() - begun < CHILDREN_S:
        time.sleep(0.05)
    return time.monotonic() - begun


def outlived(scratch: Path) -> list[str]:
    """Processes that are still there when every run of a trial has ended."""
    return [f"still alive: {c}" for c in children(scratch)] if children_gone_s(scratch) >= CHILDREN_S else []


def children(scratch: Path) -> list[str]:
    """Live processes whose TMPDIR is this one."""
    mark, found = f"TMPDIR={scratch}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                words = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                found.append(f"{folder.name} {words[:160].decode(errors='replace')}")
        except OSError:
            continue
    return found


def traces(root: Path, scratch: Path, hop: str) -> list[str]:
    """What a killed run left behind after the run that finished its work."""
    left = [p for kind in ("staging/**/*", "refused/*") for p in root.glob(kind) if p.is_file()]
    left += [root / "releases" / "next.json"] if (root / "releases" / "next.json").exists() else []
    # An idle trigger takes no lease: a dead one's stays until the next that does.
    left += [p for p in root.glob("leases/*.json") if hop != "trigger"]
    left += [p.parent for p in root.glob("releases/*/files.json") if not (p.parent / "release.json").exists()]
    left += [p for p in root.glob("releases/*/") if not (p / "release.json").exists()]
    left += [p for p in scratch.glob("*") if p.name != "ray" and not p.name.startswith("handwheel-")]
    left += [p for p in scratch.glob("handwheel-*/*") if p.name != "lock"]
    return [f"left behind: {p.relative_to(root if p.is_relative_to(root) else scratch)}" for p in left]


def run(folder: Path, kills: int, seed: int, hops: Sequence[str], *, every: Sequence[str], more: str = SMALL,
        hands: bool = True) -> dict[str, Tally]:  # fmt: skip
    """`kills` kills spread over `hops`, after an undisturbed run of `every` hop."""
    made = corpus.make(folder / "input", hands=hands)
    bench = Bench(folder, made.config(folder / "handwheel.toml", more=more))
    references = [r for r in bench.undisturbed(every) if r.hop in hops]
    tallies = {r.hop: Tally() for r in references}
    dice = random.Random(seed)
    left, trial = kills, 0
    while left > 0 and trial < 4 * kills:
        reference = references[trial % len(references)]
        left -= bench.trial(reference, dice, tallies[reference.hop], left)
        trial += 1
        print(f"{kills - left:>3} kills, {reference.hop}", file=sys.stderr, flush=True)
    return tallies


def table(tallies: dict[str, Tally], took_s: float) -> str:
    """A row a hop, and the whole time."""
    lines = [f"{'hop':>8} {'kills':>6} {'ended first':>12} {'reruns':>7} {'children gone':>14}  same"]
    for hop, t in tallies.items():
        same = "yes" if not t.wrong else "NO"
        lines.append(f"{hop:>8} {t.kills:>6} {t.missed:>12} {t.reruns:>7} {t.slowest_child_s:>12.1f} s  {same}")
    lines.append(f"{'all':>8} {sum(t.kills for t in tallies.values()):>6}  in {took_s:.0f} s")
    return "\n".join([*lines, *(w for t in tallies.values() for w in t.wrong)])


def main() -> int:
    parser = argparse.ArgumentParser(description="kill -9 of every hop at seeded random points, and again")
    parser.add_argument("--kills", type=int, default=44)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--hop", choices=HOPS, action="append", help="only this one (repeatable)")
    parser.add_argument("--keep", action="store_true", help="keep the folder with roots and log")
    options = parser.parse_args()
    hops = options.hop or HOPS
    every = HOPS[: max(HOPS.index(h) for h in hops) + 1]
    folder, begun = Path(tempfile.mkdtemp(prefix="handwheel-kill-")), time.monotonic()
    tallies = run(folder, options.kills, options.seed, hops, every=every)
    print(table(tallies, time.monotonic() - begun))
    if options.keep or any(t.wrong for t in tallies.values()):
        print(f"kept: {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder)
    return int(any(t.wrong for t in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
