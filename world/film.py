"""From a plan to pictures: the frames of a recording, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from infra.media import Encoder
from world import render, robot_stage, take
from world.parts import Lens, Look, Moment
from world.plan import RecordingPlan
from world.robot import Attempt, AttemptPlan

Picture = npt.NDArray[np.uint8]


def takes(plan: RecordingPlan, quality: render.Quality) -> Iterator[Picture]:
    """Every frame of a first-person recording, uint8 (H, W, 3)."""
    k = 0
    for shot in plan.shots:
        played = take.of(shot)
        renderer = render.Renderer(played.stage, shot.lens, quality)
        for frame in range(played.frames):
            open_s = shot.look.shutter / shot.fps_hz
            times = frame / shot.fps_hz + open_s * np.arange(quality.subframes) / quality.subframes
            moments = [played.moment(played.at(float(t))) for t in times]
            yield render.develop(renderer.picture(moments, seed=k), shot.look, seed=k)
            k += 1


def attempt(plan: AttemptPlan, attempted: Attempt, quality: render.Quality) -> Iterator[Picture]:
    """Every frame of the robot's head camera, uint8 (H, W, 3)."""
    renderer = render.Renderer(robot_stage.stage(plan, attempted), plan.lens, quality)
    for k in range(attempted.frames):
        yield render.develop(renderer.picture([robot_stage.moment(attempted, k)], seed=k), plan.look, seed=k)


def write(path: Path, pictures: Iterator[Picture], fps_hz: float) -> int:
    """Encodes the pictures; how many there were."""
    encoder: Encoder | None = None
    count = 0
    for picture in pictures:
        if encoder is None:
            encoder = Encoder(path, (picture.shape[1], picture.shape[0]), fps_hz)
        encoder.write(picture)
        count += 1
    if encoder is not None:
        encoder.close()
    return count


__all__ = ["Lens", "Look", "Moment", "attempt", "takes", "write"]
