"""A migration killed at seeded writes, once or twice, and run again gives what an undisturbed one gives."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.storage.corpus_version import current, read_stamp
from infra.storage.tables import Store
from pipelines.corpus import releases
from schemas import TABLES
from tests.support import migrate_child
from tests.support.old_corpora import REPOSITORY, unpack

KILLS = 6
SEED = 5
NEVER = 1000


def child(root: Path, at: int, when: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "packages/handwheel")])
    return subprocess.run(
        [sys.executable, "-m", migrate_child.__name__, str(root), str(at), when],
        env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def rows(root: Path) -> Mapping[str, list[dict[str, Any]]]:
    """Every table's rows in the order of their keys."""
    store = Store(str(root))
    read = {table: store.read(table) for table in TABLES}
    return {table: found.sort_by(found.column_names[0]).to_pylist() for table, found in read.items()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A migrated corpus's root, and how many writes that took."""
    root = unpack("84c527d", tmp_path_factory.mktemp("undisturbed"))
    done = child(root, NEVER, "before")
    assert done.returncode == 0, done.stderr[-2000:]
    return root, int(done.stdout)


@pytest.mark.slow
def test_a_killed_migration_goes_on_without_harm(undisturbed: tuple[Path, int], tmp_path: Path) -> None:
    wanted, writes = undisturbed
    assert writes > 20
    dice, expected = random.Random(SEED), rows(wanted)
    for trial, at in enumerate(dice.sample(range(1, writes + 1), KILLS)):
        root = unpack("84c527d", tmp_path / str(trial))
        points = [(at, dice.choice(("before", "after")))]
        if trial % 3 == 0:
            points.append((dice.randint(1, max(1, writes - at)), "after"))  # of what is left
        for point in points:
            assert child(root, *point).returncode == -signal.SIGKILL, point
        done = child(root, NEVER, "before")
        assert done.returncode == 0, (points, done.stderr[-2000:])
        assert rows(root) == expected, points
        assert read_stamp(str(root))[0] == current()
        assert list(Path(root, "leases").glob("*.json")) == []
        store = Store(str(root))
        assert store.versions() == Store(str(wanted)).versions(), points
        assert all(releases.verify(store, name).files for name in releases.names(store))
        shutil.rmtree(root)
