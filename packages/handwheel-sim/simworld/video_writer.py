"""From a plan to pictures: the frames of a recording, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from infra.video import decoder, pixels
from infra.video import encoder as encoding
from simworld import render
from simworld.robot import scene as robot_scene
from simworld.robot.attempt import Attempt
from simworld.robot.frames import head_camera
from simworld.tasks.take import PlayedShot, exposures

Picture = npt.NDArray[np.uint8]


def take_pictures(shots: Sequence[PlayedShot], quality: render.Quality) -> Iterator[Picture]:
    """Every frame of a first-person recording, uint8 (H, W, 3), from the takes of its shots."""
    k = 0
    for shot_played in shots:
        shot = shot_played.shot
        renderer = render.Renderer(shot_played.scene, shot.lens, quality)
        for frame in range(shot.frame_count):
            times = exposures(frame / shot.fps_hz, shot.fps_hz, shot.camera_settings, quality.subframes)
            moments = [shot_played.moment(shot_played.at(t)) for t in times]
            yield render.develop(renderer.picture(moments, seed=k), shot.camera_settings, seed=k)
            k += 1


def attempt_pictures(attempt: Attempt, quality: render.Quality) -> Iterator[Picture]:
    """Every frame of the robot's head camera, uint8 (H, W, 3)."""
    plan = attempt.plan
    settings = robot_scene.camera_settings(plan)
    renderer = render.Renderer(robot_scene.make_scene(plan, attempt), head_camera(plan).lens, quality)
    for k in range(len(attempt.t_s)):
        yield render.develop(renderer.picture([robot_scene.moment_of_step(attempt, k)], seed=k), settings, seed=k)


def read_pictures(paths: Iterable[Path]) -> Iterator[Picture]:
    """The frames of recordings, one after the other."""
    for path in paths:
        with decoder.open_media(path) as container:
            stream = decoder.video_stream(container)
            for picture in decoder.pictures(container, stream):
                yield pixels.rgb(picture.frame, (stream.width, stream.height), 0)


def write_video(path: Path, pictures: Iterator[Picture], fps_hz: float) -> int:
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
