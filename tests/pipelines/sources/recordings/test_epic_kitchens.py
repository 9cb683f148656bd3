"""EPIC-KITCHENS-100: its lists as they are, its clocks, and what a broken line costs."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sources.recordings import Narration
from pipelines.sources.recordings.epic_kitchens import clock_ns
from schemas.errors import BadMedia, UsageError
from schemas.spans import NS
from tests.support.annotated import EPIC_HEADER, epic_list, epic_row, items_of, put

ROWS = [
    epic_row("P01_01_1", "00:00:01.370", "00:01:02.5", "turn-on light"),
    epic_row("P01_01_0", "00:00:00.14", "00:00:01.37", "open door"),
    epic_row("P02_101_0", "01:00:00.00", "01:00:02", "put-down:plate"),
]


@given(ns=st.integers(0, 99 * 3600 * NS), places=st.sampled_from([2, 3, 6, 9]))
def test_a_clock_is_exact_in_every_number_of_decimals(ns: int, places: int) -> None:
    step = 10 ** (9 - places)
    ns -= ns % step
    seconds = ns // NS
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{ns % NS // step:0{places}d}"
    assert clock_ns(text) == ns


@pytest.mark.parametrize("text", ["00:00:00.1", "00:00:00.100", "00:00:00.100000000", "0:00:00.1"])
def test_decimals_are_a_fraction_and_no_count(text: str) -> None:
    assert clock_ns(text) == 100_000_000


@given(text=st.text(max_size=14) | st.from_regex(r"\d{1,3}:\d{1,3}:\d{1,3}(\.\d*)?\n?", fullmatch=True))
def test_no_text_brings_the_clock_down(text: str) -> None:
    try:
        ns = clock_ns(text)
    except BadMedia:
        return
    assert 0 <= ns < 100 * 3600 * NS


@pytest.mark.parametrize(
    "text", ["", "113", "12.5", "00:00:60.0", "00:61:00", "nan", "00:00:01.", "٠٠:٠٠:٠١", "-0:00:01"]
)
def test_what_is_no_clock_is_refused(text: str) -> None:
    with pytest.raises(BadMedia):
        clock_ns(text)


def test_both_lists_speak_and_every_layout_is_found(tmp_path: Path) -> None:
    epic_list(tmp_path / "annotations/EPIC_100_train.csv", ROWS[:2])
    epic_list(tmp_path / "EPIC_100_validation.csv", ROWS[2:])
    for name in ("P01/videos/P01_01.MP4", "P02/P02_101.MP4", "P03_02.MP4"):
        put(tmp_path / name)
    items = items_of("epic_kitchens", tmp_path, consent="signed")
    first = items["P01/videos/P01_01.MP4"]
    assert first.narrations == (
        Narration("open door", 140_000_000, 1_370_000_000),
        Narration("turn-on light", 1_370_000_000, 62_500_000_000),
    )
    assert (first.stage, first.licence, first.consent, first.wearer, first.site) == (
        "ego", "CC-BY-NC-4.0", "signed", "epic_kitchens/P01", None,
    )  # fmt: skip
    assert items["P02/P02_101.MP4"].narrations == (Narration("put-down:plate", 3600 * NS, 3602 * NS),)
    assert items["P03_02.MP4"].narrations == ()
    assert items["P03_02.MP4"].bad is None
    assert items_of("epic_kitchens", tmp_path, licence="mine")["P03_02.MP4"].licence == "mine"


def test_one_copy_of_a_video_is_taken_and_strangers_say_so(tmp_path: Path) -> None:
    epic_list(tmp_path / "EPIC_100_train.csv", ROWS)
    for name in ("P01_01.MP4", "P01/videos/P01_01.MP4", "P01/P01_01.MP4", "holiday.mp4", "P01/rgb_frames/x.jpg"):
        put(tmp_path / name)
    bad = {name: (item.bad or ("",))[0] for name, item in items_of("epic_kitchens", tmp_path).items()}
    assert bad == {
        "P01/videos/P01_01.MP4": "", "P01/P01_01.MP4": "second_copy", "P01_01.MP4": "second_copy",
        "holiday.mp4": "not_in_dataset",
    }  # fmt: skip


def test_a_broken_line_costs_its_narration_and_is_told(tmp_path: Path) -> None:
    broken = [
        epic_row("P01_01_2", "00:00:09.00", "00:00:08.00", "stop early"),
        epic_row("P01_01_3", "113", "147", "frames for times"),
        epic_row("P01_01_4", "00:00:01.00", "00:00:02.00", " "),
        "P01_01_5,P01,P01_01",
        "",
        "one,two",
        "x" * 150_000,
        epic_row("P09_01_0", "soon", "later", "not here"),
        ROWS[0],
        'P01_01_9,P01,P01_01,"' + "y" * 200_000,
    ]
    file = epic_list(tmp_path / "EPIC_100_train.csv", broken)
    put(tmp_path / "P01/videos/P01_01.MP4")
    items = items_of("epic_kitchens", tmp_path)
    assert items["P01/videos/P01_01.MP4"].narrations == (Narration("turn-on light", 1_370_000_000, 62_500_000_000),)
    told = {name: item.bad for name, item in items.items() if item.bad}
    assert set(told) == {"EPIC_100_train.csv#P01_01", "EPIC_100_train.csv#lines"}
    reason, detail = told["EPIC_100_train.csv#P01_01"] or ("", "")
    assert (reason, detail) == ("bad_annotation", "4 left out; the first: line 2: it stops before it starts")
    assert file.read_text().startswith(EPIC_HEADER)


def test_another_line_is_a_new_revision_of_its_video_alone(tmp_path: Path) -> None:
    for name in ("P01_01.MP4", "P02_101.MP4", "P03_01.MP4"):
        put(tmp_path / name)
    epic_list(tmp_path / "EPIC_100_train.csv", ROWS)
    before = {n: i.revision for n, i in items_of("epic_kitchens", tmp_path).items()}
    epic_list(tmp_path / "EPIC_100_train.csv", [*reversed(ROWS)])
    assert {n: i.revision for n, i in items_of("epic_kitchens", tmp_path).items()} == before
    epic_list(tmp_path / "EPIC_100_train.csv", ROWS[1:])
    after = {n: i.revision for n, i in items_of("epic_kitchens", tmp_path).items()}
    assert [n for n in before if before[n] != after[n]] == ["P01_01.MP4"]


def test_a_list_that_is_none_or_nowhere_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"neither EPIC_100_train\.csv nor"):
        items_of("epic_kitchens", tmp_path)
    for text in (b"", b"uid,text\n1,x\n", pickle.dumps({"a": 1}), b"\x00" * 1000, b'"' + b"x" * 200_000):
        put(tmp_path / "EPIC_100_train.csv", text)
        with pytest.raises(UsageError, match=r"EPIC_100_train\.csv has no column"):
            items_of("epic_kitchens", tmp_path)


@pytest.mark.parametrize("seed", range(20))
def test_damage_anywhere_in_a_list_never_brings_the_listing_down(tmp_path: Path, seed: int) -> None:
    import random

    rng = random.Random(seed)
    put(tmp_path / "P01_01.MP4")
    file = epic_list(tmp_path / "EPIC_100_train.csv", ROWS * 20)
    data = bytearray(file.read_bytes())
    for _ in range(30):
        data[rng.randrange(len(EPIC_HEADER) + 1, len(data))] = rng.randrange(256)
    file.write_bytes(bytes(data))
    assert items_of("epic_kitchens", tmp_path)["P01_01.MP4"].bad is None
