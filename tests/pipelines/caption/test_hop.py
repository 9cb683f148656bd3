"""The caption hop over real tables: what it takes, what it writes, that it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from filters.policies.policy import Policy
from infra.storage.tables import Store
from pipelines.caption.hop import caption, missing
from pipelines.caption.options import CaptionOptions
from pipelines.hop import Ray, Run
from pipelines.publish.selection import PublishOptions, select
from schemas import TABLES
from schemas.arrow import schema_of
from schemas.errors import UsageError
from schemas.keys import clip_id, key_of

POLICY, RECIPE, S = Policy(detector="d"), "r", 1_000_000_000
GROUNDED = CaptionOptions()


def row(table: str, **values: Any) -> dict[str, Any]:
    """A row with what matters, the rest null, empty or zero."""
    blank: dict[str, Any] = {}
    for field in schema_of(TABLES[table]):
        kind = str(field.type)
        zero: Any = [] if kind.startswith("list") else 0 if kind in ("int64", "double") else ""
        blank[field.name] = None if field.nullable else zero
    return blank | values


class Corpus:
    """Tables of a few recordings, filled by hand."""

    def __init__(self, root: Path) -> None:
        self.store = Store(str(root))
        self.run = Run(self.store, "run")

    def add(self, table: str, **values: Any) -> None:
        self.store.insert(table, [row(table, **values)], run_id="run")

    def span(self, name: str, stage: str = "ego", verdict: str = "accept", text: str | None = None) -> str:
        """A recording of 4 s that is one clip and one span, its right hand moving left."""
        sha = name.ljust(64, "0")
        key = clip_id(sha, 0, 4 * S)
        words = [] if text is None else [{"start_ns": None, "end_ns": None, "text": text}]
        times = [i * S // 4 for i in range(16)]
        hand = {"side": "right", "side_score": 0.9, "score": 0.9, "presence": 0.9, "y0": 0.5, "y1": 0.7,
                "keypoints": None, "contact": 0.9}  # fmt: skip
        track = [hand | {"sample": i, "x0": 0.7 - i / 30, "x1": 0.9 - i / 30} for i in range(16)]
        picture = bytes(cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1])
        self.add(
            "assets", asset_id=key_of(name), uri=name, sha256=sha, stage=stage,
            narrations=words, recipe=RECIPE, decoded_ns=4 * S, duration_ns=4 * S,
        )  # fmt: skip
        self.add("clips", clip_row_id=key_of(key, RECIPE), clip_id=key, sha256=sha, end_ns=4 * S, recipe=RECIPE)
        seen = {"sample_ns": times, "width_px": 64, "height_px": 48, "jpegs": [picture] * 16}
        self.add("proxies", clip_row_id=key_of(key, RECIPE), clip_id=key, **seen)
        if stage != "robot":
            row = key_of(key, RECIPE)
            self.add(
                "hands",
                hands_id=key_of(row, "d"),
                clip_row_id=row,
                clip_id=key,
                detector="d",
                sample_ns=times,
                hands=track,
            )
        self.add(
            "decisions", decision_id=key_of(key, key, POLICY.digest), span_id=key, clip_id=key, sha256=sha,
            clip_row_id=key_of(key, RECIPE), stage=stage,
            end_ns=4 * S, verdict=verdict, policy=POLICY.digest,
        )  # fmt: skip
        return key

    def attempt(self, name: str, outcome: str, **values: Any) -> str:
        key = self.span(name, stage="robot", verdict="unknown")
        camera = {"camera": "front", "sha256": name.ljust(64, "0"), "start_ns": 0, "end_ns": 4 * S}
        told = {"instruction": "put carrot on plate", "embodiment": "widowx"}
        given = told | {"fps_hz": 10.0, "cameras": [camera]}
        place = {"episode_row_id": key_of(name), "episode_id": name, "name": name, "uri": f"{name}.jsonl"}
        self.add("episodes", outcome=outcome, **place, **given, **values)
        return key

    def texts(self, key: str) -> dict[str, str]:
        rows = self.store.read("captions", where=f"span_id = '{key}'").to_pylist()
        return {r["kind"]: r["text"] for r in rows}

    def do(self, options: CaptionOptions = GROUNDED, ray: Ray | None = None) -> dict[str, int]:
        run = self.run if ray is None else Run(self.store, "run", ray=ray)
        return caption(run, RECIPE, POLICY, options).added


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return Corpus(tmp_path)


def test_kept_spans_get_all_levels_and_the_original_beside(corpus: Corpus) -> None:
    key = corpus.span("a", text="#C C picks up a cup")
    assert corpus.do() == {"captions": 6}
    texts = corpus.texts(key)
    assert texts["original"] == "#C C picks up a cup"
    assert texts["L1"] == "Pick up the cup."
    assert texts["L4"] == (
        "Pick up the cup. Move the right hand to the left in the middle of the picture. "
        "Keep the right hand in contact with something."
    )
    rows = corpus.store.read("captions").to_pylist()
    levels = [r for r in rows if r["kind"] != "original"]
    assert {r["parent"] for r in levels} == {r["caption_id"] for r in rows if r["kind"] == "original"}
    assert all(c["passed"] for r in levels for c in r["checks"])
    assert {(r["model"], r["sha256"]) for r in levels} == {("grounded 4", "a".ljust(64, "0"))}


def test_a_second_run_adds_nothing(corpus: Corpus) -> None:
    corpus.span("a")
    corpus.attempt("b", "success")
    assert corpus.do() == {"captions": 5 + 7}
    assert corpus.do() == {}
    corpus.span("c")
    assert corpus.do() == {"captions": 5}


def test_only_kept_spans_of_the_policy_are_captioned(corpus: Corpus) -> None:
    for verdict in ("reject", "quarantine", "unknown"):
        corpus.span(verdict, verdict=verdict)
    key = corpus.attempt("robot", "unknown")
    assert [job.span.span_id for job in missing(corpus.store, RECIPE, POLICY, GROUNDED)] == [key]
    assert missing(corpus.store, "other recipe", POLICY, GROUNDED) == []
    assert missing(corpus.store, RECIPE, Policy(detector="other"), GROUNDED) == []


def test_attempts_are_told_by_their_outcome(corpus: Corpus) -> None:
    failed = corpus.attempt("a", "failure", failure_mode="lower")
    unknown = corpus.attempt("b", "unknown")
    assert corpus.do() == {"captions": 7 + 6}
    assert corpus.texts(failed)["instruction"] == "Put the carrot on the plate."
    assert corpus.texts(failed)["achieved"] == "Fail to put the carrot on the plate. Stop while lowering."
    assert corpus.texts(unknown)["L2"] == "Attempt to put the carrot on the plate."
    assert "achieved" not in corpus.texts(unknown)


def test_a_corrected_outcome_gets_captions_of_its_own(corpus: Corpus) -> None:
    key = corpus.attempt("e", "success")
    corpus.do()
    assert "Fail" not in corpus.texts(key)["achieved"]
    camera = {"camera": "front", "sha256": "e".ljust(64, "0"), "start_ns": 0, "end_ns": 4 * S}
    corpus.add(
        "episodes", episode_row_id="later", episode_id="e", outcome="failure", modified_ns=1, fps_hz=10.0,
        instruction="put carrot on plate", embodiment="widowx", cameras=[camera],
    )  # fmt: skip
    assert corpus.do() == {"captions": 7}
    rows, _ = select(corpus.store, RECIPE, POLICY, PublishOptions())
    drawn = {r.caption for r in rows if r.clip_id == key}
    assert len(drawn) == 1
    assert drawn.pop().startswith("Fail")
    assert corpus.do() == {}


def test_what_fails_a_check_is_a_reject_and_is_not_tried_again(corpus: Corpus) -> None:
    words = "of " + ". ".join(f"thing{i}" for i in range(60))
    key = corpus.span("a", text=words)
    assert corpus.do() == {"captions": 1, "rejects": 1}
    reject = corpus.store.read("rejects").to_pylist()[0]
    assert (reject["subject"], reject["stage"], reject["reason"]) == (key, "caption", "narration_not_covered")
    assert corpus.do() == {}


def test_wrong_settings_stop_before_anything(corpus: Corpus) -> None:
    corpus.span("a")
    with pytest.raises(UsageError, match="one of grounded"):
        corpus.do(CaptionOptions(backend="magic"))
    with pytest.raises(UsageError, match="no vision-language model"):
        corpus.do(CaptionOptions(backend="transformers", model="/nowhere/at-all"))


@pytest.mark.slow
def test_a_real_model_goes_through_ray(corpus: Corpus, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="no torch: the transformers captioner is not tested")
    from tests.support import caption_child
    from tests.support.tiny_vlm import save_tiny_vlm

    keys = [corpus.span(f"{i}", text="#C C picks up a cup" if i % 2 else None) for i in range(4)]
    save_tiny_vlm(tmp_path / "vlm")
    args = [sys.executable, "-m", caption_child.__name__, str(tmp_path), str(tmp_path / "vlm")]
    child = subprocess.run(args, capture_output=True, text=True, timeout=300, check=False)
    assert child.returncode == 0, child.stderr[-3000:]
    # Random weights write no JSON: every span ends as a reject of that model, and grounded's words stand.
    added = json.loads(child.stdout.splitlines()[-1])
    assert added == [{"captions": 4 * 5 + 2}, {"rejects": 4}, {}, "bad setting"]
    assert corpus.texts(keys[1])["L1"] == "Pick up the cup."
    assert set(corpus.store.read("rejects")["reason"].to_pylist()) == {"bad_reply"}
