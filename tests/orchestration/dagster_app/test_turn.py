"""A whole turn as Dagster runs it: every hop an asset, in one process, on one recording."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

dg = pytest.importorskip("dagster")

from orchestration.config import load  # noqa: E402
from orchestration.dagster_app.definitions import build  # noqa: E402
from orchestration.turn import HOPS  # noqa: E402

NAMES = [hop.name for hop in HOPS]
SAMPLES = Path(os.environ.get("HANDWHEEL_SAMPLES") or Path(__file__).resolve().parents[4] / "shared" / "data")
FILM = SAMPLES / "rendered_hands" / "sample_success.mp4"


def added(result: Any) -> dict[str, int]:
    """Rows that each hop added."""
    return {hop: result.asset_materializations_for_node(hop)[0].metadata["rows"].value for hop in NAMES}


@pytest.mark.slow
@pytest.mark.skipif(not FILM.exists(), reason="no sample media: set HANDWHEEL_SAMPLES")
@pytest.mark.filterwarnings("default")  # Beam, Ray and Great Expectations warn of their own affairs
def test_all_assets_materialize_and_a_second_time_add_nothing(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    shutil.copy(FILM, tmp_path / "media")
    path = tmp_path / "handwheel.toml"
    path.write_text('root = "corpus"\n[[source]]\nkind = "folder"\nuri = "media"\nstage = "ego"\n')
    job = build(load(path, [], None)).resolve_job_def("turn")
    with dg.DagsterInstance.ephemeral() as instance:
        first = job.execute_in_process(instance=instance)
        second = job.execute_in_process(instance=instance)
    rows = added(first)
    assert {hop for hop, n in rows.items() if n} == set(NAMES) - {"fold", "dedup"}  # one clip is nobody's copy
    assert sum(added(second).values()) == 0
    checks = {e.check_name: e.passed for e in first.get_asset_check_evaluations()}
    assert checks == {"gate": True, "books_balance": True}
    versions = [
        {hop: r.asset_materializations_for_node(hop)[0].tags["dagster/data_version"] for hop in NAMES}
        for r in (first, second)
    ]
    assert versions[0] == versions[1]
