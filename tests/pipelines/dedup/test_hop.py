"""The hop, and what follows from its pairs: releases, ledger and lives name each second once."""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from captioning.facts import basis_of
from filters import duplicates as chosen
from filters.duplicates import group_clips
from filters.policies.policy import Policy
from infra.storage.tables import Store
from orchestration.cli.life import life_of
from orchestration.reports.report import report
from pipelines.corpus.corpus import Corpus
from pipelines.corpus.duplicates import pairs_of
from pipelines.corpus.ledger import ledger
from pipelines.dedup import hop, index, matcher
from pipelines.dedup.hop import dedup
from pipelines.hop import Done, Run
from pipelines.publish.selection import PublishOptions, select
from schemas import Asset, Clip, Duplicate
from schemas.spans import NS
from tests.filters.test_fingerprints import brighter, flipped, picture, smaller, words_of, worse
from tests.pipelines.corpus.test_ledger import RECIPE, asset, clip, decision
from tests.support.corpus import caption

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


@pytest.mark.slow
def test_the_order_of_arrival_changes_no_row(
    recordings: dict[str, tuple[Asset, Clip]], compared: Store, tmp_path: Path
) -> None:
    store = Store(str(tmp_path))
    for batch in (["worse", "black"], ["mirrored", "other take", "original"], ["small", "robot", "remuxed"]):
        put(store, *(recordings[name] for name in batch))
        run(store)
    assert rows_of(store) == rows_of(compared)


@pytest.mark.slow
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
    monkeypatch.setattr(matcher, "pipeline", None)
    assert run(store).line() == "nothing new"


