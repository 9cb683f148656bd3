"""Random recorders: each step has the frame that was made with it, or its attempt is refused.

A recorder makes a frame a tick and writes down rows and frames with the faults of real ones: a clock that drifts, a
start that is cut of the one or the other, frames that are dropped, a tail of a discarded take, faults that cancel out,
several cameras, frames with dates or without. Each frame tells which tick it shows. What only motion can tell is
counted by whether a witness could know: docs/benchmarks/2026-12-01-frame-shift.md.

HANDWHEEL_RECORDERS says how many the slow test makes (`make recorders`).
"""

from __future__ import annotations

import math
import os
import random
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pytest

from pipelines.fold.pairing import NO_FRAME, PairedLog, RecordedTimes, pair_cameras
from pipelines.sources.logs.episode_log import CameraSpan, EpisodeLog, Times
from schemas.errors import BadMedia
from schemas.spans import NS
from tests.support.episode_logs import episode_log

ALIEN = 10_000  # ticks of a discarded take begin here
LEAD = 40  # ticks before the first row that a camera may have begun at
FAULTS = ("none", "none", "front", "dropped", "tail", "front and tail", "front and tail", "began before, ended before")


@dataclass(frozen=True)
class Robot:
    """A robot's speed by tick, (LEAD + ticks,), whether the picture shows it, and the rate of rows and frames."""

    speed: npt.NDArray[np.float64]
    moves: bool
    rate_hz: float
    ticks: int

    def honest(self) -> int:
        """Frames of a shift that may be a latency."""
        return max(2, math.ceil(0.15 * self.rate_hz))


@dataclass(frozen=True)
class Camera:
    """What a recorder wrote for one camera: the tick that each frame shows, its dates, and by how much it is shifted.

    shift: frames that the picture is later than the rows, where frames and rows were lost so that their counts agree.
    seen: whether the picture shows the robot.
    """

    span: CameraSpan
    times: RecordedTimes
    shows: list[int]
    shift: int
    seen: bool


def robot(rng: random.Random) -> Robot:
    """One that reaches and rests by turns, or that waits throughout."""
    ticks = rng.randint(8, 40) if rng.random() < 0.5 else rng.randint(60, 300)
    rate_hz, moves = rng.choice((5.0, 10.0, 30.0)), rng.random() < 0.9
    draws = np.random.default_rng(rng.getrandbits(32))
    speed, at = np.zeros(LEAD + ticks), 0
    while at < len(speed) and moves:
        length = int(draws.integers(4, 14) * max(1.0, rate_hz / 10))
        speed[at : at + length] = draws.uniform(0.2, 1) * np.hanning(length + 2)[1:-1][: len(speed) - at]
        at += length + int(draws.integers(1, 8) * max(1.0, rate_hz / 10))
    return Robot(speed, moves, rate_hz, ticks)


