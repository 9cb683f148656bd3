"""Releases for the trigger, its hop on a folder, and a command that records how it was called."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from infra.storage.tables import Store
from orchestration.trigger.hop import trigger
from orchestration.trigger.options import TriggerOptions
from orchestration.trigger.sinks import sinks_of
from pipelines.hop import Done, Run
from schemas import Release, Trigger
from schemas.arrow import rows_of
from schemas.keys import key_of

START_NS = 1_795_000_000_000_000_000


def release(
    n: int,
    hours: dict[str, float],
    tasks: dict[str, tuple[int, int]] | None = None,
    embodiments: tuple[str, ...] = ("so101",),
    at_ns: int = START_NS,
) -> Release:
    """The n-th release of a day: hours by view, episodes and scenes by task."""
    counts = {
        "views": {view: {"clips": 1 + int(h * 100), "hours": h} for view, h in hours.items()},
        "tasks": {t: {"episodes": e, "scenes": s} for t, (e, s) in (tasks or {}).items()},
        "embodiments": {e: {"episodes": 1, "hours": 0.1} for e in embodiments},
        "hours_by_stage": {},
        "outcomes": {},
    }
    return Release(
        release_id=key_of("release", n), name=f"2026-11-21.{n}", parent=None, selection=str(n),
        counts_json=json.dumps(counts), created_ns=at_ns + n, run_id="test",
    )  # fmt: skip


def run_trigger(run: Run, options: TriggerOptions) -> Done:
    """The hop with the sinks that the options configure."""
    return trigger(run, options, sinks_of(options))


def run_on(root: Path, now_ns: int = START_NS + 1000, wait_s: float = 0.0, run_id: str = "run") -> Run:
    """A run on a folder at a fixed time."""
    return Run(Store(str(root)), run_id, now_ns=lambda: now_ns, lease_wait_s=wait_s)


def publish_rows(root: Path, *rows: Release) -> Store:
    """A store whose `releases` hold the rows."""
    store = Store(str(root))
    store.insert("releases", rows, run_id="test")
    return store


def recorder(folder: Path, body: str = "") -> tuple[str, ...]:
    """A command that appends its arguments and its key to a file, then does `body`."""
    script = folder / "a trainer.py"
    script.write_text(
        "import json, os, sys\n"
        "with open(sys.argv[1], 'a') as f:\n"
        "    print(json.dumps([*sys.argv[2:], os.environ['HANDWHEEL_TRIGGER_KEY']]), file=f)\n"
        "print('training')\n" + body
    )
    return (sys.executable, str(script), str(folder / "calls.jsonl"), "{pin}", "{lane} {rule}", "{nothing}")


def read_calls(folder: Path) -> list[list[str]]:
    """The arguments of every call of the recorder."""
    path = folder / "calls.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def log_of(store: Store) -> list[Trigger]:
    """Every event that the store holds."""
    return rows_of(Trigger, store.read("triggers"))
