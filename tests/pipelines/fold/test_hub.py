"""fold from the Hub: the rows of the same data set on disk; a new commit costs what it changed, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.storage.tables import Store
from pipelines.fold.hop import fold
from pipelines.hop import Done, Run
from pipelines.sources.logs import RobotSource
from pipelines.staging.options import IngestOptions
from schemas.errors import UsageError
from tests.support.hub_server import Hub, serving_hub
from tests.support.robot_logs import CAMERA_KEY, LeRobotSpec, write_lerobot, write_lerobot_v21

SET = "hf://datasets/org/set@main"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving_hub() as server:
        yield server


def fold_into(root: Path, uri: str, run_id: str) -> Done:
    return fold(Run(Store(str(root)), run_id), [RobotSource(kind="lerobot", uri=uri)], IngestOptions())


def rows_of(root: Path, table: str, *, without: tuple[str, ...]) -> list[dict[str, Any]]:
    """Rows in an order that no place has a part in, without what names one."""
    rows = [{k: v for k, v in row.items() if k not in without} for row in Store(str(root)).read(table).to_pylist()]
    return sorted(rows, key=repr)


@pytest.mark.slow
def test_a_data_set_of_the_hub_folds_to_the_rows_of_its_files(hub: Hub, tmp_path: Path) -> None:
    local = write_lerobot(tmp_path / "set", LeRobotSpec())
    hub.repo().push_folder(local)
    hub.page = 2
    there, here = fold_into(tmp_path / "there", SET, "one"), fold_into(tmp_path / "here", str(local), "one")
    assert there.added == here.added
    assert there.added["episodes"] == 3
    assert set(Store(str(tmp_path / "there")).read("episodes")["namespace"].to_pylist()) == {"org/set"}
    places = ("uri", "revision", "modified_ns", "run_id", "episode_row_id", "episode_id", "namespace", "root")
    for table in ("episodes", "steps", "clips"):
        ours, theirs = (rows_of(tmp_path / root, table, without=places) for root in ("there", "here"))
        assert ours == theirs
    (asset,) = Store(str(tmp_path / "there")).read("assets").to_pylist()
    assert asset["uri"] == f"{SET}/videos/{CAMERA_KEY}/chunk-000/file-000.mp4"
    assert asset["revision"] == asset["sha256"]
    assert hub.served.count(f"videos/{CAMERA_KEY}/chunk-000/file-000.mp4") == 1


@pytest.mark.slow
def test_a_new_commit_costs_what_it_changed(hub: Hub, tmp_path: Path) -> None:
    old, new = (
        write_lerobot_v21(tmp_path / name, LeRobotSpec(version="v2.1", orphans=0, lengths=lengths))
        for name, lengths in (("old", (12, 9)), ("new", (12, 9, 15)))
    )
    hub.repo().push_folder(old)
    assert fold_into(tmp_path / "corpus", SET, "one").added["episodes"] == 2
    hub.served.clear()
    assert fold_into(tmp_path / "corpus", SET, "two").added == {}
    assert all(path.startswith("meta/") for path in hub.served)
    hub.repo().push_folder(new)
    hub.served.clear()
    assert fold_into(tmp_path / "corpus", SET, "three").added["episodes"] == 1
    data = {path for path in hub.served if not path.startswith("meta/")}
    video = f"videos/chunk-000/{CAMERA_KEY}/episode_000002.mp4"
    assert data == {"data/chunk-000/episode_000002.parquet", video}
    assert hub.served.count(video) == 1


def test_a_data_set_that_is_not_there_stops_the_run_with_what_to_do(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such data set"):
        fold_into(tmp_path / "corpus", "hf://datasets/org/none", "one")
    hub.repo().push({"readme.md": b""})
    with pytest.raises(UsageError, match="are not there"):
        fold_into(tmp_path / "corpus", f"{SET}/logs", "two")
