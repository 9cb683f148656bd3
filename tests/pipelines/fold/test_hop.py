"""The fold hop: logs in, rows out, once; bad parts refused with a reason; a run that dies is made up for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.storage.tables import Store
from pipelines.corpus.ledger import ledger
from pipelines.fold.hop import fold
from pipelines.hop import Done, Run
from pipelines.sources.logs import RobotSource
from pipelines.staging.options import IngestOptions
from schemas import TABLES
from schemas.arrow import key_column
from schemas.errors import UsageError
from tests.support.robot_logs import LeRobotSpec, write_lerobot, write_plain, write_video

TOUCHED = ("assets", "clips", "proxies", "episodes", "steps", "rejects")
RECIPE = IngestOptions().cutting.recipe


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A success, a failure, a log with a broken line, a video that is too short, one that is none."""
    root = tmp_path_factory.mktemp("logs")
    rng = np.random.default_rng(0)
    plain = root / "plain"
    for i, name in enumerate(("fine", "failed", "broken", "short", "nonsense")):
        header = {"success": name != "failed", "mode": "noisy" if name == "failed" else "expert"}
        write_plain(plain, name, rng.normal(size=(20, 3)), rng.normal(size=(20, 2)) + i, header, video=False)
        write_video(plain / f"{name}.mp4", 8 if name == "short" else 20, size=(64, 48 + 16 * i))
    path = plain / "broken.jsonl"
    path.write_text(path.read_text().replace('"t": 0.5', '"t": 0.5.'))
    (plain / "nonsense.mp4").write_bytes(b"\x00" * 5000)
    write_lerobot(root / "lerobot", LeRobotSpec())
    return root


def _sources(logs: Path) -> list[RobotSource]:
    kinds = {"plain_log": "plain", "lerobot": "lerobot"}
    return [RobotSource(kind=k, uri=str(logs / f), licence="CC0-1.0") for k, f in kinds.items()]


def _fold(root: Path, logs: Path, run_id: str) -> Done:
    return fold(Run(Store(str(root)), run_id), _sources(logs), IngestOptions())


def _contents(root: Path) -> dict[str, dict[str, str]]:
    """Every touched table as key -> the rest of its row, provenance left out."""
    out = {}
    for name in TOUCHED:
        key = key_column(TABLES[name])
        rows: list[dict[str, Any]] = Store(str(root)).read(name).to_pylist()
        out[name] = {r.pop(key): json.dumps(r | {"run_id": ""}, sort_keys=True, default=repr) for r in rows}
        assert len(out[name]) == len(rows), f"{name} holds a key twice"
    return out


@pytest.fixture(scope="module")
def whole(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables of an undisturbed run."""
    root = tmp_path_factory.mktemp("whole")
    _fold(root, logs, "first")
    return root


def test_rows_of_good_logs_and_reasons_of_bad_ones(whole: Path) -> None:
    store = Store(str(whole))
    episodes = {r["name"]: r for r in store.read("episodes").to_pylist()}
    assert set(episodes) == {"fine", "failed", "episode_000000", "episode_000001", "episode_000002"}
    assert (episodes["failed"]["outcome"], episodes["failed"]["failure_mode"]) == ("failure", "noisy")
    reasons = sorted((Path(r["uri"]).name, r["reason"]) for r in store.read("rejects").to_pylist())
    assert [r for r in reasons if r[0] != "nonsense.mp4"] == [
        ("broken.jsonl", "bad_json"),
        ("file-000.parquet", "orphan_rows"),
        ("nonsense.jsonl", next(reason for name, reason in reasons if name == "nonsense.mp4")),
        ("short.jsonl", "video_mismatch"),
    ]
    assert store.read("steps").num_rows == 2 * 20 + 12 + 9 + 15
    assert set(store.read("assets", ["stage"])["stage"].to_pylist()) == {"robot"}


def test_every_attempt_has_a_clip_of_its_span_with_a_proxy(whole: Path) -> None:
    store = Store(str(whole))
    clips = {(c["sha256"], c["start_ns"], c["end_ns"]): c for c in store.read("clips").to_pylist()}
    proxies = {p["clip_id"]: p for p in store.read("proxies").to_pylist()}
    for episode in store.read("episodes").to_pylist():
        (camera,) = episode["cameras"]
        clip = clips[camera["sha256"], camera["start_ns"], camera["end_ns"]]
        assert clip["frame_count"] == episode["frame_count"]
        assert (clip["camera"], clip["cutter"]) == (camera["camera"], "episode")
        assert all(clip["start_ns"] <= t < clip["end_ns"] for t in proxies[clip["clip_id"]]["sample_ns"])
        assert len(proxies[clip["clip_id"]]["jpegs"]) >= 3


def test_the_books_balance(whole: Path) -> None:
    account, _ = ledger(Store(str(whole)), RECIPE, "none")
    assert account.unbalanced_ns() == 0
    assert account.input_ns == (20 + 20 + 20 + 8 + 36) * 100_000_000
    assert account.by_reason["no_episode"] == (20 + 8) * 100_000_000  # the broken log's and the short video


def test_the_second_run_adds_nothing_and_starts_no_engine(
    whole: Path, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.fold.hop._run_beam", lambda *_: pytest.fail("an engine started"))
    before = Store(str(whole)).versions()
    assert _fold(whole, logs, "again").added == {}
    assert Store(str(whole)).versions() == before


@pytest.mark.slow
def test_runs_that_die_before_a_table_are_made_up_for(
    whole: Path, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = Store.insert
    for table in ("clips", "episodes"):

        def dies(store: Store, name: str, rows: Any, *, run_id: str, last: str = table) -> int:
            if name == last:
                raise KeyboardInterrupt
            return int(insert(store, name, rows, run_id=run_id))

        with monkeypatch.context() as patched:
            patched.setattr(Store, "insert", dies)
            with pytest.raises(KeyboardInterrupt):
                _fold(tmp_path, logs, f"dies-{table}")
        assert Store(str(tmp_path)).read(table).num_rows == 0
    _fold(tmp_path, logs, "next")
    assert _contents(tmp_path) == _contents(whole)


def test_an_unknown_kind_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="plain_log, lerobot"):
        fold(Run(Store(str(tmp_path)), "r"), [RobotSource(kind="bag", uri="x")], IngestOptions())
