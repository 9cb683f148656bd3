"""The same data and recipe give the same release id wherever they ran; a corrected outcome gives another."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from infra.storage.tables import Store
from pipelines.corpus import releases as files
from pipelines.corpus.inventory import inventory
from pipelines.corpus.release_document import ReleaseDocument
from tests.faults.compare import state_of
from tests.faults.corpus import Corpus
from tests.faults.turns import Turned, told
from tests.pipelines.corpus.test_ledger import NS, RECIPE, asset


def narration(text: str) -> dict[str, Any]:
    return {"text": text, "start_ns": None, "end_ns": None}


def correct(log: Path, success: bool | None) -> None:
    """Writes another outcome into a log's header, at a later time."""
    header, *steps = log.read_text().splitlines()
    stat = log.stat()
    log.write_text("\n".join([json.dumps(json.loads(header) | {"success": success}), *steps]) + "\n")
    os.utime(log, ns=(stat.st_atime_ns, stat.st_mtime_ns + 5_000_000_000))


@pytest.mark.parametrize("other", [{"licence": "CC0"}, {"stage": "web"}, {"narrations": [narration("Cuts.")]}])
def test_which_copy_speaks_for_its_bytes_does_not_hang_on_paths(tmp_path: Path, other: dict[str, Any]) -> None:
    found = []
    for i, (mine, copy) in enumerate([("/a", "/b"), ("/b", "/a")]):
        store = Store(str(tmp_path / str(i)))
        rows = [asset(mine, "s1", NS, NS), asset(copy, "s1", NS, NS, **other)]
        store.insert("assets", [*rows, asset("/c", "s2", NS, NS, recipe="older")], run_id="t")
        spoken = inventory(store, RECIPE)
        spoken = spoken.filter(spoken["primary"]).table.select(["sha256", "stage", "licence", "narrations"])
        found.append(spoken.to_pylist())
    assert found[0] == found[1]
    assert [row["sha256"] for row in found[0]] == ["s1"]


def test_a_copy_read_under_this_recipe_speaks_before_ones_that_wait(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    older = [asset(f"/old/{i}", "s1", NS, NS, recipe="older") for i in range(20)]
    store.insert("assets", [*older, asset("/now", "s1", NS, NS)], run_id="t")
    spoken = inventory(store, RECIPE)
    assert spoken.filter(spoken["primary"])["uri"].to_pylist() == ["/now"]


def release_of(root: Path, name: str) -> ReleaseDocument:
    return files.load(Store(str(root)), name)


@pytest.mark.slow
def test_place_order_and_workers_do_not_change_the_id_but_a_corrected_outcome_does(
    tmp_path: Path, turned: Turned
) -> None:
    here = turned
    elsewhere = shutil.copytree(here.corpus.folder, tmp_path / "another place" / "input")
    root = tmp_path / "other root"
    config = Corpus(elsewhere).config(tmp_path / "b.toml", root=str(root), order=(1, 0), workers=1)
    other = told(["turn", "--config", str(config)])
    one, two = release_of(here.root, here.told["release"]), release_of(root, other["release"])
    assert one.id == two.id
    assert one.selection == two.selection
    assert {v: f.root for v, f in one.views.items()} == {v: f.root for v, f in two.views.items()}
    assert one.counts == two.counts

    log = elsewhere / "logs" / "attempt_1.jsonl"
    correct(log, True)
    corrected = told(["turn", "--config", str(config)])
    third = release_of(root, corrected["release"])
    assert third.id != two.id
    assert third.parent == two.name
    assert third.counts["outcomes"]["success"] == two.counts["outcomes"]["success"] + 1

    correct(log, False)
    back = told(["turn", "--config", str(config)])
    fourth = release_of(root, back["release"])
    assert fourth.id == two.id
    assert fourth.parent == third.name
    assert told(["turn", "--config", str(config)])["added"] == {}
    state = state_of(root, config)
    assert state.releases == {r.name: r.id for r in (two, third, fourth)}
    assert state.doubled == {}
