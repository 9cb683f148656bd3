"""Benchmarks run: one quick round of ingest, with its arithmetic, and keep on a few clips."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks import bench_ingest
from tests.benchmarks.bench_cuts import Labelled, score
from tests.benchmarks.contestants import CannotRun, Measured, median, ratios, rounds

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_a_quick_round_measures_plain_decode_and_our_pass() -> None:
    command = [sys.executable, "-m", bench_ingest.__name__, "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = [line.split("|") for line in done.stdout.splitlines() if line.startswith("| ") and "CPU s" not in line]
    assert [row[1].strip() for row in rows] == ["ffmpeg -f null, 1 thread", "our whole pass"]
    assert all(float(row[3]) > 0 and float(row[5]) > 1 for row in rows)
    assert "our pass / plain decode: " in done.stdout


@pytest.mark.slow
def test_keep_is_measured_on_rows_as_they_are() -> None:
    command = [sys.executable, "tests/benchmarks/bench_keep.py", "300"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "300" in done.stdout


def test_every_round_runs_everyone_in_a_drawn_order_and_who_cannot_leaves() -> None:
    ran: list[str] = []

    def fine(file: Path) -> Measured:
        ran.append(file.name)
        return Measured(float(len(ran)), 1.0, 1.0)

    def broken(file: Path) -> Measured:
        ran.append("broken")
        raise CannotRun("no wheel")

    entries = [("a", fine, Path("a")), ("b", fine, Path("b")), ("more of a", fine, Path("a")), ("c", broken, Path("c"))]
    found = rounds(entries, 4, seed=3)
    assert sorted(ran) == ["a"] * 8 + ["b"] * 4 + ["broken"]
    alike = [x for x in ran if x != "broken"]
    assert all("aa" in "".join(alike[i : i + 3]) for i in range(0, 12, 3))  # one file's after one another
    assert isinstance(found["c"], CannotRun)
    runs = found["a"]
    assert isinstance(runs, list)
    assert len(runs) == 4
    assert median([Measured(1, 5, 9), Measured(2, 4, 7), Measured(9, 6, 8)]) == Measured(2, 5, 8)
    assert ratios([Measured(6, 1, 1), Measured(2, 1, 1)], [Measured(4, 1, 1), Measured(2, 1, 1)]) == [1.0, 1.5]
    first = list(ran)
    ran.clear()
    rounds(entries, 4, seed=3)
    assert ran == first


def test_a_cut_is_found_once_and_a_second_boundary_at_it_is_false() -> None:
    file = Labelled("x", Path("x"), [(1.0, 1.0), (4.0, 5.0)], 0.04, 200)
    assert score([1.05, 4.5], file) == (2, 0, 0)
    assert score([1.0, 1.08, 7.0], file) == (1, 2, 1)
    assert score([], file) == (0, 0, 2)