def shown(rng: random.Random, ticks: int, fault: str) -> tuple[list[int], int]:
    """The ticks that a camera's frames show, and how many frames later than their rows they are if counts agree."""
    shows, most = list(range(ticks)), rng.choice((3, min(LEAD, ticks // 3)))
    if fault == "front":
        return shows[rng.randint(1, 3) :], 0
    if fault == "dropped":
        return sorted(rng.sample(shows, len(shows) - rng.randint(1, 4))), 0
    if fault == "tail":
        return [*shows, *range(ALIEN, ALIEN + rng.randint(1, 5))], 0
    lost = rng.randint(1, max(1, most))
    if fault == "front and tail":
        return [*shows[lost:], *range(ALIEN, ALIEN + lost)], -lost
    if fault == "began before, ended before":
        return [tick - lost for tick in shows], lost
    return shows, 0


def recorder(rng: random.Random, name: str, of: Robot) -> Camera:
    """A camera's recording of a robot, spoiled by chance."""
    shows, shift = shown(rng, of.ticks, rng.choice(FAULTS))
    dates = None
    if rng.random() < 0.4:  # dates of the exposure, a little beside the tick; a discarded take has none
        shows, shift, jitter = [t for t in shows if t < ALIEN], 0, rng.uniform(0, 0.2) / of.rate_hz
        dates = np.array([round((t / of.rate_hz + rng.uniform(0, jitter)) * NS) for t in shows], np.int64)
    steps = [NS // 30 if rng.random() < 0.9 else NS // 20 for _ in shows]  # variable rate
    times: Times = np.cumsum([0, *steps[:-1]], dtype=np.int64)
    seen = rng.random() < 0.8
    span = CameraSpan(
        camera=name, uri=name, start_ns=0, end_ns=round(of.ticks / of.rate_hz * NS), alone=True,
        frame_stamps_ns=dates, tolerance_ns=None if dates is None else round(0.3 / of.rate_hz * NS),
    )  # fmt: skip
    motion = picture_motion(np.random.default_rng(rng.getrandbits(32)), of, shows, seen)
    return Camera(span, RecordedTimes(times, int(times[-1]) + steps[-1], motion), shows, shift, seen)


def picture_motion(draws: np.random.Generator, of: Robot, shows: list[int], seen: bool) -> npt.NDArray[np.float32]:
    """How much each frame differs from the one before: the robot's way between their ticks, and a codec's noise."""
    way = np.cumsum(of.speed)
    at = np.array([way[LEAD + tick] if tick < ALIEN else 0.7 * (tick - ALIEN) for tick in shows])
    moved = np.abs(np.diff(at, prepend=at[0])) if seen else draws.uniform(0, 0.3, len(shows))
    return (0.4 + 3 * moved * draws.uniform(0.7, 1.3, len(shows)) + 0.1 * draws.random(len(shows))).astype(np.float32)


def attempt(rng: random.Random, of: Robot, cameras: list[Camera]) -> EpisodeLog:
    dated = any(c.span.frame_stamps_ns is not None for c in cameras)
    drift = 1.0 if dated else rng.choice((1.0, 1.0, 1.05, 1.6))  # dates and rows are of one clock
    states = np.cumsum(of.speed)[LEAD:, None].astype(np.float32)
    return replace(
        episode_log(of.ticks, tuple(c.span for c in cameras)), states=states, fps_hz=of.rate_hz,
        t_ns=np.round(np.arange(of.ticks) * NS / of.rate_hz * drift).astype(np.int64),
    )  # fmt: skip


def take(seed: int) -> Counter[str]:
    """What became of a random take's rows and cameras. AssertionError: a row has a frame that it must not have."""
    rng = random.Random(seed)
    of = robot(rng)
    cameras = {c.span.camera: c for c in (recorder(rng, f"c{i}", of) for i in range(rng.randint(1, 3)))}
    log, surplus = attempt(rng, of, list(cameras.values())), rng.choice((None, "tail"))
    recorded = {c.span.uri: c.times for c in cameras.values()}
    told: Counter[str] = Counter()
    for camera in cameras.values():  # each by itself: what costs one costs no other
        try:
            paired = pair_cameras(replace(log, cameras=(camera.span,)), recorded, surplus)
        except BadMedia as e:
            told += refusal(camera, of, e.reason)
            continue
        told += outcome(paired, camera, of)
    return told


def knowable(camera: Camera, of: Robot) -> str:
    """Whether a witness could tell a shift, in a word."""
    if abs(camera.shift) <= of.honest():
        return "latency"
    if not of.moves or not camera.seen:
        return "nothing moves"
    return "too short" if of.ticks < 60 else "told or not"


def refusal(camera: Camera, of: Robot, reason: str) -> Counter[str]:
    told = Counter({f"refused {reason}": of.ticks})
    if reason == "frame_shift":
        told[f"shifted and refused: {knowable(camera, of)}" if camera.shift else "refused and not shifted"] += 1
    return told


def outcome(paired: PairedLog, camera: Camera, of: Robot) -> Counter[str]:
    """By rows; of a camera that is shifted also by cameras."""
    told: Counter[str] = Counter()
    numbers = dict(zip(camera.times.frame_ns.tolist(), camera.shows, strict=True))
    for row, at in enumerate(paired.row_ns[0].tolist()):
        if at == NO_FRAME:
            assert row not in camera.shows
            told["no frame"] += 1
        elif camera.shift:
            told["unwitnessed rows"] += 1
        else:
            assert numbers[at] == row, f"{camera.span.camera}: row {row} has the frame of tick {numbers[at]}"
            told["right"] += 1
    if camera.shift:
        told[f"shifted and taken: {knowable(camera, of)}"] += 1
    else:
        told["taken and not shifted"] += 1
        (span,) = paired.log.cameras
        assert not any(n >= ALIEN for t, n in numbers.items() if span.start_ns <= t < span.end_ns)
    return told


def test_each_row_has_its_frame_or_the_take_is_refused() -> None:
    told: Counter[str] = sum((take(seed) for seed in range(120)), Counter())
    assert told["right"] > 3000
    assert told["no frame"] > 20
    assert told["refused video_mismatch"] > 500
    assert told["refused and not shifted"] == 0
    assert told["shifted and refused: told or not"] > 5


def count_of_the_slow_lane() -> int:
    return int(os.environ.get("HANDWHEEL_RECORDERS", "1000"))


@pytest.mark.slow
def test_what_no_witness_tells_is_bounded() -> None:
    """The bounds of the decision on frame and row, over HANDWHEEL_RECORDERS takes."""
    count = count_of_the_slow_lane()
    told: Counter[str] = sum((take(seed) for seed in range(1000, 1000 + count)), Counter())
    print(count, dict(sorted(told.items())))
    assert told["right"] > 30 * count
    assert told["refused and not shifted"] <= told["taken and not shifted"] / 200
    known, unknown = told["shifted and refused: told or not"], told["shifted and taken: told or not"]
    assert known > 1.5 * unknown
    assert told["unwitnessed rows"] < told["right"] / 2
