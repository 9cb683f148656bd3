"""The same data and recipe give the same release id wherever they ran; a corrected outcome gives another."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from infra.store import Store
from pipelines import release as files
from tests.faults.compare import state_of
from tests.faults.corpus import Corpus
from tests.faults.turns import told, turned


def correct(log: Path, success: bool | None) -> None:
    """Writes another outcome into a log's header, at a later time."""
    header, *steps = log.read_text().splitlines()
    stat = log.stat()
    log.write_text("\n".join([json.dumps(json.loads(header) | {"success": success}), *steps]) + "\n")
    os.utime(log, ns=(stat.st_atime_ns, stat.st_mtime_ns + 5_000_000_000))


def release_of(root: Path, name: str) -> dict[str, Any]:
    return files.load(Store(str(root)), name)


def test_place_order_and_workers_do_not_change_the_id_but_a_corrected_outcome_does(tmp_path: Path) -> None:
    here = turned()
    elsewhere = shutil.copytree(here.corpus.folder, tmp_path / "another place" / "input")
    root = tmp_path / "other root"
    config = Corpus(elsewhere).config(tmp_path / "b.toml", root=str(root), order=(1, 0), workers=1)
    other = told(["turn", "--config", str(config)])
    one, two = release_of(here.root, here.told["release"]), release_of(root, other["release"])
    assert one["id"] == two["id"]
    assert one["selection"] == two["selection"]
    assert {v: f["root"] for v, f in one["views"].items()} == {v: f["root"] for v, f in two["views"].items()}
    assert one["counts"] == two["counts"]

    log = elsewhere / "logs" / "attempt_1.jsonl"
    correct(log, True)
    corrected = told(["turn", "--config", str(config)])
    third = release_of(root, corrected["release"])
    assert third["id"] != two["id"]
    assert third["parent"] == two["name"]
    assert third["counts"]["outcomes"]["success"] == two["counts"]["outcomes"]["success"] + 1

    correct(log, False)
    back = told(["turn", "--config", str(config)])
    fourth = release_of(root, back["release"])
    assert fourth["id"] == two["id"]
    assert fourth["parent"] == third["name"]
    assert told(["turn", "--config", str(config)])["added"] == {}
    state = state_of(root, config)
    assert state.releases == {r["name"]: r["id"] for r in (two, third, fourth)}
    assert state.doubled == {}
