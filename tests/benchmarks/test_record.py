"""A benchmark's record: what is read back, what is refused, and that nothing is written unasked."""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from tests.benchmarks import record as records
from tests.benchmarks.record import Figures, add_json_option, read_commit, record

ROOT = Path(__file__).resolve().parents[2]
FIGURES: Figures = {"clips": 300, "ratio": 1.25, "missing_s": None, "rows": [{"name": "ours / plain", "cpu_s": 0.5}]}


def test_a_record_is_read_back_and_names_no_path_or_host(tmp_path: Path) -> None:
    path = record("some-subject", FIGURES, tmp_path / "new" / "folder")
    assert path is not None
    text = path.read_text()
    read = json.loads(text)
    assert path.name == f"{read['date']}-some-subject.json"
    assert date.fromisoformat(read["date"])
    assert read["figures"] == FIGURES
    assert read["machine"]["python"] == platform.python_version()
    assert read["machine"]["cores"] >= 1
    assert set(read) == {"subject", "date", "commit", "machine", "figures"}
    assert not [word for word in (str(tmp_path), str(ROOT), str(Path.home()) + "/", platform.node()) if word in text]


def test_the_commit_is_git_s_or_null(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT)
    assert read_commit() == (asked.stdout.strip() or None)
    monkeypatch.setattr(records, "ROOT", tmp_path)
    assert read_commit() is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_commit() is None


@pytest.mark.parametrize(
    "figures",
    [
        {"folder": "/home/someone/clips"},
        {"rows": [{"name": "a"}, {"name": "ran at /srv/data"}]},
        {"rows": [{"/srv/data_s": 1.0}]},
        {"ratio": float("nan")},
    ],
)
def test_a_path_and_what_is_no_number_are_refused_and_nothing_is_written(tmp_path: Path, figures: Figures) -> None:
    with pytest.raises(ValueError, match=r"path|JSON"):
        record("x", figures, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_script_writes_where_it_is_asked_and_only_then(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    add_json_option(parser)
    assert [parser.parse_args(argv).json for argv in ([], ["--json"], ["--json", "there"])] == [
        None, Path("benchmarks-out"), Path("there"),
    ]  # fmt: skip
    script = [sys.executable, str(ROOT / "tests/benchmarks/bench_keep.py"), "300"]
    for option, count in (([], 0), (["--json"], 1)):
        done = subprocess.run([*script, *option], capture_output=True, text=True, cwd=tmp_path, timeout=300)
        assert done.returncode == 0, done.stderr
        assert len(list(tmp_path.rglob("*.json"))) == count
    [path] = (tmp_path / "benchmarks-out").iterdir()
    figures = json.loads(path.read_text())["figures"]
    assert figures["clips"] == 300
    assert f"{figures['median_s']:.2f} s (median of" in done.stdout
