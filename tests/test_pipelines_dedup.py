"""The hop, and what follows from its pairs: releases, ledger and lives name each second once."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from captioning.facts import basis_of
from filters.policy import Policy
from infra.store import Store
from orchestration.lives import life
from orchestration.report import report
from orchestration.report_tiles import current_decisions
from pipelines import dedup as hop
from pipelines.dedup import dedup
from pipelines.hop import Done, Run
from pipelines.inventory import current_clips, inventory
from pipelines.ledger import ledger
from pipelines.views import PublishOptions, select
from schemas import Asset, Clip
from schemas.arrow import table_of
from schemas.spans import NS
from tests.corpus_fixture import caption
from tests.test_filters_fingerprints import brighter, flipped, picture, smaller, words_of, worse
from tests.test_ledger import RECIPE, asset, clip, decision

LENGTH = 6 * NS
SPAN = (0, LENGTH)
JUDGED = Policy(detector="d")
OPTIONS = PublishOptions(level_weights={"L1": 1.0}, original_share=0.0)


def recording(name: str, pixels: int, words: list[int], **other: Any) -> tuple[Asset, Clip]:
    """A recording of one clip, both named by a letter."""
    return (
        asset(f"/{name}.mp4", name * 64, LENGTH, LENGTH, width_px=pixels, height_px=1, **other),
        dataclasses.replace(clip(name * 64, SPAN), fingerprints=words),
    )


@pytest.fixture(scope="module")
def recordings() -> dict[str, tuple[Asset, Clip]]:
    """An original, its copies, another take of its scene, and a robot's recording of the very same frames."""

    def made(change: Any = lambda rgb: rgb, take: int = 0) -> list[int]:
        return words_of(lambda t: change(picture(2, take, t)), LENGTH / NS)

    return {
        "original": recording("a", 400, made()),
        "remuxed": recording("b", 400, made()),
        "small": recording("c", 100, made(smaller)),
        "mirrored": recording("d", 300, made(flipped)),
        "worse": recording("e", 200, made(lambda rgb: brighter(worse(rgb)))),
        "other take": recording("f", 400, made(take=1)),
        "robot": recording("9", 900, made(), stage="robot"),
        "black": recording("8", 400, words_of(lambda t: picture(2, 0, 0.0) * 0, LENGTH / NS)),
    }


def put(store: Store, *rows: tuple[Asset, Clip]) -> None:
    for table, i in (("clips", 1), ("assets", 0)):
        store.insert(table, [row[i] for row in rows], run_id="t")


def run(store: Store) -> Done:
    return dedup(Run(store=store, run_id="t"), RECIPE)


def rows_of(store: Store) -> list[dict[str, Any]]:
    return sorted(store.read("duplicates").to_pylist(), key=lambda r: str(r["duplicate_id"]))


@pytest.fixture(scope="module")
def compared(recordings: dict[str, tuple[Asset, Clip]], tmp_path_factory: pytest.TempPathFactory) -> Store:
    """All of them, compared at once."""
    store = Store(str(tmp_path_factory.mktemp("corpus")))
    put(store, *recordings.values())
    run(store)
    return store


def names_of(recordings: dict[str, tuple[Asset, Clip]], row: dict[str, Any]) -> tuple[str, ...]:
    by_id = {c.clip_id: name for name, (_, c) in recordings.items()}
    return tuple(sorted((by_id[row["clip_a"]], by_id[row["clip_b"]])))


