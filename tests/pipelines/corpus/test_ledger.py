"""The ledger over random corpora: every nanosecond in one place, whatever was decided, copied, cut short or refused."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.storage.tables import Store
from pipelines.corpus.ledger import PLACE_OF, PLACES, as_json, as_text, ledger
from schemas import Asset, Clip, Decision, Reject
from schemas.keys import clip_id, key_of
from schemas.spans import NS, Span, split

RECIPE, POLICY = "recipe-now", "policy-now"


def asset(uri: str, sha: str, duration_ns: int, decoded_ns: int, **other: Any) -> Asset:
    """An asset of a recording; other: columns that differ from the usual."""
    recipe, revision = other.pop("recipe", RECIPE), other.pop("revision", "r1")
    usual = {
        "asset_id": key_of(uri, revision, recipe), "uri": uri, "revision": revision, "modified_ns": 1, "sha256": sha,
        "size_bytes": 1, "stage": "ego", "licence": None, "consent": None, "wearer_id": None, "robot_id": None,
        "site_id": None, "container": "mp4", "codec": "h264", "width_px": 64, "height_px": 48, "fps_hz": 10.0,
        "duration_ns": duration_ns, "decoded_ns": decoded_ns, "intrinsics_json": None, "narrations": [],
        "recipe": recipe, "run_id": "t",
    }  # fmt: skip
    return Asset(**usual | other)


def clip(sha: str, span: Span, recipe: str = RECIPE) -> Clip:
    """A clip without signals."""
    key = clip_id(sha, *span)
    return Clip(
        clip_row_id=key_of(key, recipe), clip_id=key, sha256=sha, start_ns=span[0], end_ns=span[1], camera=None,
        cutter="c", frame_count=1, damaged_frames=0, sharpness=None, brightness=None, motion=None, camera_motion=None,
        freeze_share=None, fingerprints=None, recipe=recipe, run_id="t",
    )  # fmt: skip


def decision(sha: str, within: Span, span: Span, verdict: str, reasons: list[str], policy: str = POLICY) -> Decision:
    """A verdict on a span of a clip."""
    key, clip = clip_id(sha, *span), clip_id(sha, *within)
    return Decision(
        decision_id=key_of(key, clip, policy), span_id=key, clip_id=clip, clip_row_id=key_of(clip, RECIPE),
        stage="ego", licence=None, sha256=sha, start_ns=span[0],
        end_ns=span[1], verdict=verdict, reasons=reasons, hand_share=None, bimanual=None, policy=policy, run_id="t",
    )  # fmt: skip


def refusal(stage: str, uri: str, reason: str, recipe: str = RECIPE) -> Reject:
    """A refused recording or log."""
    subject = key_of(uri, "r1", recipe)
    return Reject(
        reject_id=key_of(subject, stage, recipe), subject=subject, uri=uri, stage=stage, recipe=recipe, reason=reason,
        detail="", run_id="t",
    )  # fmt: skip


@dataclass
class Corpus:
    """Rows, and what the ledger must say of them."""

    rows: dict[str, list[Any]] = field(default_factory=lambda: {t: [] for t in ("assets", "clips", "decisions")})
    input_ns: int = 0
    places: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def book(self, place: str, ns: int, reason: str | None) -> None:
        self.places[place] += ns
        if reason is not None:
            self.reasons[reason] += ns


@st.composite
def corpora(draw: st.DrawFn) -> Corpus:
    corpus = Corpus()
    for i in range(draw(st.integers(0, 4))):
        _recording(draw, corpus, f"{i:064x}")
    return corpus


def _recording(draw: st.DrawFn, corpus: Corpus, sha: str) -> None:
    lengths = draw(st.lists(st.integers(1, 60 * NS), min_size=1, max_size=4))
    missing_ns = draw(st.sampled_from([0, 3 * NS]))
    gap_ns = draw(st.sampled_from([0, 1, 2 * NS]))  # a robot's recording: time outside every attempt
    decoded_ns = sum(lengths) + gap_ns
    corpus.input_ns += decoded_ns + missing_ns
    if draw(st.integers(0, 5)) == 0:
        old = asset(f"/{sha}", sha, decoded_ns + missing_ns, decoded_ns, recipe="recipe-old")
        corpus.rows["assets"].append(old)
        corpus.book("pending", decoded_ns + missing_ns, "new_recipe")
        return
    corpus.rows["assets"].append(asset(f"/{sha}", sha, decoded_ns + missing_ns, decoded_ns))
    if missing_ns:
        corpus.book("failed", missing_ns, "cut_short")
    if gap_ns:
        corpus.book("rejected", gap_ns, "no_episode")
    for copy in range(draw(st.integers(0, 2))):
        corpus.rows["assets"].append(asset(f"/copy{copy}/{sha}", sha, decoded_ns + missing_ns, decoded_ns))
        corpus.input_ns += decoded_ns + missing_ns
        corpus.book("rejected", decoded_ns + missing_ns, "exact_duplicate")
    at = 0
    for length in lengths:
        _clip(draw, corpus, sha, (at, at + length))
        at += length


def _clip(draw: st.DrawFn, corpus: Corpus, sha: str, span: Span) -> None:
    corpus.rows["clips"].append(clip(sha, span))
    if draw(st.integers(0, 3)) == 0:
        corpus.book("pending", span[1] - span[0], "undecided")
        corpus.rows["decisions"].append(decision(sha, span, span, "accept", [], policy="policy-old"))
        return
    parts = split(span, max(1, (span[1] - span[0]) // draw(st.integers(1, 4))))
    for part in [p for p in parts if p[1] > p[0]]:
        verdict = draw(st.sampled_from(sorted(PLACE_OF)))
        reasons = [] if verdict == "accept" else draw(st.lists(st.sampled_from("xyz"), min_size=1, max_size=2))
        corpus.rows["decisions"].append(decision(sha, span, part, verdict, reasons))
        corpus.book(PLACE_OF[verdict], part[1] - part[0], reasons[0] if reasons else None)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(corpora())
def test_the_books_balance(tmp_path_factory: pytest.TempPathFactory, corpus: Corpus) -> None:
    store = Store(str(tmp_path_factory.mktemp("corpus")))
    for table, rows in corpus.rows.items():
        store.insert(table, rows, run_id="t")
    account, rows = ledger(store, RECIPE, POLICY)
    assert account.unbalanced_ns() == 0
    assert account.input_ns == corpus.input_ns
    assert +Counter(account.places) == +corpus.places
    assert account.by_reason == dict(corpus.reasons)
    plain = as_json(account)
    assert list(plain) == ["input_s", *(f"{p}_s" for p in PLACES), "by_reason"]
    listed = as_json(account, rows)["assets"]
    assert len(listed) == len(corpus.rows["assets"])
    for name in ("input_s", *(f"{p}_s" for p in PLACES)):
        assert sum(r[name] for r in listed) == pytest.approx(plain[name], abs=1e-4)
    explained = sum(plain[f"{p}_s"] for p in PLACES if p != "kept")
    assert sum(plain["by_reason"].values()) == pytest.approx(explained, abs=1e-4)
    json.dumps(plain)


def test_a_newer_revision_stands_for_its_place(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    old, new = "a" * 64, "b" * 64
    rows = [
        asset("/v", old, 9 * NS, 9 * NS, revision="1", modified_ns=1),
        asset("/v", new, 4 * NS, 4 * NS, revision="2", modified_ns=2),
    ]
    store.insert("assets", rows, run_id="t")
    store.insert("clips", [clip(old, (0, 9 * NS)), clip(new, (0, 4 * NS))], run_id="t")
    account, listed = ledger(store, RECIPE, POLICY)
    assert (account.input_ns, account.places["pending"]) == (4 * NS, 4 * NS)
    assert [r.sha256 for r in listed] == [new]


def test_refused_recordings_and_logs_are_listed_with_nothing_read(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.insert("assets", [asset("/fine.mp4", "a" * 64, NS, NS)], run_id="t")
    rejects = [
        refusal("ingest", "/page.mp4", "html_page"),
        refusal("ingest", "/page.mp4", "html_page", recipe="recipe-old"),
        refusal("fold", "/robot.mp4", "not_media"),
        refusal("fold", "/robot.jsonl", "bad_json"),
        refusal("publish", "/fine.mp4", "span_unreadable"),
        refusal("ingest", "/fine.mp4", "bad_sidecar"),  # the asset's own key: it came in after all
    ]
    store.insert("rejects", rejects, run_id="t")
    account, rows = ledger(store, RECIPE, POLICY)
    assert account.unbalanced_ns() == 0
    refused = [r for r in rows if r.sha256 is None]
    assert [(r.uri, r.account.by_reason) for r in refused] == [
        ("/page.mp4", {"html_page": 0}), ("/robot.jsonl", {"bad_json": 0}), ("/robot.mp4", {"not_media": 0}),
    ]  # fmt: skip
    assert all(r.account.input_ns == sum(r.account.places.values()) == 0 for r in refused)
    assert {"html_page", "bad_json", "not_media"} < set(account.plain()["by_reason"])
    text = as_text(account, rows)
    assert "MISSING" not in text
    assert "/robot.mp4  not_media" in text


def test_an_empty_corpus_has_an_empty_ledger(tmp_path: Path) -> None:
    account, rows = ledger(Store(str(tmp_path)), RECIPE, POLICY)
    assert rows == []
    assert account.plain() == {"input_s": 0.0, "by_reason": {}} | {f"{p}_s": 0.0 for p in PLACES}


def test_what_could_not_be_cut_when_it_was_published_is_failed(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    whole = (0, 4 * NS)
    store.insert("assets", [asset("a", "s" * 64, 4 * NS, 4 * NS)], run_id="t")
    store.insert("clips", [clip("s" * 64, whole)], run_id="t")
    kept, refused = (0, 3 * NS), (3 * NS, 4 * NS)
    rows = [
        decision("s" * 64, whole, kept, "accept", []),
        decision("s" * 64, whole, refused, "reject", ["no_hands"]),
    ]
    store.insert("decisions", rows, run_id="t")
    assert ledger(store, RECIPE, POLICY)[0].places["kept"] == 3 * NS
    row = refusal("publish", "a", "span_unreadable")
    store.insert("rejects", [dataclasses.replace(row, subject="s" * 64)], run_id="t")
    account, _ = ledger(store, RECIPE, POLICY)
    assert (account.places["kept"], account.places["failed"], account.unbalanced_ns()) == (0, 3 * NS, 0)
    assert account.by_reason == {"span_unreadable": 3 * NS, "no_hands": NS}
