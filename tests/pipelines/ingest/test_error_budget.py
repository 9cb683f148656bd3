"""A run of which too much is refused stops before it commits more, says why, and publishes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.storage.tables import Store
from orchestration import turn
from orchestration.config import Config
from pipelines.hop import Done, Run
from pipelines.ingest.error_budget import Budget
from pipelines.ingest.hop import ingest
from pipelines.sources.recordings import Source
from pipelines.staging.options import IngestOptions
from schemas.errors import TooManyRejects


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 30), st.floats(0, 1)), max_size=12), st.floats(0, 1), st.integers(1, 20))
def test_it_stops_at_the_first_batch_over_the_share_and_the_least_count(
    batches: list[tuple[int, float]], share: float, least: int
) -> None:
    budget, tried, refused = Budget(share, least), 0, 0
    for items, part in batches:
        bad = int(items * part)
        tried, refused = tried + items, refused + bad
        if refused >= least and refused > share * tried:
            with pytest.raises(TooManyRejects, match=f"{refused} of {tried} items"):
                budget.spend(items, ["html_page"] * bad)
            return
        budget.spend(items, ["html_page"] * bad)


def test_the_message_names_the_reasons_and_the_next_command() -> None:
    with pytest.raises(TooManyRejects) as caught:
        Budget(0.5, 3).spend(5, ["http_404", "html_page", "http_404"])
    assert "2 http_404, 1 html_page" in str(caught.value)
    assert "--set ingest.max_reject_share=1" in str(caught.value)
    assert caught.value.exit_code == 3


def _pages(folder: Path, names: range) -> None:
    folder.mkdir(exist_ok=True)
    for i in names:
        (folder / f"{i:03}.mp4").write_text("<!doctype html>")


def _ingest(tmp_path: Path, run_id: str, **options: float) -> Done:
    run = Run(Store(str(tmp_path / "root")), run_id)
    return ingest(run, [Source("folder", str(tmp_path / "media"))], IngestOptions(**options))  # type: ignore[arg-type]


@pytest.mark.slow
def test_what_was_committed_before_stays_and_the_last_batch_is_not_final(tmp_path: Path) -> None:
    _pages(tmp_path / "media", range(5))
    with pytest.raises(TooManyRejects, match=r"4 of 4 items of this run were refused \(4 html_page\)"):
        _ingest(tmp_path, "one", batch_items=2, min_rejects=3)
    store = Store(str(tmp_path / "root"))
    assert [Path(r["uri"]).name for r in store.read("rejects").to_pylist()] == ["000.mp4", "001.mp4"]
    assert not any(p.is_file() for p in (tmp_path / "root" / "staging").rglob("*"))
    assert _ingest(tmp_path, "two", max_reject_share=1.0, min_rejects=3).added == {"rejects": 3}


@pytest.mark.slow
def test_a_small_run_and_one_within_its_share_go_on(tmp_path: Path) -> None:
    _pages(tmp_path / "media", range(2))
    assert _ingest(tmp_path, "one").added == {"rejects": 2}
    assert _ingest(tmp_path, "two", max_reject_share=0.0, min_rejects=1).added == {}


def test_a_turn_ends_there(tmp_path: Path) -> None:
    _pages(tmp_path / "media", range(3))
    config = Config(
        root=str(tmp_path / "root"), source=(Source("folder", str(tmp_path / "media")),),
        ingest=IngestOptions(min_rejects=2),
    )  # fmt: skip
    hops = turn.turn(turn.context_of(config))
    with pytest.raises(TooManyRejects):
        next(hops)
    assert list(hops) == []
    assert set(Store(config.root).versions().values()) == {0}
