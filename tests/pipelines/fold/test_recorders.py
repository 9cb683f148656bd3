"""Random recorders: each step has the frame that was made with it, or its attempt is refused.

A recorder makes a frame a tick and writes down rows and frames with the faults of real ones: a clock that drifts, a
start that is cut, frames that are dropped, a tail of a discarded take, several cameras, frames with dates or without.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest

from pipelines.fold.pairing import NO_FRAME, PairedLog, RecordedTimes, pair_cameras
from pipelines.sources.logs.episode_log import CameraSpan, Times
from schemas.errors import BadMedia
from schemas.spans import NS
from tests.support.episode_logs import episode_log

ALIEN = -7  # a discarded take's frame


@dataclass(frozen=True)
class Camera:
    """What a recorder wrote for one camera: the tick that each frame shows, its dates, and how many ticks it lost."""

    span: CameraSpan
    times: RecordedTimes
    shows: list[int]
    is_shifted: bool  # a frame and a row were lost in such a way that counts agree


def recorder(rng: random.Random, name: str, ticks: int, rate_hz: float) -> Camera:
    """A camera's recording of ticks 0 to `ticks`, spoiled by chance."""
    shows = list(range(ticks))
    fault = rng.choice(("none", "none", "front", "dropped", "tail", "front and tail"))
    if "front" in fault:
        shows = shows[rng.randint(1, 3) :]
    if fault == "dropped":
        shows = sorted(rng.sample(shows, len(shows) - rng.randint(1, 4)))
    dates = None
    if rng.random() < 0.5:  # dates of the exposure, a little beside the tick
        jitter = rng.uniform(0, 0.2) / rate_hz
        dates = np.array([round((t / rate_hz + rng.uniform(0, jitter)) * NS) for t in shows], np.int64)
    elif "tail" in fault:
        shows = shows + [ALIEN] * (ticks - len(shows) if fault == "front and tail" else rng.randint(1, 5))
    steps = [NS // 30 if rng.random() < 0.9 else NS // 20 for _ in shows]  # variable rate
    times: Times = np.cumsum([0, *steps[:-1]], dtype=np.int64)
    span = CameraSpan(
        camera=name, uri=name, start_ns=0, end_ns=round(ticks / rate_hz * NS), alone=True, frame_stamps_ns=dates,
        tolerance_ns=None if dates is None else round(0.3 / rate_hz * NS),
    )  # fmt: skip
    is_shifted = dates is None and len(shows) == ticks and shows != list(range(ticks))
    return Camera(span, RecordedTimes(times, int(times[-1]) + steps[-1]), shows, is_shifted)


def take(seed: int) -> Counter[str]:
    """What became of a random take's rows: right frame, null, refused, or unwitnessed. AssertionError: a wrong one."""
    rng = random.Random(seed)
    ticks, rate_hz, drift = rng.randint(8, 40), rng.choice((5.0, 10.0, 30.0)), rng.choice((1.0, 1.0, 1.05, 1.6))
    cameras = [recorder(rng, f"c{i}", ticks, rate_hz) for i in range(rng.randint(1, 3))]
    dated = any(c.span.frame_stamps_ns is not None for c in cameras)
    log = episode_log(ticks, tuple(c.span for c in cameras))
    period = NS / rate_hz * (1.0 if dated else drift)  # dates and rows are of one clock
    object.__setattr__(log, "t_ns", np.round(np.arange(ticks) * period).astype(np.int64))
    object.__setattr__(log, "fps_hz", rate_hz)
    surplus = rng.choice((None, "tail"))
    try:
        paired = pair_cameras(log, {c.span.uri: c.times for c in cameras}, surplus)
    except BadMedia as e:
        return Counter({f"refused {e.reason}": ticks})
    return outcome(paired, {c.span.camera: c for c in cameras})


def outcome(paired: PairedLog, cameras: dict[str, Camera]) -> Counter[str]:
    told: Counter[str] = Counter()
    for span, row_ns in zip(paired.log.cameras, paired.row_ns, strict=True):
        camera = cameras[span.camera]
        numbers = dict(zip(camera.times.frame_ns.tolist(), camera.shows, strict=True))
        shifted = camera.is_shifted or (ALIEN in camera.shows and camera.shows[0] != 0)
        for row, at in enumerate(row_ns.tolist()):
            shown = None if at == NO_FRAME else numbers[at]
            if shown is None:
                assert row not in camera.shows
                told["no frame"] += 1
            elif shifted:
                told["unwitnessed"] += shown != row
            else:
                assert shown == row, f"{span.camera}: row {row} has the frame of tick {shown}"
                told["right"] += 1
        inside = [n for t, n in numbers.items() if span.start_ns <= t < span.end_ns]
        assert shifted or ALIEN not in inside
    return told


def test_each_row_has_its_frame_or_the_take_is_refused() -> None:
    told: Counter[str] = sum((take(seed) for seed in range(300)), Counter())
    assert told["right"] > 3000
    assert told["no frame"] > 100
    assert told["refused video_mismatch"] > 500
    assert 0 < told["unwitnessed"] < told["right"] // 5  # a front and an equal tail: the decision on frame and row


@pytest.mark.slow
def test_ten_thousand_recorders() -> None:
    assert sum((take(seed) for seed in range(1000, 11000)), Counter())["right"] > 100_000
