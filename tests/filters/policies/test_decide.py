"""The policy: spans tile clips, verdicts have reasons, and rows' order and batches do not matter."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.policies.decide import decide
from filters.policies.policy import Policy
from schemas import Clip, Decision, Hands
from schemas.arrow import schema_of, table_of
from schemas.keys import clip_id, key_of
from schemas.spans import NS, split

Row = dict[str, Any]
Track = dict[int, list[float | None]]  # per sample the contact of each of its hands

POLICY = Policy(detector="d1")
STEP = NS // 4
HAND = {
    "side": "right",
    "side_score": 1.0,
    "score": 1.0,
    "presence": 1.0,
    "x0": 0.0,
    "y0": 0.0,
    "x1": 1.0,
    "y1": 1.0,
    "keypoints": [0.5] * 42,
}


def clip(name: str, seconds: float, start_s: float = 0.0, stage: str = "ego", **signals: Any) -> Row:
    """A clip's row with `stage`; signals are null unless given."""
    sha, start, end = key_of(name) * 2, round(start_s * NS), round((start_s + seconds) * NS)
    row = {f.name: None for f in schema_of(Clip)} | {
        "clip_id": clip_id(sha, start, end),
        "clip_row_id": key_of(sha, start, end, "row"),
        "sha256": sha,
        "start_ns": start,
        "end_ns": end,
        "cutter": "c",
        "frame_count": 100,
        "damaged_frames": 0,
        "run_id": "r",
        "stage": stage,
        "licence": "CC0-1.0",
    }
    return row | signals


