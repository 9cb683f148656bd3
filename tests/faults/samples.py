"""Real robot logs, a folder each: what became of them in a fold, as a table.

    python -m tests.faults.samples FOLDER [--fps KIND=HZ ...] [part of a name ...]

Each folder below FOLDER is looked at as `handwheel doctor --logs` does, then folded into a corpus of its own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from infra.storage.tables import Store
from pipelines.fold.dry_look import look
from pipelines.fold.hop import fold
from pipelines.hop import Run
from pipelines.sources.logs import RobotSource
from pipelines.staging.options import IngestOptions
from schemas.errors import HandwheelError


def main(argv: Sequence[str]) -> None:
    """Prints a table of the folders."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--fps", action="append", default=[])
    told = parser.parse_args(argv)
    rates = {kind: float(rate) for kind, rate in (pair.split("=") for pair in told.fps)}
    print(f"{'folder':<24}{'kind':<16}{'attempts':>9}{'steps':>7}{'frames':>8}  cameras, outcomes, nulls, left out")
    for folder in sorted(p for p in told.folder.iterdir() if p.is_dir()):
        if not told.names or any(part in folder.name for part in told.names):
            print(f"{folder.name:<24}{_row(folder, rates)}")
            sys.stdout.flush()


def _row(folder: Path, rates: dict[str, float]) -> str:
    try:
        found = look(RobotSource(kind="", uri=str(folder)), 4)
        kind = found.kind
        source = RobotSource(kind=kind, uri=str(folder), fps_hz=rates.get(kind))
        with tempfile.TemporaryDirectory() as place:
            store = Store(place)
            fold(Run(store, "samples"), [source], IngestOptions())
            return f"{kind:<16}{_numbers(store)}"
    except HandwheelError as e:
        return f"{'-':<16}{str(e)[:150]}"


def _numbers(store: Store) -> str:
    episodes = [e for e in store.read("episodes").to_pylist() if not e.get("copy_of")]
    steps = store.read("steps").to_pylist()
    rejects = Counter(store.read("rejects", ["reason"])["reason"].to_pylist())
    frames = sum(sum(t is not None for t in s.get("camera_ns") or []) for s in steps)
    nulls = {name: sum(s[name] is None for s in steps) for name in ("state", "action_commanded", "reward")}
    said = [
        ", ".join(sorted({c["camera"] for e in episodes for c in e["cameras"]})) or "none",
        str(dict(Counter(e["outcome"] for e in episodes))), str({n: c for n, c in nulls.items() if c}),
        str(dict(rejects)),
    ]  # fmt: skip
    return f"{len(episodes):>9}{len(steps):>7}{frames:>8}  {'; '.join(said)}"


if __name__ == "__main__":
    main(sys.argv[1:])
