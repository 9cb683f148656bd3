"""A world on disk: recordings, a robot's logs, and their truth, rendered once and kept in a cache.

<folder>/world.toml             what is asked for
<folder>/ego/<name>.mp4, .json  first-person takes with their sidecars: narrations, licence, wearer, scene
<folder>/robot/<name>.mp4, .jsonl   attempts as plain logs
<folder>/lerobot/               the same attempts as a LeRobot v3.0 data set
<folder>/truth/<name>.truth.json    what is true of each recording
"""

from __future__ import annotations

import filecmp
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from schemas import truth as truths
from schemas.errors import UsageError
from schemas.keys import digest_of
from simworld import video_writer
from simworld.options import SPEC, WorldOptions, parse_fixed, read_spec, write_spec
from simworld.recordings import RENDER_PACKAGES, RenderJob, cache_path, ego_jobs, render_into_cache, robot_jobs
from simworld.robot import attempt as robot
from simworld.robot import lerobot_log
from simworld.robot.plan import AttemptPlan

__all__ = ["SPEC", "BuiltWorld", "WorldOptions", "build", "parse_fixed", "read_spec", "write_spec"]

ReportProgress = Callable[[int, int], None]  # recordings done, of how many


@dataclass(frozen=True, slots=True)
class BuiltWorld:
    """What build() left behind."""

    ego: tuple[str, ...]  # names
    robot: tuple[str, ...]
    rendered: int  # recordings that were not in the cache


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
    absent = [job for job in jobs if not cache_path(job).is_dir()]
    report_progress(len(jobs) - len(absent), len(jobs))
    for done, _ in enumerate(_render_all(absent, workers), len(jobs) - len(absent) + 1):
        report_progress(done, len(jobs))
    _remove_stale(folder, options, {job.name for job in jobs})
    for job in jobs:
        _copy_into_folder(job, folder)
    _write_lerobot(folder, [job for job in jobs if job.robot])
    names = [[job.name for job in jobs if job.robot == robot] for robot in (False, True)]
    return BuiltWorld(tuple(names[0]), tuple(names[1]), len(absent))


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


def _remove_stale(folder: Path, options: WorldOptions, wanted: set[str]) -> None:
    """Removes what an earlier world.toml asked for and this one does not; attempts of other generations stay."""
    names = ("take_[0-9]*", f"attempt_[0-9]*_g{options.generation}.*")
    for path in (p for part in ("ego", "robot", "truth") for name in names for p in (folder / part).glob(name)):
        if path.name.partition(".")[0] not in wanted:
            path.unlink()


def _copy_into_folder(job: RenderJob, folder: Path) -> None:
    """Puts a recording into the folder: truth and words first, the video last, so that a listing finds it whole."""
    cached = cache_path(job)
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
        video, video_writer.read_pictures([cache_path(job) / "video.mp4" for job in jobs]), jobs[0].fps_hz
    )
    lerobot_log.write(place, [robot.run_attempt(job.plan) for job in jobs if isinstance(job.plan, AttemptPlan)])
    note.write_text(keys)


def _is_same_file(a: Path, b: Path) -> bool:
    return b.exists() and filecmp.cmp(a, b, shallow=False)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copyfile(source, beside)
    beside.rename(target)


def _check_installed() -> None:
    missing = [name for name in RENDER_PACKAGES if not _is_installed(name)]
    if missing:
        raise UsageError(f"{', '.join(missing)} not installed; run: pip install 'handwheel-engine[sim]'")


def _is_installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False