def test_copies_are_found_and_nothing_else(recordings: dict[str, tuple[Asset, Clip]], compared: Store) -> None:
    found = {names_of(recordings, r): r for r in rows_of(compared)}
    copies = sorted(["original", "remuxed", "small", "mirrored", "worse"])
    assert set(found) == set(itertools.combinations(copies, 2))
    kinds = {names: r["kind"] for names, r in found.items()}
    assert kinds.pop(("original", "remuxed")) == "exact"
    assert {k for names, k in kinds.items() if "mirrored" in names} == {"mirrored"}
    assert {k for names, k in kinds.items() if "mirrored" not in names} == {"near"}
    assert all(r["clip_a"] < r["clip_b"] and abs(r["offset_ns"]) < NS // 10 for r in found.values())
    assert compared.read("marks").num_rows == 7  # everyone but the robot


def test_the_order_of_arrival_changes_no_row(
    recordings: dict[str, tuple[Asset, Clip]], compared: Store, tmp_path: Path
) -> None:
    store = Store(str(tmp_path))
    for batch in (["worse", "black"], ["mirrored", "other take", "original"], ["small", "robot", "remuxed"]):
        put(store, *(recordings[name] for name in batch))
        run(store)
    assert rows_of(store) == rows_of(compared)


def test_a_killed_run_leaves_no_gap_and_a_done_one_no_work(
    recordings: dict[str, tuple[Asset, Clip]], compared: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(tmp_path))
    put(store, *recordings.values())
    real = Store.insert

    def dies(self: Store, table: str, *args: Any, **more: Any) -> int:
        if table == "marks":
            raise KeyboardInterrupt
        return real(self, table, *args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "insert", dies)
        with pytest.raises(KeyboardInterrupt):
            run(store)
    assert store.read("marks").num_rows == 0
    run(store)
    assert rows_of(store) == rows_of(compared)
    monkeypatch.setattr(hop, "pipeline", None)
    assert run(store).line() == "nothing new"


def test_marks_that_many_clips_have_are_passed_over_and_told(
    recordings: dict[str, tuple[Asset, Clip]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(tmp_path))
    put(store, *(recordings[name] for name in ("original", "remuxed", "small")))
    monkeypatch.setattr(hop, "COMMON", 1)
    done = run(store)
    assert rows_of(store) == []
    assert "on more than 1 clips and were passed over" in done.line()


def test_a_batch_is_joined_with_the_index_and_with_itself(recordings: dict[str, tuple[Asset, Clip]]) -> None:
    def marks(clip_id: str, keys: list[int]) -> dict[str, Any]:
        return {"marks_id": clip_id, "clip_id": clip_id, "version": "v", "keys": keys, "at_ms": keys, "run_id": "t"}

    new = table_of(hop.Marks, [marks("n1", [1, 2, 3]), marks("n2", [3, 4])])
    known = table_of(hop.Marks, [marks("k1", [1, 9]), marks("k2", [9]), marks("k3", [])]).to_batches()
    shared, common = hop.joined(new, known)
    rows = sorted((r["key"], r["clip_id"], r["at_ms"], r["count"], r["new"]) for r in shared.to_pylist())
    assert rows == [(1, "k1", 1, 2, False), (1, "n1", 1, 3, True), (3, "n1", 3, 3, True), (3, "n2", 3, 2, True)]
    assert common == set()
    assert isinstance(shared, pa.Table)


@pytest.fixture(scope="module")
def decided(recordings: dict[str, tuple[Asset, Clip]], compared: Store) -> Store:
    """The same with a verdict on all, and a caption for each."""
    for a, _ in recordings.values():
        verdict = ("unknown", ["no_calibration"]) if a.stage == "robot" else ("accept", [])
        made = decision(a.sha256, SPAN, SPAN, *verdict)
        made = dataclasses.replace(made, policy=JUDGED.digest, stage=a.stage, licence=a.licence)
        said = caption(made.span_id, a.sha256, "L1", "Moves a disc.")
        said = dataclasses.replace(said, basis=basis_of([], None, dataclasses.asdict(made)))
        compared.insert("decisions", [made], run_id="t")
        compared.insert("captions", [said], run_id="t")
    return compared


def test_a_release_takes_the_best_of_each_and_says_what_it_left(
    recordings: dict[str, tuple[Asset, Clip]], decided: Store
) -> None:
    rows, left_out = select(decided, RECIPE, JUDGED, OPTIONS)
    kept = {name for name, (a, _) in recordings.items() if a.sha256 in {r["sha256"] for r in rows}}
    # The remux is as large and as long as the original: the lesser clip id stays, whichever that is.
    best = min(("original", "remuxed"), key=lambda n: recordings[n][1].clip_id)
    assert kept == {best, "other take", "black"}
    assert left_out == {"near_duplicate": 3, "mirrored": 1}


def test_the_ledger_books_copies_and_still_balances(decided: Store) -> None:
    account, listed = ledger(decided, RECIPE, JUDGED.digest)
    assert account.unbalanced_ns() == 0
    assert account.places["kept"] == 3 * LENGTH
    assert account.by_reason == {
        "near_duplicate": 3 * LENGTH, "mirrored": LENGTH, "no_calibration": LENGTH,
    }  # fmt: skip
    assert (account.places["rejected"], account.places["quarantined"]) == (3 * LENGTH, LENGTH)
    assert {r["uri"] for r in listed if "mirrored" in r["by_reason"]} == {"/d.mp4"}


def test_the_report_tells_copies_as_the_ledger_does(decided: Store, tmp_path: Path) -> None:
    html = report(decided, RECIPE, JUDGED.digest, None, tmp_path / "report.html").read_text()
    assert all(f'<tr data-reason="{reason}"' in html for reason in ("near_duplicate", "mirrored"))
    assets = inventory(decided, RECIPE)
    clips = current_clips(decided, assets, RECIPE)
    table = current_decisions(decided, assets, clips, RECIPE, JUDGED.digest)
    told = {(r["reason"], r["verdict"]) for r in table.to_pylist() if r["stage"] != "robot"}
    assert told == {("", "accept"), ("near_duplicate", "reject"), ("mirrored", "quarantine")}


def test_what_cannot_be_cut_leaves_its_copies_in(recordings: dict[str, tuple[Asset, Clip]], decided: Store) -> None:
    from pipelines.parcel import reject

    versions = decided.versions()
    for name in ("original", "remuxed"):
        sha = recordings[name][0].sha256
        decided.insert("rejects", [reject(sha, "u", "publish", RECIPE, ("span_unreadable", ""), "t")], run_id="t")
    account, _ = ledger(decided, RECIPE, JUDGED.digest)
    assert account.unbalanced_ns() == 0
    assert account.by_reason["span_unreadable"] == 2 * LENGTH
    assert account.by_reason["mirrored"] == 2 * LENGTH  # the mirrored take is now the largest: its copies are turned
    assert ledger(decided.at(versions), RECIPE, JUDGED.digest)[0].by_reason["mirrored"] == LENGTH


@pytest.mark.parametrize("which", [lambda a, c: c.clip_id, lambda a, c: a.uri, lambda a, c: a.sha256])
def test_why_names_the_copies(recordings: dict[str, tuple[Asset, Clip]], compared: Store, which: Any) -> None:
    found = life(compared, which(*recordings["small"]), RECIPE, JUDGED.digest)
    assert len(found["duplicates"]) == 4
    assert all(recordings["small"][1].clip_id in (r["clip_a"], r["clip_b"]) for r in found["duplicates"])
    assert life(compared, which(*recordings["other take"]), RECIPE, JUDGED.digest)["duplicates"] == []
