"""Ego-Exo4D: the wearer's video of each take, what it shows of the descriptions, and takes that were withdrawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.sources.recordings import Item, Narration
from schemas.errors import UsageError
from schemas.keys import key_of
from schemas.spans import NS
from tests.support.annotated import TAKE, annotation, description, items_of, put, take

NAME = "cmu_bike01_2"
FRAMES = f"takes/{NAME}/frame_aligned_videos"
VIDEO = f"{FRAMES}/aria01_214-1.mp4"
EVENTS = "annotations/atomic_descriptions_train.json"


def corpus(root: Path, takes: list[Any], told: dict[str, Any] | None = None, split: str = "train") -> Path:
    """A take's folder with its other cameras, takes.json and one split's descriptions."""
    others = ("aria01_1201-1.mp4", "aria01_211-1.mp4", "cam01.mp4", "downscaled/448/aria01_214-1.mp4")
    for name in (VIDEO, *(f"{FRAMES}/{o}" for o in others), f"takes/{NAME}/ego_preview.mp4"):
        if not (root / name).exists():
            put(root / name)
    put(root / "takes.json", json.dumps(takes))
    if told is not None:
        plain = {"annotations": told, "take_uids": [TAKE], "ds": "230101"}
        put(root / f"annotations/atomic_descriptions_{split}.json", json.dumps(plain))
    return root


def only(root: Path, told: list[Any] | None = None, **fields: Any) -> Item:
    return items_of("ego_exo4d", corpus(root, [take(**fields)], None if told is None else {TAKE: told}))[VIDEO]


def texts(item: Item) -> list[str]:
    return [n.text for n in item.narrations]


def test_the_wearers_own_video_and_no_other_is_offered(tmp_path: Path) -> None:
    items = items_of("ego_exo4d", corpus(tmp_path, [take()]), licence=None)
    assert list(items) == [VIDEO]
    item = items[VIDEO]
    assert (item.stage, item.licence, item.wearer, item.site, item.quarter_turns) == (
        "ego", "LicenseRef-Ego-Exo4D", "ego_exo4d/657", "ego_exo4d/97", 0,
    )  # fmt: skip


@pytest.mark.parametrize("split", ["train", "val"])
def test_points_become_spans_and_say_who_acts(tmp_path: Path, split: str) -> None:
    told = [description(5.0, "C lifts the wheel."), description(0.1, "The Man X walks.", narration_subject="O"),
            description(9.9, "A bell rings.", narration_subject=None)]  # fmt: skip
    item = items_of("ego_exo4d", corpus(tmp_path, [take()], {TAKE: [annotation(*told)]}, split))[VIDEO]
    assert texts(item) == ["#O The Man X walks.", "#C C lifts the wheel.", "A bell rings."]
    assert [((n.start_ns or 0) + (n.end_ns or 0)) // 2 for n in item.narrations] == [NS // 10, 5 * NS, 99 * NS // 10]


@pytest.mark.parametrize(("yes", "no"), [(True, False), ("1", "0"), (1, 0)])
def test_what_the_video_does_not_show_or_nobody_knew_is_no_word_of_it(tmp_path: Path, yes: Any, no: Any) -> None:
    told = [
        description(1, "C cuts.", ego_visible=yes, unsure=no),
        description(2, "C nods.", ego_visible=no),
        description(3, "C takes a Bosch.", unsure=yes),
        description(4, "C waits.", ego_visible=None, unsure=None),
    ]
    assert texts(only(tmp_path, [annotation(*told)])) == ["#C C cuts.", "#C C waits."]


def test_the_annotator_who_told_most_speaks_and_rejected_ones_do_not(tmp_path: Path) -> None:
    many = [description(i, f"C does {i}.") for i in range(5)]
    told = [annotation(many[0]), annotation(*many[1:3]), annotation(*many, rejected=True)]
    assert texts(only(tmp_path, told)) == ["#C C does 1.", "#C C does 2."]


def test_a_take_without_descriptions_has_its_tasks_name(tmp_path: Path) -> None:
    assert only(tmp_path).narrations == (Narration("Remove a Wheel", NS // 4, 3 * NS // 2),)
    assert only(tmp_path, task_start_sec=None).narrations == (Narration("Remove a Wheel"),)
    assert only(tmp_path, task_name=None).narrations == ()
    assert only(tmp_path, [annotation()]).narrations == (Narration("Remove a Wheel", NS // 4, 3 * NS // 2),)


@pytest.mark.parametrize("bounds", [(2, 1), ("x", 1), (float("nan"), 1), (0, [1])])
def test_broken_bounds_of_a_task_cost_its_name_and_are_told(tmp_path: Path, bounds: tuple[Any, Any]) -> None:
    root = corpus(tmp_path, [take(task_start_sec=bounds[0], task_end_sec=bounds[1])])
    items = items_of("ego_exo4d", root)
    assert (items[VIDEO].narrations, items[VIDEO].bad) == ((), None)
    assert (items[f"takes.json#{TAKE}"].bad or ("",))[0] == "bad_annotation"


@pytest.mark.parametrize(
    "takes", [[], [take(is_dropped=True)], [take(name="another_take")], [{"take_name": NAME}], ["x", 1, None, [2]]]
)
def test_a_take_that_was_withdrawn_or_is_unknown_stays_out(tmp_path: Path, takes: list[Any]) -> None:
    told = {TAKE: [annotation(description(1, "C cuts."))]}
    item = items_of("ego_exo4d", corpus(tmp_path, takes, told))[VIDEO]
    assert (item.bad or ("",))[0] == "not_in_dataset"
    assert item.narrations == ()


def test_a_second_headset_is_nobodys_and_has_no_words(tmp_path: Path) -> None:
    put(tmp_path / f"{FRAMES}/aria02_214-1.mp4")
    cameras = [{"cam_id": "aria02", "is_ego": True}, {"cam_id": "aria01", "is_ego": False}]
    told = {TAKE: [annotation(description(1, "C cuts."))]}
    items = items_of("ego_exo4d", corpus(tmp_path, [take(capture={"cameras": cameras})], told))
    own, other = items[f"{FRAMES}/aria02_214-1.mp4"], items[VIDEO]
    assert (texts(own), own.wearer) == (["#C C cuts."], "ego_exo4d/657")
    assert (texts(other), other.wearer, other.site) == ([], None, "ego_exo4d/97")


def test_the_downscaled_video_stands_in(tmp_path: Path) -> None:
    corpus(tmp_path, [take()])
    (tmp_path / VIDEO).unlink()
    assert list(items_of("ego_exo4d", tmp_path)) == [f"{FRAMES}/downscaled/448/aria01_214-1.mp4"]


def test_broken_descriptions_are_left_out_and_told(tmp_path: Path) -> None:
    broken = [description(float("nan"), "a"), description(1, None), description(None, "b"), 7, {"text": "c"}]
    root = corpus(
        tmp_path, [take()], {TAKE: [annotation(*broken, description(1, "C cuts.")), {"descriptions": 3}, None]}
    )
    items = items_of("ego_exo4d", root)
    assert texts(items[VIDEO]) == ["#C C cuts."]
    detail = "7 left out; the first: description 0: timestamp is outside 0 .. 1e7 s: nan"
    assert items[f"{EVENTS}#{TAKE}"].bad == ("bad_annotation", detail)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["descriptions", "text", "timestamp", "rejected", "capture", "cameras", "is_ego", "cam_id",
                             "task_name", "task_start_sec", "task_end_sec", "participant_uid", "ego_visible"]),
            inner, max_size=4,
        ),
        max_leaves=15,
    ),
)  # fmt: skip
def test_no_record_brings_the_listing_down(tmp_path: Path, data: Any) -> None:
    plain = take() | (data if isinstance(data, dict) else {"capture": data})
    items = items_of("ego_exo4d", corpus(tmp_path, [plain, data], {TAKE: data}))
    for item in items.values():
        key_of(item.uri, item.revision, item.wearer, *texts(item))
    assert VIDEO in items


@pytest.mark.parametrize("name", ["takes.json", EVENTS])
def test_an_annotation_file_that_cannot_be_read_stops_the_run_and_is_named(tmp_path: Path, name: str) -> None:
    root = corpus(tmp_path, [take()], {TAKE: [annotation(description(1, "C cuts."))]})
    whole = (root / name).read_bytes()
    for broken in (whole[: len(whole) // 2], b"", b"version https://git-lfs"):
        (root / name).write_bytes(broken)
        with pytest.raises(UsageError, match=f"{name} cannot be read as JSON"):
            items_of("ego_exo4d", root)


def test_a_folder_without_takes_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has no takes\.json"):
        items_of("ego_exo4d", tmp_path)


def test_other_words_change_their_own_takes_revision_alone(tmp_path: Path) -> None:
    other = f"takes/other_take/{VIDEO.split('/', 2)[2]}"
    put(tmp_path / other)
    takes = [take(), take("another-uid", "other_take")]
    told = {uid: [annotation(description(1, "C cuts."))] for uid in (TAKE, "another-uid")}
    before = {n: i.revision for n, i in items_of("ego_exo4d", corpus(tmp_path, takes, told)).items()}
    told[TAKE] = [annotation(description(1, "C slices."))]
    after = {n: i.revision for n, i in items_of("ego_exo4d", corpus(tmp_path, takes[::-1], told)).items()}
    assert before.keys() == after.keys() == {VIDEO, other}
    assert [n for n in before if before[n] != after[n]] == [VIDEO]