def hands(of: Row, contacts: Track, detector: str = "d1") -> Row:
    """Its track at 4 Hz: per sample the contact of each of its hands."""
    count = -(-(of["end_ns"] - of["start_ns"]) // STEP)
    rows = [HAND | {"sample": s, "contact": c} for s in sorted(contacts) for c in contacts[s] if s < count]
    return {
        "hands_id": key_of(of["clip_id"], detector),
        "clip_id": of["clip_id"],
        "detector": detector,
        "sample_ns": [of["start_ns"] + i * STEP for i in range(count)],
        "hands": rows,
        "run_id": "r",
    }


def run(clips: list[Row], tracks: list[Row], policy: Policy = POLICY) -> pa.Table:
    """decide() on rows."""
    schema = pa.schema([*schema_of(Clip), pa.field("stage", pa.string()), pa.field("licence", pa.string())])
    return decide(pa.Table.from_pylist(clips, schema=schema), table_of(Hands, tracks), policy, "r")


def brief(table: pa.Table) -> list[tuple[float, float, str, list[str]]]:
    """Seconds, verdict and reasons of each span."""
    return [(d["start_ns"] / NS, d["end_ns"] / NS, d["verdict"], d["reasons"]) for d in table.to_pylist()]


def test_a_run_of_work_is_kept_with_its_padding() -> None:
    one = clip("a", 10)
    track = hands(one, {12: [0.1], 13: [0.9], 16: [None], 18: [0.2]})  # .5 s and .25 s gaps are bridged
    assert brief(run([one], [track])) == [
        (0, 2, "reject", ["no_hands"]),
        (2, 5.75, "accept", []),
        (5.75, 10, "reject", ["no_hands"]),
    ]


def test_shares_and_two_hands() -> None:
    one = clip("a", 2)
    kept = run([one], [hands(one, {0: [0.9, None], 1: [0.9], 2: [0.1], 3: [0.1]})]).to_pylist()[0]
    assert (kept["start_ns"], kept["end_ns"]) == (0, 2 * NS)
    assert kept["hand_share"] == 0.5
    assert kept["bimanual"] is True


@pytest.mark.parametrize(
    ("contacts", "verdict", "reasons"),
    [
        ({4: [0.2], 5: [0.1]}, "reject", ["no_contact"]),
        ({4: [0.4], 5: [0.1]}, "quarantine", ["weak_contact"]),
        ({4: [None], 5: [None]}, "quarantine", ["contact_unmeasured"]),
        ({4: [0.9]}, "reject", ["brief_hands"]),
        ({4: [0.45], 5: [None]}, "accept", []),
    ],
)
def test_evidence_decides_a_run(contacts: Track, verdict: str, reasons: list[str]) -> None:
    one = clip("a", 4)
    found = brief(run([one], [hands(one, contacts)]))
    assert [(v, r) for *_, v, r in found if r != ["no_hands"]] == [(verdict, reasons)]


def test_runs_closer_than_their_padding_meet_half_way() -> None:
    one = clip("a", 8)
    track = hands(one, {4: [0.9], 5: [0.9], 11: [0.0], 12: [0.0]})  # covers 1..1.5 s and 2.75..3.25 s
    assert brief(run([one], [track])) == [
        (0, 2.125, "accept", []),
        (2.125, 4.25, "reject", ["no_contact"]),
        (4.25, 8, "reject", ["no_hands"]),
    ]


@pytest.mark.parametrize(
    ("signals", "reason", "verdict"),
    [
        ({"freeze_share": 0.99}, "frozen", "reject"),
        ({"brightness": 3.0}, "too_dark", "reject"),
        ({"sharpness": 1.0}, "blurred", "reject"),
        ({"camera_motion": 0.8}, "camera_motion", "reject"),
        ({"text_share": 0.01}, "burned_in_text", "quarantine"),
        ({"damaged_frames": 1}, "damaged", "quarantine"),
        ({"end_ns": NS // 2}, "too_short", "reject"),
    ],
)
def test_gates_judge_the_whole_clip(signals: dict[str, Any], reason: str, verdict: str) -> None:
    one = clip("a", 4) | signals
    found = run([one], [hands(one, {0: [0.9], 1: [0.9]})]).to_pylist()
    assert [(d["start_ns"], d["end_ns"], d["verdict"], d["reasons"]) for d in found] == [
        (0, one["end_ns"], verdict, [reason])
    ]


def test_null_signals_reject_nothing_and_reasons_add_up() -> None:
    well, ill = clip("a", 1.5), clip("b", 1.5, brightness=0.0, damaged_frames=5)
    doubtful = clip("c", 1.5, text_share=0.01, damaged_frames=5)
    table = run([well, ill, doubtful], [hands(c, {0: [0.9], 1: [0.9]}) for c in (well, ill, doubtful)])
    assert sorted((d["verdict"], d["reasons"]) for d in table.to_pylist()) == [
        ("accept", []),
        ("quarantine", ["burned_in_text", "damaged"]),
        ("reject", ["too_dark", "damaged"]),
    ]


def test_robots_are_unknown_and_the_unseen_undecided() -> None:
    robot, pending, other = clip("r", 30, stage="robot"), clip("p", 3), clip("o", 3)
    table = run(
        [robot, pending, other], [hands(other, {0: [0.9], 1: [0.9]}, detector="d2"), hands(robot, {0: [0.9], 1: [0.9]})]
    )
    assert brief(table) == [(0, 30, "unknown", ["no_calibration"])]
    assert table["hand_share"].to_pylist() == table["bimanual"].to_pylist() == [None]


def test_a_track_without_samples_is_unknown() -> None:
    one = clip("a", 3)
    assert brief(run([one], [hands(one, {}) | {"sample_ns": []}])) == [(0, 3, "unknown", ["not_sampled"])]
    assert brief(run([one], [hands(one, {})])) == [(0, 3, "reject", ["no_hands"])]


def test_long_spans_are_split_as_schemas_say() -> None:
    one = clip("a", 47, start_s=3)
    found = run([one], [hands(one, {s: [0.9] for s in range(188)})]).to_pylist()
    assert [(d["start_ns"], d["end_ns"]) for d in found] == split((3 * NS, 50 * NS), 20 * NS)
    assert {d["verdict"] for d in found} == {"accept"}


def test_nothing_in_nothing_out() -> None:
    assert run([], []).schema.equals(schema_of(Decision))
    assert len(run([], [])) == 0


def test_the_digest_names_every_number() -> None:
    assert POLICY.digest == Policy(detector="d1").digest
    for field in dataclasses.fields(Policy):
        value = getattr(POLICY, field.name)
        more = {str: "x", tuple: ("x",)}.get(type(value), 1)
        changed = "commercial" if field.name == "purpose" else value + more
        other = dataclasses.replace(POLICY, **{field.name: changed})
        assert other.digest != POLICY.digest, field.name


contact_values = st.one_of(st.none(), st.floats(0, 1, width=32))
tracks = st.dictionaries(st.integers(0, 99), st.lists(contact_values, min_size=1, max_size=3), max_size=40)
cases = st.lists(st.tuples(st.floats(0.3, 26), tracks, st.sampled_from(["ego", "web", "robot"])), max_size=5)


def rows(case: list[Any]) -> tuple[list[Row], list[Row]]:
    """Clips and tracks of a drawn case; every third track is by another detector."""
    clips = [clip(f"c{i}", seconds, start_s=i, stage=stage) for i, (seconds, _, stage) in enumerate(case)]
    return clips, [hands(c, case[i][1], "d2" if i % 3 == 2 else "d1") for i, c in enumerate(clips)]


@settings(max_examples=60, deadline=None)
@given(cases)
@pytest.mark.slow
def test_decisions_tile_each_judged_clip(case: list[Any]) -> None:
    clips, found = rows(case)
    table = run(clips, found).to_pylist()
    for i, c in enumerate(clips):
        mine = [d for d in table if d["clip_id"] == c["clip_id"]]
        if i % 3 == 2 and c["stage"] != "robot":
            assert mine == []
            continue
        edges = [c["start_ns"], *(d["end_ns"] for d in mine)]
        assert [d["start_ns"] for d in mine] == edges[:-1]
        assert edges[-1] == c["end_ns"]
        for d in mine:
            assert d["span_id"] == clip_id(c["sha256"], d["start_ns"], d["end_ns"])
            assert d["decision_id"] == key_of(d["span_id"], c["clip_row_id"], c["stage"], c["licence"], POLICY.digest)
            assert (d["verdict"] == "accept") == (d["reasons"] == [])
            length = d["end_ns"] - d["start_ns"]
            assert length > 0
            if d["verdict"] == "accept":
                assert NS <= length <= 20 * NS
                assert d["hand_share"] > 0


@settings(max_examples=40, deadline=None)
@given(cases, st.randoms(use_true_random=False), st.integers(0, 5))
@pytest.mark.slow
def test_order_and_batches_do_not_matter(case: list[Any], random: Any, cut: int) -> None:
    clips, found = rows(case)
    whole = run(clips, found)
    random.shuffle(clips)
    random.shuffle(found)
    parts = [run(clips[:cut], found), run(clips[cut:], found)]
    assert run(clips, found).equals(whole)
    order = [("clip_id", "ascending"), ("start_ns", "ascending")]
    assert pa.concat_tables(parts).sort_by(order).equals(whole)


@settings(max_examples=60, deadline=None)
@given(tracks, st.integers(0, 99), st.floats(0, 1, width=32))
@pytest.mark.slow
def test_more_contact_never_keeps_less(track: Track, sample: int, more: float) -> None:
    one = clip("a", 25)
    sample = sorted(track)[sample % len(track)] if track else sample
    richer = track | {sample: [*track.get(sample, []), more]} if track else track
    policy = dataclasses.replace(POLICY, min_span_s=0.0)
    kept = [_kept(run([one], [hands(one, t)], policy)) for t in (track, richer)]
    assert kept[1] >= kept[0]


def _kept(table: pa.Table) -> int:
    accepted = table.filter(pa.compute.equal(table["verdict"], "accept"))
    return int(np.sum(accepted["end_ns"].to_numpy() - accepted["start_ns"].to_numpy()))


def test_one_span_of_two_clips_gets_a_row_in_each() -> None:
    """Another cutter's clips may hold a span that an older clip holds too; both tile."""
    long, short = clip("a", 10), clip("a", 5)
    spans = [run([of], [hands(of, {8: [0.9], 9: [0.9], 10: [0.9]})]).to_pylist() for of in (long, short)]
    shared = {d["span_id"] for d in spans[0]} & {d["span_id"] for d in spans[1]}
    assert shared
    keys = [d["decision_id"] for decided in spans for d in decided]
    assert len(set(keys)) == len(keys)


def test_a_licence_that_does_not_allow_the_purpose_rejects_whatever_else_is_seen() -> None:
    commercial = dataclasses.replace(POLICY, purpose="commercial")
    work = {s: [0.9] for s in range(40)}
    dark = {"brightness": 1.0}
    cases = (
        (clip("a", 10, licence="CC-BY-NC-4.0"), ["licence_noncommercial"]),
        (clip("b", 10, licence=None), ["licence_unknown"]),
        (clip("c", 10, licence="CC-BY-NC-4.0", **dark), ["licence_noncommercial", "too_dark"]),
        (clip("d", 10, stage="robot", licence=None), ["licence_unknown"]),
        (clip("e", 10, licence="CC-BY-4.0"), []),
    )
    for of, reasons in cases:
        found = [] if of["stage"] == "robot" else [hands(of, work)]
        told = brief(run([of], found, commercial))
        assert [t[3] for t in told] == [reasons]
        assert told[0][2] == ("reject" if reasons else "accept")
    noncommercial, robot = cases[0][0], cases[3][0]
    assert brief(run([noncommercial], [hands(noncommercial, work)]))[0][2] == "accept"
    assert brief(run([robot], []))[0][2:] == ("unknown", ["no_calibration"])
    assert commercial.digest != POLICY.digest


def test_a_policy_of_no_purpose_is_refused() -> None:
    with pytest.raises(ValueError, match="purpose"):
        Policy(detector="d1", purpose="fun")
