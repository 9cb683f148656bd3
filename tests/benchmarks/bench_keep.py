"""Time of a verdict over 100,000 clips (limit 5 s).

`python tests/benchmarks/bench_keep.py [CLIPS] [--json [FOLDER]]`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from filters.policies.decide import decide
from filters.policies.policy import Policy
from schemas import Clip, Hands
from schemas.arrow import schema_of
from schemas.hands import HAND
from schemas.keys import key_of
from schemas.spans import NS
from tests.benchmarks.record import add_json_option, record

SAMPLES = 40  # 10 s at 4 Hz
HANDS = 24  # hands a clip
POINTS = 42


def clips_table(count: int) -> pa.Table:
    """`count` clips of 10 s with ordinary signals."""
    ids = [key_of("bench", i) for i in range(count)]
    whole = {f.name: pa.nulls(count, f.type) for f in schema_of(Clip)}
    columns = whole | {
        "clip_id": pa.array(ids),
        "clip_row_id": pa.array(ids),
        "sha256": pa.array([i * 2 for i in ids]),
        "start_ns": pa.array(np.zeros(count, np.int64)),
        "end_ns": pa.array(np.full(count, 10 * NS)),
        "frame_count": pa.array(np.full(count, 300)),
        "damaged_frames": pa.array(np.zeros(count, np.int64)),
        "brightness": pa.array(np.random.default_rng(1).uniform(5, 200, count)),
        "stage": pa.array(np.where(np.arange(count) % 20 == 0, "robot", "ego").tolist()),
        "licence": pa.array(np.where(np.arange(count) % 3 == 0, "CC-BY-4.0", "CC0-1.0").tolist()),
    }
    return pa.table(columns)


def hands_table(clips: pa.Table, detector: str) -> pa.Table:
    """A hand track of HANDS hands in SAMPLES samples a clip, key points included."""
    count, rng = len(clips), np.random.default_rng(2)
    total = count * HANDS
    offsets = pa.array(np.arange(0, (total + 1) * POINTS, POINTS), pa.int32())
    points = pa.ListArray.from_arrays(offsets, pa.array(np.zeros(total * POINTS, np.float32)))
    start = np.repeat(rng.integers(0, SAMPLES - HANDS, count), HANDS)
    contact = pa.array(rng.uniform(0, 1, total).astype(np.float32) ** 4, mask=rng.uniform(size=total) < 0.1)
    values = {f.name: pa.array(np.zeros(total, np.float32)) for f in HAND} | {
        "sample": pa.array((start + np.tile(np.arange(HANDS), count)).astype(np.int32)),
        "side": pa.repeat("right", total),
        "keypoints": points,
        "contact": contact,
    }
    rows = pa.StructArray.from_arrays([values[f.name] for f in HAND], fields=list(HAND))
    times = pa.array(np.tile(np.arange(SAMPLES) * (NS // 4), count))
    return pa.table(
        {
            "hands_id": clips["clip_id"],
            "clip_row_id": clips["clip_id"],
            "clip_id": clips["clip_id"],
            "detector": pa.repeat(detector, count),
            "sample_ns": pa.ListArray.from_arrays(pa.array(np.arange(count + 1) * SAMPLES, pa.int32()), times),
            "hands": pa.ListArray.from_arrays(pa.array(np.arange(count + 1) * HANDS, pa.int32()), rows),
            "run_id": pa.repeat("bench", count),
        }
    ).cast(schema_of(Hands))


def main() -> None:
    """Print the median of three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="?", type=int, default=100_000)
    add_json_option(parser)
    given = parser.parse_args()
    count: int = given.clips
    policy = Policy(detector="bench")
    clips = clips_table(count)
    hands = hands_table(clips, policy.detector)
    took = []
    for _ in range(3):
        begun = time.perf_counter()
        decisions = decide(clips, hands, policy, "bench")
        took.append(time.perf_counter() - begun)
    times = ", ".join(f"{t:.2f}" for t in took)
    print(
        f"keep: {count} clips, {count * HANDS} hands, {len(decisions)} decisions: "
        f"{statistics.median(took):.2f} s (median of {times})"
    )
    rows = {"clips": count, "hands": count * HANDS, "decisions": len(decisions)}
    record("keep", rows | {"median_s": statistics.median(took), "runs": [{"wall_s": t} for t in took]}, given.json)


if __name__ == "__main__":
    main()