@pytest.mark.slow
def test_what_a_killed_run_posted_is_not_posted_again(
    recordings: dict[str, tuple[Asset, Clip]], compared: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(tmp_path))
    put(store, *(recordings[name] for name in ("original", "black")))
    with monkeypatch.context() as patch:
        patch.setattr(Store, "index", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(store)
    assert store.read("postings").num_rows > 2
    put(store, *recordings.values())
    run(store)
    found, wanted = (
        s.read("postings", ["posting_id", "key", "clip_id"]).sort_by("posting_id") for s in (store, compared)
    )
    assert found == wanted
    assert len(set(found["posting_id"].to_pylist())) == found.num_rows
    assert rows_of(store) == rows_of(compared)


KINDS = ("plain", "plain", "mirrored", "other")


def made_of(words: dict[str, list[int]], names: str) -> list[tuple[Asset, Clip]]:
    """A recording of one clip a letter; its length tells them apart by rank."""
    out = []
    for i, name in enumerate(names):
        sha, length = name * 64, LENGTH + i * NS // 1000
        cut = dataclasses.replace(clip(sha, (0, length)), fingerprints=words[KINDS[i % 4]])
        out.append((asset(f"/{name}.mp4", sha, length, length, width_px=100 + 100 * (i % 2), height_px=1), cut))
    return out


@pytest.fixture(scope="module")
def kinds() -> dict[str, list[int]]:
    """Fingerprints of a take, of the same in a mirror, and of another take."""
    made = {"plain": picture, "mirrored": lambda *at: flipped(picture(*at)), "other": lambda s, k, t: picture(s, 1, t)}
    return {name: words_of(lambda t, p=p: p(2, 0, t), LENGTH / NS) for name, p in made.items()}


@pytest.mark.slow
@settings(max_examples=3, deadline=None, phases=[Phase.generate])  # an example is some 5 runs of the hop
@given(st.randoms(use_true_random=False), st.integers(1, 3), st.integers(2, 4))
def test_pairs_are_a_function_of_the_clips_however_common_their_keys(
    kinds: dict[str, list[int]], rng: random.Random, common: int, most: int
) -> None:
    """Also where a key is on more clips than are compared with one another."""
    everyone = made_of(kinds, "01234567")
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(index, "MAX_COMPARED", common)
        patch.setattr(hop, "match_clips", in_process)
        at_once, by_and_by = Store(f"{folder}/a"), Store(f"{folder}/b")
        put(at_once, *everyone)
        run(at_once)
        left = rng.sample(everyone, len(everyone))
        while left:
            size = rng.randint(1, most)
            put(by_and_by, *left[:size])
            run(by_and_by)
            left = left[size:]
        found, wanted = (sorted(pairs_of(s, RECIPE), key=repr) for s in (at_once, by_and_by))
    assert found == wanted
    # Whatever its keys, a copy is with those that stand for all of them: none is left over.
    sets: dict[bool, set[str]] = {True: set(), False: set()}
    for i, (_, c) in enumerate(everyone):
        sets[KINDS[i % 4] == "other"].add(c.clip_id)
    assert group_clips(found) == {clip: min(group) for group in sets.values() for clip in group}


@pytest.mark.slow
def test_of_many_copies_the_best_alone_stays_though_few_were_compared_with_all(
    kinds: dict[str, list[int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, everyone = Store(str(tmp_path)), made_of(dict.fromkeys(KINDS, kinds["plain"]), "0123456789abcdef")
    for module in (index, chosen, hop):
        monkeypatch.setattr(module, "MAX_COMPARED", 3)
    put(store, *everyone)
    done = run(store)
    assert "on more than 3 clips" in done.line()
    pairs = pairs_of(store, RECIPE)
    assert len(pairs) == 3 * 13 + 3  # three stand for the keys: with one another and with all others
    takes = [
        chosen.CandidateSpan(c.clip_id, c.clip_id, c.start_ns, c.end_ns, a.width_px * a.height_px) for a, c in everyone
    ]
    best = max(everyone, key=lambda row: (row[0].width_px, row[1].end_ns))[1].clip_id
    assert set(chosen.find_copied_spans(takes, pairs)) == {c.clip_id for _, c in everyone} - {best}


def in_process(run: Run, _: str, shared: pa.Table, recipe: str) -> list[Duplicate]:
    """The hop's shuffle without an engine: the same functions, grouped by dicts."""
    by_key: dict[int, list[Any]] = {}
    for key, post in matcher.entries_by_key(shared.to_pydict()):
        by_key.setdefault(key, []).append(post)
    by_pair: dict[Any, list[Any]] = {}
    for names, vote in itertools.chain.from_iterable(map(matcher.votes_of, by_key.items())):
        by_pair.setdefault(names, []).append(vote)
    worker = matcher.MatchWorker(run.store, run.run_id, recipe, f"{run.store.root}/staged")
    worker.match(list(itertools.chain.from_iterable(map(matcher.agreed_pairs, by_pair.items()))))
    rows = [row for f in Path(worker.staging).glob("*.json") for row in json.loads(f.read_bytes())]
    shutil.rmtree(worker.staging)
    return [Duplicate(**row) for row in rows]


@pytest.fixture(scope="module")
def decided(recordings: dict[str, tuple[Asset, Clip]], compared: Store) -> Store:
    """The same with a verdict on all, and a caption for each."""
    for a, _ in recordings.values():
        verdict = ("unknown", ["no_calibration"]) if a.stage == "robot" else ("accept", [])
        made = decision(a.sha256, SPAN, SPAN, *verdict)
        made = dataclasses.replace(made, policy=JUDGED.digest, stage=a.stage, licence=a.licence)
        said = caption(made.span_id, a.sha256, "L1", "Moves a disc.")
        said = dataclasses.replace(said, basis=basis_of([], None, made))
        compared.insert("decisions", [made], run_id="t")
        compared.insert("captions", [said], run_id="t")
    return compared


def test_a_release_takes_the_best_of_each_and_says_what_it_left(
    recordings: dict[str, tuple[Asset, Clip]], decided: Store
) -> None:
    rows, left_out = select(decided, RECIPE, JUDGED, OPTIONS)
    kept = {name for name, (a, _) in recordings.items() if a.sha256 in {r.sha256 for r in rows}}
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
    assert {r.uri for r in listed if "mirrored" in r.account.by_reason} == {"/d.mp4"}


def test_the_report_tells_copies_as_the_ledger_does(decided: Store, tmp_path: Path) -> None:
    html = report(decided, RECIPE, JUDGED.digest, None, tmp_path / "report.html").read_text()
    assert all(f'<tr data-reason="{reason}"' in html for reason in ("near_duplicate", "mirrored"))
    decisions = Corpus(decided, RECIPE, JUDGED.digest).decisions(without_duplicates=True).rows()
    endings = {(" ".join(d.reasons), d.verdict) for d in decisions if d.stage != "robot"}
    assert endings == {("", "accept"), ("near_duplicate", "reject"), ("mirrored", "quarantine")}


def test_what_cannot_be_cut_leaves_its_copies_in(recordings: dict[str, tuple[Asset, Clip]], decided: Store) -> None:
    from pipelines.staging.package import reject

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
@pytest.mark.slow
def test_why_names_the_copies(recordings: dict[str, tuple[Asset, Clip]], compared: Store, which: Any) -> None:
    found = life_of(compared, which(*recordings["small"]), RECIPE, JUDGED)
    assert len(found.duplicates) == 4
    assert all(recordings["small"][1].clip_id in (r.clip_a, r.clip_b) for r in found.duplicates)
    assert life_of(compared, which(*recordings["other take"]), RECIPE, JUDGED).duplicates == []
