"""What a release selects: captions drawn by the seed, splits that nothing straddles, a digest that forgets places."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.corpus.captions import CaptionText
from pipelines.publish.selection import PublishOptions, ViewRow, draw_caption, selection_digest, split_rows

OPTIONS = PublishOptions()
LEVELS = ("L1", "L2", "L3", "L4", "L5")


def _said(kind: str, model: str = "grounded-1", prompt: str = "p") -> CaptionText:
    return CaptionText("s", "b", kind, f"{kind} by {model}", model, prompt)


def _row(clip_id: str, group: list[str], **values: Any) -> ViewRow:
    """A row of which nothing but these matters."""
    plain: dict[str, Any] = {f.name: None for f in dataclasses.fields(ViewRow)}
    return ViewRow(**plain | {"clip_id": clip_id, "source_clip": clip_id, "group": group} | values)


WHOLE = [_said("original", "source", ""), *(_said(k) for k in LEVELS)]


def _kind(span: str, rows: list[CaptionText], options: PublishOptions = OPTIONS) -> str | None:
    drawn = draw_caption(span, rows, options)
    return None if drawn is None else drawn.kind


def test_the_blend_is_what_the_options_say() -> None:
    n = 20_000
    drawn = [_kind(f"span-{i}", WHOLE) for i in range(n)]
    shares = {k: drawn.count(k) / n for k in ("original", *LEVELS)}
    assert shares["original"] == pytest.approx(0.05, abs=0.006)
    for level, weight in OPTIONS.level_weights.items():
        assert shares[level] == pytest.approx(0.95 * weight, abs=0.012)


@given(st.text(min_size=1, max_size=20), st.integers(0, 2**31), st.randoms(use_true_random=False))
def test_the_draw_depends_on_the_span_and_the_seed_alone(span: str, seed: int, random: random.Random) -> None:
    options = PublishOptions(seed=seed)
    rows = list(WHOLE)
    random.shuffle(rows)
    assert draw_caption(span, rows, options) == draw_caption(span, list(WHOLE), options)


def test_another_seed_draws_otherwise() -> None:
    spans = [f"span-{i}" for i in range(200)]
    a, b = ([_kind(s, WHOLE, PublishOptions(seed=seed)) for s in spans] for seed in (1, 2))
    assert a != b


@given(st.sets(st.sampled_from(LEVELS), min_size=1), st.integers(0, 300))
def test_only_levels_that_were_written_are_drawn(levels: set[str], i: int) -> None:
    drawn = _kind(f"span-{i}", [_said(k) for k in sorted(levels)])
    assert drawn in levels


def test_a_robots_failure_says_what_was_achieved() -> None:
    rows = [_said("instruction"), _said("achieved"), *(_said(k) for k in LEVELS)]
    assert {_kind(f"span-{i}", rows) for i in range(50)} == {"achieved"}


def test_no_written_caption_is_no_caption() -> None:
    assert draw_caption("s", [], OPTIONS) is None
    assert draw_caption("s", [_said("original", "source")], OPTIONS) is None


def test_models_are_preferred_in_order_and_grounded_comes_last() -> None:
    rows = [_said(k, m) for k in LEVELS for m in ("grounded-1", "qwen-3", "alpha-vlm")]

    def drawn_by(options: PublishOptions) -> set[str]:
        drawn = (draw_caption(f"s{i}", rows, options) for i in range(40))
        return {d.model for d in drawn if d is not None}

    assert drawn_by(OPTIONS) == {"alpha-vlm"}
    assert drawn_by(PublishOptions(caption_models=("qwen", "alpha"))) == {"qwen-3"}
    assert drawn_by(PublishOptions(caption_models=("grounded",))) == {"grounded-1"}


NAMES = st.sampled_from([f"n{i}" for i in range(12)])
ROWS = st.lists(
    st.tuples(st.lists(NAMES, max_size=3), st.integers(0, 15), st.one_of(st.none(), st.integers(0, 8))), max_size=25
)


def _rows(drawn: list[tuple[list[str], int, int | None]]) -> tuple[list[ViewRow], dict[str, str]]:
    rows = [_row(f"c{i}", [*names, f"sha:{sha}"]) for i, (names, sha, _) in enumerate(drawn)]
    return rows, {f"c{i}": f"group {g}" for i, (_, _, g) in enumerate(drawn) if g is not None}


@settings(max_examples=200)
@given(ROWS, st.integers(0, 50), st.randoms(use_true_random=False))
@pytest.mark.slow
def test_nothing_straddles_a_split_in_any_order(drawn: Any, seed: int, random: random.Random) -> None:
    options = PublishOptions(seed=seed, val_share=0.5)
    rows, alike = _rows(drawn)
    rows = split_rows(rows, alike, options)
    sides: dict[str, set[str]] = {}
    for row in rows:
        for name in [*row.group, alike.get(row.clip_id, row.group[0])]:
            sides.setdefault(name, set()).add(row.split)
    assert all(len(s) == 1 for s in sides.values())
    assert {r.split for r in rows} <= {"train", "val"}
    again, _ = _rows(drawn)
    random.shuffle(again)
    again = split_rows(again, alike, options)
    assert {r.clip_id: r.split for r in again} == {r.clip_id: r.split for r in rows}


@pytest.mark.slow
def test_the_val_share_is_what_the_options_say() -> None:
    rows = split_rows([_row(f"c{i}", [f"sha:{i}"]) for i in range(10_000)], {}, OPTIONS)
    assert sum(r.split == "val" for r in rows) / len(rows) == pytest.approx(OPTIONS.val_share, abs=0.01)


def _selected(root: str) -> list[ViewRow]:
    values = {"view": "wm_ego", "sha256": "a" * 64, "uri": f"{root}/a.mp4", "split": "train", "times_ns": [0, 1]}
    return [_row("c1", [root, "w"], caption="Opens the jar.", **values)]


def test_the_digest_is_the_same_wherever_the_recordings_lie() -> None:
    here, there = _selected("/data/one"), _selected("s3://bucket/two")
    assert selection_digest(here, {"p": 1}) == selection_digest(there, {"p": 1})


@pytest.mark.parametrize(("key", "value"), [("caption", "Shuts the jar."), ("split", "val"), ("times_ns", [0, 2])])
def test_the_digest_tells_what_would_be_published(key: str, value: Any) -> None:
    rows = _selected("/data")
    other = [dataclasses.replace(rows[0], **{key: value})]
    assert selection_digest(rows, {}) != selection_digest(other, {})
    assert selection_digest(rows, {}) != selection_digest(rows, {"seed": 8})
