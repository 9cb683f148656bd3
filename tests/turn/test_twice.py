"""Two commands at once, and one turn after another: the tables of one run, each row once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.faults.compare import differences, state_of
from tests.faults.turns import Turned, start, told


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory, turned: Turned) -> Path:
    """A root after one `ingest`."""
    root = tmp_path_factory.mktemp("once") / "corpus"
    told(["ingest", "--config", str(turned.config), "--root", str(root)])
    return root


@pytest.mark.slow
@pytest.mark.parametrize("wait_s", [0, 120])
def test_two_ingests_at_once_are_one(once: Path, tmp_path: Path, turned: Turned, wait_s: int) -> None:
    root, config = tmp_path / "corpus", turned.config
    words = ["ingest", "--config", str(config), "--root", str(root), "--set", f"lease_wait_s={wait_s}"]
    commands = [start(words) for _ in range(2)]
    said = [c.communicate(timeout=240) for c in commands]
    codes = sorted(c.returncode for c in commands)
    assert differences(state_of(once, config), state_of(root, config)) == []
    added = sorted(json.loads(out)["added"].get("assets", 0) for out, _ in said if out)
    if wait_s:
        assert codes == [0, 0], said
        assert added[0] == 0
        assert added[1] > 0
    else:
        # A process that started late finds the lease free and nothing to do; else it is refused.
        assert codes in ([0, 5], [0, 0]), said
        refused = [err for (_, err), c in zip(said, commands, strict=True) if c.returncode == 5]
        for err in refused:
            assert "is held by run" in err
            assert "run the same command again" in err
    assert list((root / "leases").glob("*.json")) == []


@pytest.mark.slow
def test_a_second_turn_adds_nothing(tmp_path: Path, turned: Turned) -> None:
    root, config = tmp_path / "corpus", turned.config
    shutil.copytree(turned.root, root)
    before = state_of(root, config)
    again = told(["turn", "--config", str(config), "--root", str(root)])
    assert again["added"] == {}
    assert again["release"] is None
    assert again["triggers"] == []
    assert again["versions"] == turned.told["versions"]
    assert differences(before, state_of(root, config)) == []
    assert len(before.releases) == 1
    assert turned.told["triggers"] != []
