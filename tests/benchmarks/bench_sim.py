"""What the sample world costs: pictures a second and minutes of video a core-hour, by quality and part.

`python tests/benchmarks/bench_sim.py [QUALITY ...] [--json [FOLDER]]`. One process, one thread. A first-person take and
an attempt a quality; medians over their frames.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[2] / "packages/handwheel")]

from simworld import build, options, recordings, render, video_writer  # noqa: E402
from simworld.robot import attempt as robot  # noqa: E402
from simworld.robot import scene as robot_scene  # noqa: E402
from simworld.robot.frames import head_camera  # noqa: E402
from simworld.tasks import measure  # noqa: E402

from tests.benchmarks.record import Row, add_json_option, record  # noqa: E402

SEED = 7


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of a call, and what it returned."""
    began = time.process_time()
    result = function()
    return time.process_time() - began, result


def bench_take(quality: str) -> dict[str, float]:
    """CPU seconds of a take's parts, a frame each but for `set up`."""
    plan = recordings.ego_jobs(build.WorldOptions(seed=SEED, clips=8, robot=0, quality=quality))[0].plan
    shot = plan.shots[0]
    setting_s, played = timed(lambda: measure.play_best(shot))
    loading_s, renderer = timed(lambda: render.Renderer(played.scene, shot.lens, render.QUALITIES[quality]))
    moving, drawing = [], []
    for k in range(min(12, shot.frame_count)):
        moving_s, moment = timed(lambda k=k: played.moment(played.at(k / shot.fps_hz)))
        drawing_s, _ = timed(
            lambda m=moment, k=k: render.develop(renderer.picture([m], seed=k), shot.camera_settings, seed=k)
        )
        moving.append(moving_s)
        drawing.append(drawing_s)
    truth_s, _ = timed(lambda: measure.measure_shots(plan, [played]))
    parts = {"move": statistics.median(moving), "truth": truth_s / plan.frame_count, "draw": statistics.median(drawing)}
    return parts | {"set up": setting_s + loading_s, "frames": shot.frame_count, "fps": shot.fps_hz}


def bench_attempt(quality: str) -> dict[str, float]:
    """The same of a robot's attempt."""
    plan = recordings.robot_jobs(build.WorldOptions(seed=SEED, clips=0, robot=8, quality=quality))[0].plan
    physics_s, attempted = timed(lambda: robot.run_attempt(plan))
    loading_s, renderer = timed(
        lambda: render.Renderer(
            robot_scene.make_scene(plan, attempted), head_camera(plan).lens, render.QUALITIES[quality]
        )
    )
    drawing = []
    for k in range(min(12, len(attempted.t_s))):
        drawing_s, _ = timed(
            lambda k=k: render.develop(
                renderer.picture([robot_scene.moment_of_step(attempted, k)], seed=k),
                robot_scene.camera_settings(plan),
                seed=k,
            )
        )
        drawing.append(drawing_s)
    parts = {"move": physics_s / len(attempted.t_s), "draw": statistics.median(drawing)}
    return parts | {"set up": loading_s, "frames": len(attempted.t_s), "fps": plan.fps_hz}


def row_of(name: str, parts: dict[str, float], encode_s: float) -> Row:
    """The figures of one row of the table, which it prints."""
    frame_s = parts["move"] + parts.get("truth", 0.0) + parts["draw"] + encode_s + parts["set up"] / parts["frames"]
    minutes = 3600 / frame_s / parts["fps"] / 60
    columns = [f"{1000 * parts.get(p, 0.0):7.0f}" for p in ("move", "truth", "draw")]
    print(f"{name:16} {' '.join(columns)} {parts['set up']:7.1f} {1 / frame_s:11.2f} {minutes:11.1f}", flush=True)
    costs = {f"{p}_ms": 1000 * parts[p] for p in ("move", "truth", "draw") if p in parts}
    rates = {"pictures_per_core_s": 1 / frame_s, "video_min_per_core_h": minutes}
    return {"name": name} | costs | {"set_up_s": parts["set up"]} | rates


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("qualities", nargs="*", metavar="QUALITY", help=f"of {', '.join(render.QUALITIES)}; all")
    add_json_option(parser)
    given = parser.parse_args()
    rows = []
    print(f"{'':16} {'move':>7} {'truth':>7} {'draw':>7} {'set up':>7} {'pictures/':>11} {'minutes of':>11}")
    print(f"{'':16} {'ms':>7} {'ms':>7} {'ms':>7} {'s':>7} {'core-s':>11} {'video/core-h':>12}")
    for quality in given.qualities or list(render.QUALITIES):
        encode_s = _encoding(quality)
        rows.append(row_of(f"{quality} take", bench_take(quality), encode_s))
        rows.append(row_of(f"{quality} attempt", bench_attempt(quality), encode_s))
    record("sim-pictures", {"rows": rows}, given.json)


def _encoding(quality: str) -> float:
    """Seconds a picture that the encoder takes."""
    import numpy as np

    form = options.FORMATS[quality]
    pictures = np.random.default_rng(SEED).integers(90, 160, (12, form.height_px, form.width_px, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        video_writer.write_video(Path(folder) / "a.mp4", iter(pictures), form.fps_hz)
        return (time.monotonic() - began) / len(pictures)


if __name__ == "__main__":
    main()
