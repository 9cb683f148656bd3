"""The report: its numbers are the ledger's, every reason is shown, every name escaped, the page bounded."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.storage.tables import Store
from orchestration.reports.choice import spread
from orchestration.reports.page import duration, leveled
from orchestration.reports.pictures import PictureStyle, SampledFrames, columns_of, hands_by_time, picture_of
from orchestration.reports.report import ReportOptions, report, report_of
from pipelines.corpus.ledger import PLACES, ledger
from pipelines.corpus.release_document import ReleaseDocument, release_of
from schemas.errors import UsageError
from schemas.spans import NS
from tests.support.corpus import HOSTILE, POLICY, RECIPE, corpus, drawn, episode, hands

RELEASE = release_of(
    {
        "name": "2026-01-02.1",
        "id": "ab" * 32,
        "parent": "2026-01-01.1",
        "created": "2026-01-02T03:04:05+00:00",
        "views": {"wm_ego": {"clips": 3, "hours": 0.5}, "idm_so101": {"clips": 2, "hours": 0.1}},
        "splits": {"wm_ego": {"train": 2, "val": 1}},
        "counts": {
            "hours_by_stage": {"ego": 0.5},
            "tasks": {"Pick <u>it</u>": {"episodes": 2, "scenes": 1}},
            "outcomes": {"success": 1, "failure": 1},
            "embodiments": {"so101": {"episodes": 2, "hours": 0.1}},
        },
    }
)


class Page(HTMLParser):
    """Elements of a page, its text and the ends that lack a start."""

    VOID = frozenset({"meta", "img", "input", "br", "rect", "path", "link"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Attributes of every element of a tag."""
        return [attrs for name, attrs in self.elements if name == tag]

    @property
    def text(self) -> str:
        """The text, with single spaces."""
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def page(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Page:
    return Page(written(store, tmp_path_factory.mktemp("out"), RELEASE))


def written(store: Store, folder: Path, release: ReleaseDocument | None, options: ReportOptions | None = None) -> str:
    out = report(store, RECIPE, POLICY, release, folder / "deep" / "report.html", options)
    return out.read_text(encoding="utf-8")


def test_well_formed_and_alone(page: Page) -> None:
    assert not page.wrong
    assert not page.open
    assert len(page.all("h1")) == 1
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    for _, attrs in page.elements:
        for name in ("src", "href"):
            link = attrs.get(name)
            assert link is None or link.startswith(("data:image/jpeg;base64,", "#"))


def test_numbers_are_the_ledgers(store: Store, page: Page) -> None:
    account, rows = ledger(store, RECIPE, POLICY)
    assert account.unbalanced_ns() == 0
    assert all(account.places[p] for p in PLACES), "the fixture leaves a place of the ledger empty"
    shown = {str(r["data-reason"]): float(str(r["data-seconds"])) for r in page.all("tr") if "data-reason" in r}
    assert shown == {reason: ns / NS for reason, ns in account.by_reason.items()}
    bar = next(d for d in page.all("div") if d.get("class") == "bar tall")
    assert bar["aria-label"] == ", ".join(f"{p} {duration(account.places[p] / NS)}" for p in PLACES)
    for place in PLACES:
        assert f"{place} {duration(account.places[place] / NS)}" in page.text
    styles = " ".join(str(i.get("style")) for i in page.all("i"))
    widths = [float(w) for w in re.findall(r"width:([\d.]+)%", styles)]
    assert sum(widths[: len(PLACES)]) == pytest.approx(100, abs=0.01)
    assert f"Every recording ({sum(r.account.input_ns > 0 for r in rows)})" in page.text


def test_every_reason_stage_and_outcome_is_shown(store: Store, page: Page) -> None:
    decisions = store.read("decisions", ["verdict", "reasons"]).to_pylist()
    finds = [str(attrs["data-find"]) for _, attrs in page.elements if "data-find" in attrs]
    assert {r for d in decisions for r in d["reasons"]} - {"no_calibration"} <= set(" ".join(finds).split())
    human = ["kept ego", "kept web", "reject ego", "reject web"]
    for word in [*human, "robot success", "robot failure", "robot unknown"]:
        assert any(f.startswith(word) for f in finds), word
    files = ["html_page", "empty_file", "0 bytes <b>bold</b>"]
    for words in [*files, "no_calibration", "exact_duplicate", "cut_short"]:
        assert words in page.text, words


def test_captions_and_robot_texts(page: Page) -> None:
    assert "L1 L2 Move the cup. L3 Move the cup & the <em>lid</em>. Longer captions L5 Long words." in page.text
    assert "told to Pick the block. achieved Leave the block where it is." in page.text
    assert "dropped <i>block</i> at frame 31" in page.text
    assert "nouns_unsupported caption 2 spoon" in page.text
    assert "unknown 1 attempt 4.0 s" in page.text
    assert "By outcome" in page.text
    assert "By task" in page.text


def test_release_is_shown(page: Page) -> None:
    head = ["Release 2026-01-02.1", "ab" * 32, "2026-01-01.1", "2026-01-02 03:04 UTC"]
    for words in [*head, "wm_ego 3 30 min 00 s"]:
        assert words in page.text, words
    assert "2 train, 1 val" in page.text
    assert "Pick <u>it</u> 2 episodes, 1 scene" in page.text
    assert "pins/" in page.text or ".pin" in page.text


def test_hostile_names_are_text(page: Page) -> None:
    assert HOSTILE in page.text
    assert len(page.all("script")) == 1
    assert not [t for t, a in page.elements if "onerror" in a or t in ("em", "u")]
    assert not [a for a in page.all("img") if not str(a["src"]).startswith("data:")]


def test_pictures_have_words(page: Page) -> None:
    pictures = page.all("img")
    assert len(pictures) == len({str(a["alt"]) for a in pictures}) >= 12
    assert all(re.search(r"frames of .+, at [\d., ]+ s", str(a["alt"]), re.S) for a in pictures)
    assert page.all("rect"), "no hand is marked"


def test_no_release_and_no_row(tmp_path: Path) -> None:
    empty = Page(written(Store(str(tmp_path / "nothing")), tmp_path, None))
    assert not empty.wrong
    for words in (
        "No release yet",
        "holds no recording yet",
        "No span is kept yet",
        "No robot log was folded in",
    ):
        assert words in empty.text, words


@pytest.mark.slow
def test_same_tables_same_page(store: Store, tmp_path: Path) -> None:
    assert written(store, tmp_path / "a", RELEASE) == written(store, tmp_path / "b", RELEASE)


def test_unknown_release_is_a_usage_error(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no release 'x'"):
        report_of(store, RECIPE, POLICY, "x", tmp_path / "r.html")
    assert "No release yet" in report_of(store, RECIPE, POLICY, None, tmp_path / "r.html").read_text("utf-8")


@pytest.mark.slow
def test_bounded_and_reads_only_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = corpus(tmp_path / "root", more_clips=400)
    asked: dict[str, int] = {}
    read_keys, read = Store.read_keys, Store.read

    def spy(self: Store, table: str, column: str, values: Sequence[str], columns: Any = None) -> pa.Table:
        asked[table] = asked.get(table, 0) + len(values)
        return read_keys(self, table, column, values, columns)

    def no_scan(self: Store, table: str, columns: Any = None, where: Any = None, version: Any = None) -> pa.Table:
        assert where is not None or table not in ("proxies", "hands"), f"{table} read whole"
        return read(self, table, columns, where, version)

    monkeypatch.setattr(Store, "read_keys", spy)
    monkeypatch.setattr(Store, "read", no_scan)
    html = written(many, tmp_path, None)
    limits = ReportOptions()
    assert asked["proxies"] <= limits.kept + limits.refused + limits.attempts
    assert len(html) < 6_000_000
    assert len(Page(html).all("img")) <= limits.kept + limits.refused + limits.attempts
    small = ReportOptions(pictures_bytes=20_000)
    lean = written(many, tmp_path, None, small)
    assert 0 < len(Page(lean).all("img")) < len(Page(html).all("img"))
    assert sum(len(str(a["src"])) for a in Page(lean).all("img")) <= 20_000
    assert "size bound was reached" in lean


@pytest.mark.slow
def test_corrected_episode_replaces_the_first(tmp_path: Path) -> None:
    store = corpus(tmp_path / "root")
    later = dataclasses.replace(
        episode("robot/001.mp4", ("success", None, None), 8),
        episode_row_id="later",
        revision="2",
        modified_ns=5,
    )
    store.insert("episodes", [later], run_id="r")
    text = Page(written(store, tmp_path, None)).text
    assert "dropped" not in text
    assert "2 success, 1 unknown" in text


def test_damaged_proxies_cost_only_their_picture() -> None:
    times = [0, NS, 2 * NS]
    assert picture_of(SampledFrames(times, [b"", b"no jpeg", b""], 160, 90), {}, (0, 3 * NS), PictureStyle()) is None
    damaged = SampledFrames(times, [drawn(0, 3, 90), b"no jpeg", drawn(2, 3, 90)], 160, 90)
    found = picture_of(damaged, {}, (0, 3 * NS), PictureStyle())
    assert found is not None
    assert found.times_s == (0.0, 2.0)


def test_hands_lie_on_their_frame() -> None:
    times = [i * NS for i in range(4)]
    samples = SampledFrames(times, [drawn(i, 4, 160) for i in range(4)], 284, 160)
    style = PictureStyle(thumb_px=100, tallest_px=100)
    found = picture_of(samples, hands_by_time(hands("c", times)), (2 * NS, 4 * NS), style)
    assert found is not None
    assert found.times_s == (2.0, 3.0)
    (mark,) = found.hands
    # Two frames of 200 px: the hand of the first is within it, at .3 to .55 of its width.
    assert (mark.x, mark.width) == (pytest.approx(60, abs=0.2), pytest.approx(50, abs=0.3))
    assert mark.bones.count("M") == 6


@given(st.integers(1, 12), st.floats(0.2, 5))
@pytest.mark.slow
def test_frames_fill_the_box(frames: int, aspect: float) -> None:
    def size(columns: int) -> float:
        return min(8 / 3 / (columns * aspect), 1 / -(-frames // columns))

    assert size(columns_of(frames, aspect)) == pytest.approx(max(size(n) for n in range(1, frames + 1)), abs=1e-6)


LABELS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz")), max_size=40)


@given(LABELS, st.integers(0, 40), st.data())
def test_spread_covers_labels_first(rows: list[tuple[str, str]], most: int, data: st.DataObject) -> None:
    keys = [f"{i:03d}" for i in range(len(rows))]
    chosen = spread([[a for a, _ in rows], [b for _, b in rows]], keys, most)
    assert len(chosen) == len(set(chosen)) == min(most, len(rows))
    shown, there = [rows[i][0] for i in chosen], {a for a, _ in rows}
    assert len(set(shown)) == min(len(there), most)
    counts = np.array([shown.count(a) for a in there if shown.count(a) < sum(b == a for b, _ in rows)])
    assert not len(counts) or max((shown.count(a) for a in there), default=0) - counts.min() <= 1
    order = data.draw(st.permutations(range(len(rows))))
    again = spread([[rows[i][0] for i in order], [rows[i][1] for i in order]], [keys[i] for i in order], most)
    assert [order[i] for i in again] == chosen


def test_equal_levels_share_a_line() -> None:
    texts = {"L1": "a", "L2": "a", "L3": "b"}
    assert leveled(texts, ("instruction", "L1", "L2", "L3")) == [("L1 L2", "a"), ("L3", "b")]
