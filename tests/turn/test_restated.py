"""What a source says otherwise of unchanged bytes holds at the next ingest, and costs no decode."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.storage.tables import Store
from pipelines.corpus.inventory import inventory
from pipelines.fold.hop import fold
from pipelines.hop import Run
from pipelines.ingest.hop import ingest
from pipelines.ingest.metadata_changes import as_new_revisions
from pipelines.media.options import PassOptions
from pipelines.sources.logs import RobotSource
from pipelines.sources.recordings import Item, Source
from pipelines.staging.options import IngestOptions
from schemas import Asset
from tests.pipelines.corpus.test_ledger import NS, asset
from tests.support.media import shot, write
from tests.support.robot_logs import write_plain

BARE = PassOptions(blur_faces=())
RECIPE = BARE.recipe
pytestmark = pytest.mark.filterwarnings("default")  # Beam warns of its own affairs


def _item(**said: Any) -> Item:
    return replace(Item("/v", "r1", "ego", modified_ns=1), **said)


def _run(tmp_path: Path, *rows: Asset) -> Run:
    run = Run(Store(str(tmp_path / "corpus")), "run")
    if rows:
        run.store.insert("assets", list(rows), run_id="t")
    return run


def test_what_is_new_or_says_the_same_stays_as_it_is(tmp_path: Path) -> None:
    items = [_item(), _item(uri="/new", licence="CC0"), _item(bad=("x", "y"), licence="CC0")]
    run = _run(tmp_path, asset("/v", "s", NS, NS, recipe=RECIPE))
    assert as_new_revisions(run, items[:2], RECIPE) == items[:2]
    assert as_new_revisions(run, items[2:], RECIPE) == items[2:]
    twice = [_item(), _item(licence="CC0")]
    assert as_new_revisions(run, twice, RECIPE) == twice, "two sources offer it: nobody says which of them is newer"


@pytest.mark.parametrize("said", [{"licence": "CC0"}, {"stage": "web"}, {"consent": "c"}])
def test_what_says_otherwise_is_newer_each_time(tmp_path: Path, said: dict[str, str]) -> None:
    first = asset("/v", "s", NS, NS, recipe=RECIPE)
    (item,) = as_new_revisions(_run(tmp_path, first), [_item(**said)], RECIPE)
    assert (item.revision, item.modified_ns, item.served) == ("r1+~1", 2, False)
    told = {"stage": item.stage, "licence": item.licence, "consent": item.consent}
    second = asset("/v", "s", NS, NS, recipe=RECIPE, revision=item.revision, modified_ns=2, **told)
    (back,) = as_new_revisions(_run(tmp_path, second), [_item()], RECIPE)
    assert (back.revision, back.modified_ns) == ("r1+~2", 3)


def test_a_new_revision_that_says_otherwise_comes_after_the_one_before(tmp_path: Path) -> None:
    run = _run(tmp_path, asset("/v", "s", NS, NS, recipe=RECIPE, revision="z", modified_ns=9))
    (item,) = as_new_revisions(run, [_item(revision="a", licence="CC0")], RECIPE)
    assert (item.revision, item.modified_ns) == ("a", 10)


@pytest.mark.slow
def test_a_licence_corrected_for_the_robot_holds_at_once(tmp_path: Path) -> None:
    write_plain(tmp_path / "logs", "a", np.zeros((12, 2)), np.zeros((12, 2)))
    store = Store(str(tmp_path / "corpus"))

    def taken(run_id: str, licence: str | None) -> tuple[str | None, dict[str, int]]:
        robot = RobotSource(kind="plain_log", uri=str(tmp_path / "logs"), licence=licence)
        done = fold(Run(store, run_id), [robot], IngestOptions(cutting=BARE))
        (row,) = [r for r in inventory(store, RECIPE).table.to_pylist() if r["primary"]]
        return row["licence"], done.added

    assert taken("1", None)[0] is None
    for run_id, licence in (("2", "CC0-1.0"), ("3", "proprietary"), ("4", None)):
        assert taken(run_id, licence) == (licence, {"assets": 1})
        assert taken(run_id + "again", licence) == (licence, {})


@pytest.mark.slow
def test_a_licence_corrected_in_the_config_or_beside_the_file_holds_at_once(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    path = write(tmp_path / "media" / "v.mp4", shot(1, 6))
    store = Store(str(tmp_path / "corpus"))

    def taken(run_id: str, licence: str) -> tuple[str | None, dict[str, int]]:
        source = Source("folder", str(tmp_path / "media"), licence=licence)
        done = ingest(Run(store, run_id), [source], IngestOptions(cutting=BARE))
        (row,) = inventory(store, RECIPE).table.to_pylist()
        assert row["current"]
        assert row["primary"]
        return row["licence"], done.added

    assert taken("1", "CC-BY-4.0") == ("CC-BY-4.0", {"proxies": 1, "clips": 1, "assets": 1})
    assert taken("2", "CC-BY-NC-4.0") == ("CC-BY-NC-4.0", {"assets": 1})
    assert taken("3", "CC-BY-NC-4.0") == ("CC-BY-NC-4.0", {})
    for i, licence in enumerate(("CC0-1.0", "CC-BY-ND-4.0")):
        sidecar = path.with_suffix(".json")
        sidecar.write_text(json.dumps({"licence": licence}))
        os.utime(sidecar, ns=(0, 10 - i))  # each older than the one before
        assert taken(f"4{i}", "CC-BY-NC-4.0") == (licence, {"assets": 1})


@pytest.mark.slow
def test_what_is_said_again_after_something_else_holds_again(tmp_path: Path) -> None:
    """Beside a file that no listing reads, whose revision was there before."""
    (tmp_path / "media").mkdir()
    write(tmp_path / "media" / "v.mp4", shot(1, 6)).with_suffix(".txt").write_text("Opens it.")
    store = Store(str(tmp_path / "corpus"))
    for run_id, licence in enumerate(("CC-BY-4.0", "proprietary", "CC-BY-4.0", "proprietary")):
        source = Source("folder", str(tmp_path / "media"), licence=licence)
        ingest(Run(store, str(run_id)), [source], IngestOptions(cutting=BARE))
        assert [row["licence"] for row in inventory(store, RECIPE).table.to_pylist()] == [licence]
        assert ingest(Run(store, f"{run_id}again"), [source], IngestOptions(cutting=BARE)).added == {}


def test_a_server_with_two_etags_for_the_same_bytes_says_nothing_new(tmp_path: Path) -> None:
    rows = [asset("/v", "s", NS, NS, recipe=RECIPE, revision=r, modified_ns=i) for i, r in enumerate(("a", "b"))]
    items = [_item(revision="a", served=True)]
    assert as_new_revisions(_run(tmp_path, *rows), items, RECIPE) == items
