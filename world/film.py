"""From a plan to pictures: the frames of a recording, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from infra import media
from world import render, robot_stage, take
from world.plan import RecordingPlan
from world.robot import Attempt
from world.robot_truth import head

Picture = npt.NDArray[np.uint8]


def takes(plan: RecordingPlan, quality: render.Quality) -> Iterator[Picture]:
    """Every frame of a first-person recording, uint8 (H, W, 3)."""
    k = 0
    for shot in plan.shots:
        played = take.of(shot)
        renderer = render.Renderer(played.stage, shot.lens, quality)
        instants = quality.subframes if shot.look.shutter else 1
        for frame in range(shot.frame_count):
            open_s = shot.look.shutter / shot.fps_hz
            times = frame / shot.fps_hz + open_s * np.arange(instants) / instants
            moments = [played.moment(played.at(float(t))) for t in times]
            yield render.develop(renderer.picture(moments, seed=k), shot.look, seed=k)
            k += 1


def attempt(attempted: Attempt, quality: render.Quality) -> Iterator[Picture]:
    """Every frame of the robot's head camera, uint8 (H, W, 3)."""
    plan = attempted.plan
    renderer, look = render.Renderer(robot_stage.stage(plan, attempted), head(plan).lens, quality), robot_stage.look(plan)
    for k in range(len(attempted.t_s)):
        yield render.develop(renderer.picture([robot_stage.moment(attempted, k)], seed=k), look, seed=k)


def read(paths: Iterable[Path]) -> Iterator[Picture]:
    """The frames of recordings, one after the other."""
    for path in paths:
        with media.open_media(path) as container:
            stream = media.video_stream(container)
            for picture in media.pictures(container, stream):
                yield media.rgb(picture.frame, (stream.width, stream.height), 0)


def write(path: Path, pictures: Iterator[Picture], fps_hz: float) -> int:
    """Encodes the pictures; how many there were."""
    encoder: media.Encoder | None = None
    count = 0
    for picture in pictures:
        if encoder is None:
            encoder = media.Encoder(path, (picture.shape[1], picture.shape[0]), fps_hz)
        encoder.write(picture)
        count += 1
    if encoder is not None:
        encoder.close()
    return count
