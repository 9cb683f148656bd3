"""What a benchmark measured, as JSON beside its page: the figures that it prints, the commit and the machine.

A script takes `--json [FOLDER]` (without FOLDER: `benchmarks-out` here) and writes nothing without it. Standard library
only, so that every script can import it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUT = Path("benchmarks-out")
ABSOLUTE_PATH = re.compile(r"(?:^|[\s'\"=:(])/\w")

Row = Mapping[str, float | str | None]
Figures = Mapping[str, float | str | Sequence[Row] | None]


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Adds --json, whose value is the folder to write to, or None."""
    parser.add_argument(
        "--json", type=Path, nargs="?", const=OUT, metavar="FOLDER", help=f"write the figures there too ({OUT})"
    )


def record(subject: str, figures: Figures, folder: Path | None = OUT) -> Path | None:
    """Writes `folder/<date>-<subject>.json` and returns its path; for no folder, nothing and None.

    A second record of a subject within a day (UTC) replaces the first. Names of figures hold their units. What no JSON
    number is (NaN) and what holds an absolute path is refused with a ValueError: a record is published.
    """
    if folder is None:
        return None
    date = datetime.now(UTC).date().isoformat()
    machine = {"cores": os.cpu_count(), "python": platform.python_version()}
    whole = {"subject": subject, "date": date, "commit": read_commit(), "machine": machine, "figures": figures}
    if paths := [text for text in list_texts(figures) if ABSOLUTE_PATH.search(text)]:
        raise ValueError(f"{subject}: a figure holds a path: {paths[0]}; next: name the thing instead")
    text = json.dumps(whole, indent=2, allow_nan=False)
    path = folder / f"{date}-{subject}.json"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")
    return path


def read_commit() -> str | None:
    """The short name of the code's commit, or None where git or the repository is missing."""
    try:
        done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT)
    except OSError:
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def list_texts(figures: Figures) -> list[str]:
    """Every name and text value in the figures, those of rows included."""
    rows = [
        row for value in figures.values() if isinstance(value, Sequence) and not isinstance(value, str) for row in value
    ]
    return [text for row in (figures, *rows) for pair in row.items() for text in pair if isinstance(text, str)]
