"""Ego4D: points, tags, redactions that must hold, and what a broken record costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from captioning.imperative import clause_of
from pipelines.sources.recordings import Item
from pipelines.sources.recordings.ego4d import FRAME_NS
from schemas.errors import UsageError
from schemas.keys import key_of
from schemas.spans import NS
from tests.support.annotated import (
    OTHER_UID,
    UID,
    ego4d_json,
    ego4d_narrations,
    ego4d_video,
    items_of,
    narration,
    passes,
    put,
)

FILE = f"full_scale/{UID}.mp4"


def corpus(tmp_path: Path, videos: list[Any], records: dict[str, Any] | None = None, wrapped: bool = False) -> Path:
    """v2 with the two videos' files."""
    root = tmp_path / "v2"
    for uid in (UID, OTHER_UID):
        if not (root / f"full_scale/{uid}.mp4").exists():
            put(root / f"full_scale/{uid}.mp4")
    ego4d_json(root, videos)
    if records is not None:
        ego4d_narrations(root, records, wrapped)
    return root


def only(tmp_path: Path, video: Any, records: dict[str, Any] | None = None) -> Item:
    return items_of("ego4d", corpus(tmp_path, [video, ego4d_video(OTHER_UID)], records))[FILE]


@pytest.mark.parametrize("wrapped", [False, True])
def test_points_become_spans_about_them(tmp_path: Path, wrapped: bool) -> None:
    points = [narration(t, f"#C C {verb}s the cup") for t, verb in ((6.0, "put"), (1.1, "pick"))]
    root = corpus(tmp_path, [ego4d_video(UID), ego4d_video(OTHER_UID)], {UID: passes(points)}, wrapped)
    items = items_of("ego4d", root)
    told = items[FILE].narrations
    assert [n.text for n in told] == ["#C C picks the cup", "#C C puts the cup"]
    assert [((n.start_ns or 0) + (n.end_ns or 0)) // 2 for n in told] == [1_100_000_000, 6 * NS]
    assert [(n.end_ns or 0) - (n.start_ns or 0) for n in told] == [NS, NS], "4.9 s apart, as Ego4D's mean: 1 s"
    assert (items[FILE].licence, items[FILE].stage, items[FILE].wearer, items[FILE].site, items[FILE].redacted) == (
        "LicenseRef-Ego4D", "ego", "ego4d/7", "ego4d/kitchen-1", (),
    )  # fmt: skip
    assert items[f"full_scale/{OTHER_UID}.mp4"].narrations == ()


def test_tags_reach_the_captioner_as_they_are(tmp_path: Path) -> None:
    texts = ["#C C picks up #unsure", "#O A man X opens the door"]
    told = only(tmp_path, ego4d_video(UID), {UID: passes([narration(i, t) for i, t in enumerate(texts)])}).narrations
    assert [n.text for n in told] == texts
    assert [clause_of(n.text) for n in told] == ["pick up something", "watch the person open the door"]


def test_the_annotator_who_told_more_speaks_alone(tmp_path: Path) -> None:
    one, two = [narration(1, "#C C stirs")], [narration(1, "#C C mixes"), narration(2, "#C C eats")]
    assert len(only(tmp_path, ego4d_video(UID), {UID: passes(one, two)}).narrations) == 2
    assert [n.text for n in only(tmp_path, ego4d_video(UID), {UID: passes(one, two[1:])}).narrations] == ["#C C stirs"]
    assert (
        len(only(tmp_path, ego4d_video(UID), {UID: {"narration_pass_2": passes(two)["narration_pass_1"]}}).narrations)
        == 2
    )


def test_what_is_redacted_is_cut_wherever_it_is_said(tmp_path: Path) -> None:
    part = {"redacted": True, "canonical_video_start_sec": 60, "canonical_video_end_sec": 90.5}
    video = ego4d_video(
        UID, has_redacted_regions=True, redacted_intervals=[{"start_sec": 1.5, "end_sec": 2, "start_frame": 45}],
        video_components=[{"redacted": False}, part],
    )  # fmt: skip
    assert only(tmp_path, video).redacted == ((1_500_000_000, 2 * NS + FRAME_NS), (60 * NS, 90_500_000_000))
    plain = {"video_uid": UID}
    assert only(tmp_path, plain).redacted == ()
    assert only(tmp_path, plain).bad is None


@pytest.mark.parametrize(
    "fields",
    [
        {"has_redacted_regions": True},
        {"redacted_intervals": {"start_sec": 1, "end_sec": 2}},
        {"redacted_intervals": [[1, 2]]},
        {"redacted_intervals": [{"start_sec": 1}]},
        {"redacted_intervals": [{"start_sec": 2, "end_sec": 1}]},
        {"redacted_intervals": [{"start_sec": float("nan"), "end_sec": 1}]},
        {"redacted_intervals": [{"start_sec": 0, "end_sec": "later"}]},
        {"video_components": [{"redacted": True}]},
        {"video_components": "none"},
    ],
)
def test_a_video_whose_redactions_cannot_be_read_stays_out(tmp_path: Path, fields: dict[str, Any]) -> None:
    root = corpus(tmp_path, [ego4d_video(UID, **fields), ego4d_video(OTHER_UID)], {UID: passes([narration(1, "x")])})
    items = items_of("ego4d", root)
    assert (items[FILE].bad or ("",))[0] == "bad_annotation"
    assert items[f"full_scale/{OTHER_UID}.mp4"].bad is None


def test_a_video_named_twice_or_not_at_all_stays_out(tmp_path: Path) -> None:
    redacted = ego4d_video(UID, redacted_intervals=[{"start_sec": 1, "end_sec": 2}])
    items = items_of("ego4d", corpus(tmp_path, [redacted, ego4d_video(UID), "x", {"video_uid": 1}, None]))
    assert {n: (i.bad or ("",))[0] for n, i in items.items()} == {
        FILE: "bad_annotation", f"full_scale/{OTHER_UID}.mp4": "not_in_dataset",
    }  # fmt: skip


@pytest.mark.parametrize("said", [True, 1, "true"])
def test_a_video_of_both_eyes_stays_out(tmp_path: Path, said: object) -> None:
    flat = ego4d_video(OTHER_UID, is_stereo=False)
    root = corpus(tmp_path, [ego4d_video(UID, is_stereo=said), flat], {UID: passes([narration(1, "x")])})
    items = items_of("ego4d", root)
    assert (items[FILE].bad or ("",))[0] == "stereo"
    assert items[f"full_scale/{OTHER_UID}.mp4"].bad is None


def test_broken_narrations_are_left_out_and_told(tmp_path: Path) -> None:
    points = [
        narration(1, "#C C cuts"), narration(float("nan"), "#C C a"), narration(None, "#C C b"), narration("x", "c"),
        narration(-1, "#C C d"), narration(2, None), narration(2, ["y"]), narration(2, " "), None, 7,
        narration(True, "z"), {"narration_text": "#C C e"}, narration(1e300, "#C C f"), narration(10**400, "g"),
    ]  # fmt: skip
    root = corpus(tmp_path, [ego4d_video(UID), ego4d_video(OTHER_UID)], {UID: passes(points), OTHER_UID: "x"})
    items = items_of("ego4d", root)
    assert [n.text for n in items[FILE].narrations] == ["#C C cuts"]
    complaint = items[f"annotations/narration.json#{UID}"].bad
    first = "narration_pass_1, narration 1: timestamp_sec is outside 0 .. 1e7 s: nan"
    assert complaint == ("bad_annotation", f"13 left out; the first: {first}")
    other = items[f"annotations/narration.json#{OTHER_UID}"].bad
    assert other == ("bad_annotation", "1 left out; the first: its record is str")
    assert items[f"full_scale/{OTHER_UID}.mp4"].bad is None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["narration_pass_1", "narrations", "timestamp_sec", "narration_text", "redacted_intervals",
                             "start_sec", "end_sec", "video_components", "redacted", "fb_participant_id"]),
            inner, max_size=4,
        ),
        max_leaves=15,
    ),
)  # fmt: skip
def test_no_record_brings_the_listing_down(tmp_path: Path, data: Any) -> None:
    video = {"video_uid": UID} | (data if isinstance(data, dict) else {"redacted_intervals": data})
    items = items_of("ego4d", corpus(tmp_path, [video], {UID: data}))
    for item in items.values():
        key_of(item.uri, item.revision, item.wearer, *[n.text for n in item.narrations])
    assert FILE in items


