"""Clips tile the recording whatever its clock does, and none is over a minute."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.spans import NS
from tests.pipelines.media.test_decode_pass import MS, covered, decode
from tests.support.media import Video, shot, write


def test_a_frame_that_is_shown_for_over_a_minute_before_a_leap_is_cut(tmp_path: Path) -> None:
    ticks = (0, 1, 2, 3, 61_003, 261_003)
    pictures = [p for i in range(3) for p in shot(i, 2, (32, 32))]
    reply = decode(write(tmp_path / "v.mp4", pictures, Video(ticks=ticks)))
    assert [round((c["end_ns"] - c["start_ns"]) / NS, 1) for c in reply["clips"]] == [0.0, 60.0, 1.0, 60.0, 1.0, 0.1]
    assert covered(reply) == [(0, reply["facts"]["decoded_ns"])]


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.data())
@pytest.mark.slow
def test_clips_tile_whatever_the_clock_says(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Where it leaps, by up to 200 s, nothing is kept: each picture is kept for seconds at most."""
    steps = data.draw(
        st.lists(st.sampled_from([1, 20, 33, 250, 1000, 30_000, 61_000, 200_000]), min_size=1, max_size=9)
    )
    ticks = tuple(int(t) for t in np.cumsum([data.draw(st.integers(0, 9000)), *steps]))
    pictures = [p for i in range(5) for p in shot(i, 2, (32, 32))][: len(ticks)]
    path = tmp_path_factory.mktemp("vfr") / f"v.{data.draw(st.sampled_from(['mp4', 'mkv']))}"
    reply = decode(write(path, pictures, Video(ticks=ticks)))
    assert covered(reply) == [(0, reply["facts"]["decoded_ns"])]
    assert {g[2] for g in reply["gaps"]} <= {"no_pictures"}
    assert all(0 < c["end_ns"] - c["start_ns"] <= 60 * NS for c in reply["clips"])
    assert sum(c["frame_count"] for c in reply["clips"]) == len(ticks)
    assert reply["facts"]["decoded_ns"] > (ticks[-1] - ticks[0]) * MS
    slow_ns = max(2 * NS, 4 * NS / reply["facts"]["fps_hz"])
    times = [(t - ticks[0]) * MS for t in ticks]
    assert [g[1] for g in reply["gaps"]] == [b for a, b in pairwise(times) if b - a > slow_ns]
