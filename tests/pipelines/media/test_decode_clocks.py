"""What the pass makes of clocks that leap or start again, and of pictures that are two."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from pipelines.media import decode_child
from pipelines.media.options import PassOptions
from schemas.errors import BadMedia
from schemas.spans import NS
from tests.support.media import Video, shot, write, write_glued


def decode(path: Path) -> dict[str, Any]:
    out = path.with_suffix(".out")
    out.mkdir(exist_ok=True)
    return decode_child.decode(path, out, "a" * 64, PassOptions())


TS = Video(clock=Fraction(1, 90000), options={"preset": "veryfast", "bf": "2", "g": "10"})


def test_a_leap_of_the_clock_is_a_gap_and_no_time_that_is_kept(tmp_path: Path) -> None:
    path = write_glued(tmp_path / "leap.ts", [shot(1, 30), shot(1, 30)], TS, (90_000, 101 * 90_000))
    reply = decode(path)
    assert [(c["start_ns"], c["end_ns"]) for c in reply["clips"]] == [(0, 3 * NS), (100 * NS, 103 * NS)]
    assert reply["gaps"] == [(3 * NS, 100 * NS, "no_pictures")]
    assert reply["facts"]["duration_ns"] == 103 * NS


@pytest.mark.parametrize("starts", [None, (0, 3 * 3600 * 90_000)])
def test_captures_that_were_glued_together_are_cut_at_the_joint(tmp_path: Path, starts: tuple[int, int] | None) -> None:
    """Though their pictures are alike; what the container says of the whole holds for one clock alone."""
    path = write_glued(tmp_path / "glued.ts", [shot(1, 30), shot(1, 30)[::-1]], TS, starts)
    reply = decode(path)
    assert [(c["start_ns"], c["end_ns"], c["frame_count"]) for c in reply["clips"]] == [
        (0, 3 * NS, 30), (3 * NS, 6 * NS, 30),
    ]  # fmt: skip
    assert reply["gaps"] == []
    assert reply["facts"]["duration_ns"] == 6 * NS


@pytest.mark.parametrize(("packing", "is_stereo"), [(3, True), (4, True), (6, False)])
def test_both_eyes_in_one_picture_are_refused(tmp_path: Path, packing: int, is_stereo: bool) -> None:
    """H.264's frame packing: side by side, top and bottom, and one that is flat (Rec. H.264, D.2.26)."""
    options = {"preset": "ultrafast", "x264-params": f"frame-packing={packing}"}
    path = write(tmp_path / "eyes.mp4", shot(1, 5), Video(options=options))
    if not is_stereo:
        assert decode(path)["gaps"] == []
        return
    with pytest.raises(BadMedia) as caught:
        decode(path)
    assert caught.value.reason == "stereo"
