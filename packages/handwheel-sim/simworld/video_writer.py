"""From a plan to pictures: the frames of a recording, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from infra.video import decoder, pixels
from infra.video import encoder as encoding
from simworld import render
from simworld.robot import stage as robot_stage
from simworld.robot.attempt import Attempt
from simworld.robot.truth import head
from simworld.tasks.take import Take, exposures

Picture = npt.NDArray[np.uint8]


def takes(played: Sequence[Take], quality: render.Quality) -> Iterator[Picture]:
    """Every frame of a first-person recording, uint8 (H, W, 3), from the takes of its shots."""
    k = 0
    for one in played:
        shot = one.shot
        renderer = render.Renderer(one.stage, shot.lens, quality)
        for frame in range(shot.frame_count):
            times = exposures(frame / shot.fps_hz, shot.fps_hz, shot.look, quality.subframes)
            moments = [one.moment(one.at(t)) for t in times]
            yield render.develop(renderer.picture(moments, seed=k), shot.look, seed=k)
            k += 1


def attempt(attempted: Attempt, quality: render.Quality) -> Iterator[Picture]:
    """Every frame of the robot's head camera, uint8 (H, W, 3)."""
    plan = attempted.plan
    look = robot_stage.look(plan)
    renderer = render.Renderer(robot_stage.stage(plan, attempted), head(plan).lens, quality)
    for k in range(len(attempted.t_s)):
        yield render.develop(renderer.picture([robot_stage.moment(attempted, k)], seed=k), look, seed=k)


def read(paths: Iterable[Path]) -> Iterator[Picture]:
    """The frames of recordings, one after the other."""
    for path in paths:
        with decoder.open_media(path) as container:
            stream = decoder.video_stream(container)
            for picture in decoder.pictures(container, stream):
                yield pixels.rgb(picture.frame, (stream.width, stream.height), 0)


def write(path: Path, pictures: Iterator[Picture], fps_hz: float) -> int:
    """Encodes the pictures; how many there were."""
    encoder: encoding.Encoder | None = None
    count = 0
    for picture in pictures:
        if encoder is None:
            encoder = encoding.Encoder(path, (picture.shape[1], picture.shape[0]), fps_hz)
        encoder.write(picture)
        count += 1
    if encoder is not None:
        encoder.close()
    return count
