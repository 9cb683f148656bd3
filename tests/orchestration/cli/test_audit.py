"""`handwheel audit`: tables, one JSON object, floors and ceilings with exit 4, exit 2 without truth, the page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from filters.policies.policy import Policy
from infra.storage.tables import Store
from orchestration import turn as turns
from orchestration.cli.audit import AUDITS, as_text
from orchestration.reports.audit_page import worse
from pipelines.audits.intervals import Estimate
from pipelines.audits.result import Example, Result, broken, chosen
from pipelines.audits.tally import Metric
from tests.support.audits import truths, write
from tests.support.corpus import DETECTOR, POLICY, RECIPE, corpus

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus in `root` and its truth in `truth`."""
    folder = tmp_path_factory.mktemp("audit")
    corpus(folder / "root")
    write(folder / "truth", truths())
    return folder


@pytest.fixture
def audit(place: Path, monkeypatch: pytest.MonkeyPatch, handwheel: Command) -> Command:
    """Runs `handwheel audit` over the drawn corpus, whose recipe and policy are made up."""
    monkeypatch.setattr(turns, "recipe", lambda config: RECIPE)
    monkeypatch.setattr(Policy, "digest", POLICY)

    def run(*argv: str, root: Path = place / "root", truth: Path = place / "truth") -> tuple[int, str, str]:
        detector = f"policy.detector={json.dumps(DETECTOR)}"
        given = ["--root", str(root), "--truth", str(truth), "--set", detector]
        return handwheel("audit", *argv, *given)

    return run


@pytest.mark.parametrize("name", sorted(AUDITS))
def test_json_is_one_object_with_intervals(audit: Command, name: str) -> None:
    code, out, err = audit(name, "--json")
    assert code == 0, err
    plain: dict[str, Any] = json.loads(out)
    assert {"audit", "n", "metrics", "by", "unmatched", "examples"} == set(plain)
    assert plain["audit"] == name
    assert plain["n"] > 0
    for metric in plain["metrics"].values():
        assert set(metric) == {"estimate", "low", "high", "n"}
        if metric["low"] is not None:
            assert metric["low"] <= metric["estimate"] <= metric["high"]
    assert all(e["n"] > 0 for values in plain["by"].values() for found in values.values() for e in found.values())
    assert audit(name, "--json")[1] == out


@pytest.mark.parametrize("name", sorted(AUDITS))
def test_people_get_a_table(audit: Command, name: str) -> None:
    code, out, _ = audit(name)
    assert code == 0
    assert out.startswith(f"audit {name}")
    assert "left out: " in out
    assert max(map(len, out.splitlines())) <= 160


def test_floors_and_ceilings_exit_4_and_name_the_metric(audit: Command) -> None:
    assert audit("hands", "--floor", "recall=0.5", "--ceiling", "keypoint_error=0.2")[0] == 0
    code, out, err = audit("hands", "--json", "--floor", "recall=0.51", "--floor", "precision=0.1")
    assert code == 4
    assert json.loads(out)["metrics"]["recall"]["estimate"] == 0.5
    assert "recall is 0.5, its floor is 0.51" in err
    assert "precision" not in err
    code, _, err = audit("outcomes", "--ceiling", "frame_error=1")
    assert (code, "frame_error is 2, its ceiling is 1" in err) == (4, True)


def test_a_metric_without_a_case_is_below_every_floor() -> None:
    result = Result("hands", 1, (Metric("recall", ""),), {"recall": Estimate(None, None, None, 0)}, {}, {})
    assert broken(result, [("recall", 0.0)], []) == ["recall has no case to measure, its floor is 0"]
    assert broken(result, [], []) == []


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("hands", "--floor", "recal=1"), "recall, precision"),
        (("hands", "--floor", "recall"), "metric=value"),
        (("hands", "--floor", "keypoint_error=1"), "--ceiling keypoint_error=1"),
        (("hands", "--ceiling", "recall=1"), "--floor recall=1"),
    ],
)
def test_wrong_bounds_end_in_one_line_and_exit_2(audit: Command, argv: tuple[str, ...], words: str) -> None:
    code, out, err = audit(*argv)
    assert (code, out) == (2, "")
    assert words in err


def test_without_truth_or_corpus_the_next_command_is_told(audit: Command, tmp_path: Path) -> None:
    code, _, err = audit("cuts", truth=tmp_path / "nowhere")
    assert (code, "handwheel sim OUT" in err) == (2, True)
    code, _, err = audit("cuts", root=tmp_path / "empty")
    assert (code, "handwheel turn" in err) == (2, True)
    stranger = write(tmp_path / "strange", truths()[-1:])
    code, _, err = audit("cuts", truth=stranger)
    assert (code, "sha256" in err) == (2, True)
    odd = tmp_path / "odd" / "x.truth.json"
    odd.parent.mkdir()
    for text in ("{", "[]", '{"name": 1}'):
        odd.write_text(text)
        code, _, err = audit("cuts", truth=odd.parent)
        assert (code, str(odd) in err.replace("\n", "")) == (2, True)


@pytest.mark.parametrize("name", sorted(AUDITS))
@pytest.mark.slow
def test_the_page_has_bars_pictures_and_no_script(audit: Command, tmp_path: Path, name: str) -> None:
    page = tmp_path / "deep" / "page.html"
    code, _, err = audit(name, "--page", str(page))
    assert code == 0
    assert str(page) in err.replace("\n", "")
    html = page.read_text()
    assert "<script" not in html
    assert "<img src=x" not in html
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", html)
    if name != "outcomes":
        assert "data:image/jpeg;base64," in html
    if name == "hands":
        assert html.count('class="whisker"') > 4
        assert 'class="missed"' in html
        assert 'class="false"' in html


def test_examples_take_turns() -> None:
    many = [Example("missed", f"s{i % 3}", i, i, "") for i in range(30)] + [Example("false", "s0", 1, 1, "")]
    some = chosen(many, 7)
    assert [e.kind for e in some] == ["false"] + ["missed"] * 6
    assert sorted(e.sha256 for e in some[1:]) == ["s0", "s0", "s1", "s1", "s2", "s2"]
    assert chosen(reversed(many), 7) == some


def test_an_unknown_limit_is_shown_as_such() -> None:
    metric = Metric("recall", "found")
    found = Estimate(0.75, None, None, 4)
    result = Result("hands", 1, (metric,), {"recall": found}, {"light": {"dim": {"recall": found}}}, {})
    assert "0.75 [ ?" in as_text(result)
    assert "the same throughout: light dim" in as_text(result)
    assert "left out: nothing" in as_text(result)


def test_red_is_what_is_worse_with_all_of_its_interval() -> None:
    total, more, less = Estimate(0.5, 0.4, 0.6, 9), Metric("a", ""), Metric("b", "", less_is_better=True)
    low, wide = Estimate(0.2, 0.1, 0.4, 9), Estimate(0.4, 0.1, 0.7, 9)
    assert (worse(low, total, more), worse(low, total, less)) == (True, False)
    assert not worse(wide, total, more)


@pytest.mark.slow
def test_the_corpus_is_only_read(audit: Command, place: Path) -> None:
    before = Store(str(place / "root")).versions()
    for name in AUDITS:
        assert audit(name)[0] == 0
    assert Store(str(place / "root")).versions() == before
