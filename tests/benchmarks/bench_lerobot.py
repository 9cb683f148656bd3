"""Seconds and memory of 10,000 episodes of LeRobot v2.1 and v3.0: listed, read, folded, and folded with nothing new.

`python -m tests.benchmarks.bench_lerobot [EPISODES] [--json [FOLDER]]`. Ten steps an episode; the recordings of a set
are links to one file, so that its pictures are decoded once: what is measured is metadata, rows and tables.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from infra.storage.tables import Store
from pipelines.fold.hop import fold
from pipelines.hop import Run
from pipelines.sources.logs import RobotSource, lerobot
from pipelines.sources.logs.episode_log import EpisodeLog
from pipelines.sources.logs.lerobot import opened
from pipelines.staging.options import IngestOptions
from tests.benchmarks.record import add_json_option, record
from tests.support.robot_logs import CAMERA_KEY, FPS_HZ, LeRobotSpec, write_info, write_video

STEPS = 10  # an episode
SHARED = 100  # episodes a file of v3.0
OLD_DATA = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
OLD_VIDEO = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"


def rows_of(first: int, count: int) -> pa.Table:
    """The rows of `count` episodes from `first` on."""
    total = count * STEPS
    frames = np.tile(np.arange(STEPS), count)
    values = np.random.default_rng(first).normal(size=total * 6).astype(np.float32)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(values), 6)
    return pa.table({
        "observation.state": vectors, "action": vectors, "timestamp": (frames / FPS_HZ).astype(np.float32),
        "frame_index": frames, "episode_index": first + np.repeat(np.arange(count), STEPS),
        "index": first * STEPS + np.arange(total), "task_index": np.zeros(total, np.int64),
    })  # fmt: skip


def write_v21(root: Path, episodes: int) -> None:
    """A file and a recording an episode."""
    write_info(root, LeRobotSpec(lengths=(STEPS,) * episodes, version="v2.1"), data_path=OLD_DATA, video_path=OLD_VIDEO)
    lines = [json.dumps({"episode_index": e, "tasks": ["Put it there."], "length": STEPS}) for e in range(episodes)]
    (root / "meta/episodes.jsonl").write_text("\n".join(lines) + "\n")
    (root / "meta/tasks.jsonl").write_text('{"task_index": 0, "task": "Put it there."}\n')
    one = root.with_suffix(".mp4")
    write_video(one, STEPS)
    for e in range(episodes):
        values = {"episode_chunk": e // 1000, "episode_index": e, "video_key": CAMERA_KEY}
        _place(root / OLD_DATA.format(**values), root / OLD_VIDEO.format(**values), one)
        pq.write_table(rows_of(e, 1), root / OLD_DATA.format(**values))


def write_v30(root: Path, episodes: int) -> None:
    """SHARED episodes a file and a recording."""
    spec = LeRobotSpec(lengths=(STEPS,) * episodes)
    write_info(root, spec)
    one, video = root.with_suffix(".mp4"), f"videos/{CAMERA_KEY}/"
    write_video(one, STEPS * SHARED)
    for f in range(episodes // SHARED):
        data = root / f"data/chunk-000/file-{f:03d}.parquet"
        _place(data, root / f"{video}chunk-000/file-{f:03d}.mp4", one)
        pq.write_table(rows_of(f * SHARED, SHARED), data)
    e = np.arange(episodes)
    at = e % SHARED * STEPS / FPS_HZ
    columns = {
        "episode_index": e, "tasks": [["Put it there."]] * episodes, "length": np.full(episodes, STEPS),
        "data/chunk_index": np.zeros(episodes, np.int64), "data/file_index": e // SHARED,
        "dataset_from_index": e * STEPS, "dataset_to_index": (e + 1) * STEPS,
        video + "chunk_index": np.zeros(episodes, np.int64), video + "file_index": e // SHARED,
        video + "from_timestamp": at, video + "to_timestamp": at + STEPS / FPS_HZ,
    }  # fmt: skip
    (root / "meta/episodes/chunk-000").mkdir(parents=True)
    pq.write_table(pa.table(columns), root / "meta/episodes/chunk-000/file-000.parquet")
    pq.write_table(pa.table({"task_index": [0], "task": ["Put it there."]}), root / "meta/tasks.parquet")


def _place(data: Path, video: Path, one: Path) -> None:
    for path in (data, video):
        path.parent.mkdir(parents=True, exist_ok=True)
    os.link(one, video)


def measure(root: Path, episodes: int) -> Iterator[tuple[str, float]]:
    """What each step takes, in order. AssertionError: an episode is missing."""
    opened.forget()
    begun, size_mb = time.monotonic(), resident_mb()
    items = list(lerobot.list_logs(str(root)))
    yield "list_s", time.monotonic() - begun
    opened.forget()  # as a worker that did not list
    begun = time.monotonic()
    parts = (part for item in items for part in lerobot.read(item, root))
    assert sum(isinstance(part, EpisodeLog) for part in parts) == episodes
    yield "read_s", time.monotonic() - begun
    yield "list_and_read_mb", resident_mb() - size_mb
    store = Store(f"{root}-corpus")
    for name in ("fold_s", "fold_nothing_new_s"):
        begun = time.monotonic()
        done = fold(Run(store, name), [RobotSource(kind="lerobot", uri=str(root))], IngestOptions())
        assert done.added.get("episodes", 0) == (episodes if name == "fold_s" else 0)
        yield name, time.monotonic() - begun


def resident_mb() -> float:
    """MiB of this process that lie in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main(argv: Sequence[str] | None = None) -> None:
    """Measures both versions and prints a line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("episodes", type=int, nargs="?", default=10_000)
    add_json_option(parser)
    args = parser.parse_args(argv)
    figures: list[dict[str, float | str | None]] = []
    for version, write in (("v2.1", write_v21), ("v3.0", write_v30)):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "set"
            write(root, args.episodes)
            figures.append({"version": version, "episodes": args.episodes})
            figures[-1] |= {name: round(value, 2) for name, value in measure(root, args.episodes)}
        print(figures[-1], flush=True)
    record("lerobot", {"sets": figures}, args.json)


if __name__ == "__main__":
    main()
