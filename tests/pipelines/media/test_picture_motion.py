"""The motion of a recording is told by the pass, and by a decode of its own where the pass is not run again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from infra.sandbox.sandbox import Limits
from infra.storage.tables import Store
from pipelines.media.decoder import Decoder
from pipelines.media.frame_times_child import frame_times_of
from pipelines.media.options import DecodeSpec, PassOptions
from pipelines.media.picture_motion import MotionTrack, load, motion_at
from pipelines.media.picture_motion_child import motion_of
from schemas.spans import NS
from tests.support.media import shot, write


def test_each_frame_differs_by_as_much_from_the_one_before(tmp_path: Path) -> None:
    track = MotionTrack()
    for i, level in enumerate((10, 30, 30, 25)):
        track.add(i * 7, np.full((4, 6), level, np.uint8))
    track.save(tmp_path / "m.npy")
    at = motion_at(load(tmp_path / "m.npy"), np.array([0, 7, 9, 14, 21, 28], np.int64))
    np.testing.assert_array_equal(at, np.array([0, 20, np.nan, 0, 5, np.nan], np.float32))


def test_the_pass_tells_what_a_decode_of_its_own_tells(tmp_path: Path) -> None:
    one, other = shot(1, 12), shot(2, 6)
    path = write(tmp_path / "m.mp4", [*one[:6], *[one[6]] * 6, *other])
    times = frame_times_of(path, Limits())
    decoder = Decoder(Store(str(tmp_path / "corpus")), "r", PassOptions(), Limits())
    told = decoder.decode(path, "a" * 64, DecodeSpec(((0, NS),))).motion
    assert told is not None
    moved, own = motion_at(told, times), motion_at(motion_of(path, Limits()), times)
    np.testing.assert_array_equal(moved, own)
    assert len(moved) == 18
    assert moved[0] == 0
    assert moved[1:6].min() > 1.5 > 1 > moved[8:12].max()  # it drifts, then stands still
    assert moved[12] > 5 * moved[1:6].max()  # another shot
    assert decoder.decode(path, "a" * 64, DecodeSpec()).motion is None
