"""What a purpose does not allow enters no view of a release, and every place says why."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pyarrow as pa
import pytest

from infra import gate
from orchestration.cli.life import life_of
from orchestration.reports.report import report
from pipelines.caption.hop import missing
from pipelines.caption.options import CaptionOptions
from pipelines.corpus.ledger import ledger
from pipelines.filter.hop import decide_clips
from pipelines.publish.expectations import expectations
from pipelines.publish.selection import PublishOptions, select
from schemas.keys import key_of
from tests.pipelines.caption.test_hop import POLICY, RECIPE, Corpus

COMMERCIAL = dataclasses.replace(POLICY, purpose="commercial")
OPTIONS = PublishOptions()


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return Corpus(tmp_path)


def _licence(corpus: Corpus, name: str, licence: str, stage: str, revision: str = "2") -> None:
    """A newer revision of the recording's place that states a licence."""
    corpus.add(
        "assets", asset_id=key_of(name, revision), uri=name, revision=revision, modified_ns=int(revision),
        sha256=name.ljust(64, "0"), stage=stage, licence=licence, narrations=[], recipe=RECIPE,
        decoded_ns=4 * 10**9, duration_ns=4 * 10**9,
    )  # fmt: skip


def _views(corpus: Corpus) -> tuple[dict[str, set[str]], dict[str, int]]:
    """Views by recording, and what was left out, of what was decided for research."""
    rows, left_out = select(corpus.store, RECIPE, POLICY, OPTIONS)
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row.uri, set()).add(row.view)
    return found, left_out


@pytest.mark.slow
def test_no_view_takes_what_a_licence_forbids_even_if_it_was_accepted(corpus: Corpus) -> None:
    """Decided before the licence was known: at once out of every view, the one that takes all verdicts included."""
    for name in ("a", "b"):
        corpus.span(name, text="#C C picks up a cup")
    for name in ("r", "s"):
        corpus.attempt(name, "failure")
    corpus.do()
    every = {"a": {"wm_ego"}, "b": {"wm_ego"}, **{n: {"wm_robot", "idm_widowx"} for n in ("r", "s")}}
    assert _views(corpus) == (every, {})
    _licence(corpus, "b", "CC-BY-NC-ND-4.0", "ego")
    _licence(corpus, "r", "All rights reserved", "robot")
    allowed = {name: every[name] for name in ("a", "s")}
    assert _views(corpus) == (allowed, {})
    decide_clips(corpus.run, RECIPE, POLICY)
    assert _views(corpus) == (allowed, {"licence_no_derivatives": 1, "licence_reserved": 2})


@pytest.mark.slow
def test_a_licence_that_is_corrected_is_told_alike_everywhere(corpus: Corpus, tmp_path: Path) -> None:
    key = corpus.span("b", text="#C C picks up a cup")
    _licence(corpus, "b", "CC-BY-4.0", "ego", "2")
    decide_clips(corpus.run, RECIPE, POLICY)
    kept = _told(corpus, key, tmp_path)
    _licence(corpus, "b", "CC-BY-ND-4.0", "ego", "3")
    assert _told(corpus, key, tmp_path) == ({"undecided"}, {"superseded"}, True, 0), "until it is decided again"
    decide_clips(corpus.run, RECIPE, POLICY)
    forbidden = {"licence_no_derivatives"}
    assert _told(corpus, key, tmp_path) == (forbidden, {"superseded", "reject licence_no_derivatives"}, True, 0)
    assert _views(corpus) == ({}, {"licence_no_derivatives": 1})
    _licence(corpus, "b", "CC-BY-4.0", "ego", "4")
    again = _told(corpus, key, tmp_path)
    assert (again[0], again[3]) == (kept[0], kept[3]) == (set(), 1)
    assert decide_clips(corpus.run, RECIPE, POLICY).added == {}, "what was decided of that licence holds again"


def _told(corpus: Corpus, key: str, folder: Path) -> tuple[set[str], set[str], bool, int]:
    """The ledger's reasons, what `why` says of the verdicts, whether the report agrees, and spans to be captioned."""
    account, _ = ledger(corpus.store, RECIPE, POLICY.digest)
    assert account.unbalanced_ns() == 0
    now = {d["now"] for d in life_of(corpus.store, key, RECIPE, POLICY).plain()["decisions"]}
    html = report(corpus.store, RECIPE, POLICY.digest, None, folder / "report.html").read_text()
    agrees = all(f'<tr data-reason="{reason}"' in html for reason in account.by_reason)
    return set(account.by_reason), now, agrees, len(missing(corpus.store, RECIPE, POLICY, CaptionOptions()))


@pytest.mark.slow
def test_decisions_ledger_and_release_say_why(corpus: Corpus) -> None:
    for name, licence in (("a", "CC-BY-4.0"), ("b", "CC-BY-NC-4.0")):
        corpus.span(name, text="#C C picks up a cup")
        _licence(corpus, name, licence, "ego")
    corpus.attempt("r", "failure")  # states no licence
    corpus.do()
    decide_clips(corpus.run, RECIPE, COMMERCIAL)
    decided = corpus.store.read("decisions", where=f"policy = '{COMMERCIAL.digest}'").to_pylist()
    reasons = {d["sha256"][0]: d["reasons"] for d in decided if d["verdict"] == "reject"}
    assert reasons["b"] == ["licence_noncommercial"]
    assert reasons["r"] == ["licence_unknown"]
    account, _ = ledger(corpus.store, RECIPE, COMMERCIAL.digest)
    assert account.by_reason["licence_noncommercial"] == 4 * 10**9
    rows, left_out = select(corpus.store, RECIPE, COMMERCIAL, OPTIONS)
    assert {r["uri"] for r in rows} <= {"a"}
    assert (left_out["licence_noncommercial"], left_out["licence_unknown"]) == (1, 2)


@pytest.mark.filterwarnings("default")  # Great Expectations warns of its own affairs
@pytest.mark.slow
def test_the_gate_refuses_a_row_that_came_by_another_way(tmp_path: Path) -> None:
    rules = [r for r in expectations("wm_ego", OPTIONS) if r[1].get("column") == "licence_refusal"]
    assert rules
    for why, passed in ((None, True), ("licence_unknown", False)):
        table = pa.table({"licence_refusal": pa.array([None, why], pa.string())})
        docs = tmp_path / str(passed)
        docs.mkdir()
        assert gate.check({"wm_ego": table}, {"wm_ego": rules}, docs)["success"] is passed