@pytest.mark.parametrize("name", ["ego4d.json", "annotations/narration.json"])
def test_an_annotation_file_that_cannot_be_read_stops_the_run_and_is_named(tmp_path: Path, name: str) -> None:
    root = corpus(tmp_path, [ego4d_video(UID)], {UID: passes([narration(1, "x")])})
    whole = (root / name).read_bytes()
    for broken in (whole[: len(whole) // 2], b"", b"<html>", b"[" * 100_000):
        (root / name).write_bytes(broken)
        with pytest.raises(UsageError, match=f"{name} cannot be read as JSON"):
            items_of("ego4d", root)


def test_the_folder_above_will_do_and_none_will_not(tmp_path: Path) -> None:
    root = corpus(tmp_path, [ego4d_video(UID)])
    assert items_of("ego4d", tmp_path).keys() == {f"v2/{n}" for n in items_of("ego4d", root)}
    with pytest.raises(UsageError, match=r"has no ego4d\.json"):
        items_of("ego4d", tmp_path / "nowhere")


def test_the_best_copy_is_taken_and_the_manifest_names_it(tmp_path: Path) -> None:
    root = tmp_path / "v2"
    ego4d_json(root, [ego4d_video(UID), ego4d_video(OTHER_UID)])
    for name in (f"full_scale/{UID}.mp4", f"video_540ss/{UID}.mp4", "video_540ss/take7.mp4", "full_scale/x.txt"):
        put(root / name)
    columns = [("video_uid,canonical_s3_location,type", ""), ("file_uid,s3_path,type", ""), ("video_uid,s3_path", "")]
    for header, _ in columns:
        put(root / "video_540ss/manifest.csv", f"{header}\n{OTHER_UID},s3://university/2021/take7.mp4,mp4\n,,\n")
        items = items_of("ego4d", root)
        assert {n: i.bad for n, i in items.items()} == {FILE: None, "video_540ss/take7.mp4": None}
    put(root / "video_540ss/manifest.csv", 'video_uid,s3_path\n"' + "x" * 200_000)
    with pytest.raises(UsageError, match=r"manifest\.csv cannot be read as CSV"):
        items_of("ego4d", root)


def test_other_words_change_their_own_videos_revision_alone(tmp_path: Path) -> None:
    videos = [ego4d_video(UID), ego4d_video(OTHER_UID)]
    records = {UID: passes([narration(1, "#C C cuts")]), OTHER_UID: passes([narration(2, "#C C eats")])}
    before = {n: i.revision for n, i in items_of("ego4d", corpus(tmp_path, videos, records)).items()}
    root = corpus(tmp_path, videos[::-1], dict(reversed(records.items())))
    assert {n: i.revision for n, i in items_of("ego4d", root).items()} == before
    records[UID] = passes([narration(1, "#C C slices")])
    after = {n: i.revision for n, i in items_of("ego4d", corpus(tmp_path, videos, records)).items()}
    assert [n for n in before if before[n] != after[n]] == [FILE]
    assert json.loads((root / "ego4d.json").read_text())["version"] == "v2"
