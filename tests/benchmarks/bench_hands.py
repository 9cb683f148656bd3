"""The hand filter on labelled sample clips: a table of what was seen, measured and kept.

`python tests/benchmarks/bench_hands.py [SAMPLES] [--first-s 0.12] [--json [FOLDER]]`; SAMPLES defaults to
$HANDWHEEL_SAMPLES or ../shared/data. --first-s shifts the sampling grid: other pictures of the same clips.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import pyarrow as pa
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # run as a script, from anywhere
from filters.hand_track import track_hands  # noqa: E402
from filters.policies.decide import decide  # noqa: E402
from filters.policies.policy import Policy  # noqa: E402
from infra.models.mediapipe_hands import LiteHandDetector  # noqa: E402
from schemas import Clip, Hands  # noqa: E402
from schemas.arrow import schema_of, table_of  # noqa: E402
from schemas.keys import clip_id, key_of  # noqa: E402
from schemas.spans import NS  # noqa: E402
from tests.benchmarks.record import Row, add_json_option, record  # noqa: E402

FOLDERS = ("hands_manip", "rendered_hands", "hands_only", "negatives")
SAMPLE_HZ, LONG_SIDE_PX, JPEG_QUALITY = 4, 448, 75


@dataclass(frozen=True, slots=True)
class Sampled:
    """A clip's proxy frames (uint8 RGB) and times, and where the clip ends."""

    name: str
    frames: list[NDArray[Any]]
    sample_ns: list[int]
    end_ns: int


def sampled(path: Path, first_s: float) -> Sampled:
    """Frames at SAMPLE_HZ from `first_s` on, through JPEG as proxies are."""
    frames, times, due, end = [], [], first_s, 0.0
    with av.open(str(path)) as container:
        start: float | None = None
        for frame in container.decode(container.streams.video[0]):
            at = float(frame.time or 0.0)
            start = at if start is None else start
            end = at - start
            if end + 1e-6 >= due:
                frames.append(_proxy(frame.to_ndarray(format="rgb24")))
                times.append(round(end * NS))
                due += 1 / SAMPLE_HZ * (1 + int((end - due) * SAMPLE_HZ))
        rate = float(container.streams.video[0].average_rate or 25)
    return Sampled(f"{path.parent.name}/{path.stem}", frames, times, round((end + 1 / rate) * NS))


def _proxy(rgb: NDArray[Any]) -> NDArray[Any]:
    scale = LONG_SIDE_PX / max(rgb.shape[:2])
    if scale < 1:
        size = round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    back: NDArray[Any] = cv2.cvtColor(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return back


def clips(samples: Path, first_s: float) -> Iterator[Sampled]:
    """Every labelled clip."""
    for folder in FOLDERS:
        for path in sorted((samples / folder).iterdir()):
            if path.suffix in (".mp4", ".mkv"):
                yield sampled(path, first_s)


def judge(clip: Sampled, hands: list[dict[str, Any]], policy: Policy) -> list[dict[str, Any]]:
    """Its decisions, by hands alone: every other signal is null."""
    sha = key_of(clip.name) * 2
    row = {f.name: None for f in schema_of(Clip)} | {
        "clip_id": clip_id(sha, 0, clip.end_ns),
        "clip_row_id": clip_id(sha, 0, clip.end_ns),
        "sha256": sha,
        "start_ns": 0,
        "end_ns": clip.end_ns,
        "cutter": "whole",
        "frame_count": 1,
        "damaged_frames": 0,
        "run_id": "bench",
        "stage": "web",
        "licence": None,
    }
    schema = pa.schema([*schema_of(Clip), pa.field("stage", pa.string()), pa.field("licence", pa.string())])
    seen = {
        "hands_id": row["clip_id"],
        "clip_id": row["clip_id"],
        "detector": policy.detector,
        "sample_ns": clip.sample_ns,
        "hands": hands,
        "run_id": "bench",
    }
    table = decide(pa.Table.from_pylist([row], schema=schema), table_of(Hands, [seen]), policy, "bench")
    decisions: list[dict[str, Any]] = table.to_pylist()
    return decisions


def row_of(clip: Sampled, hands: list[dict[str, Any]], decisions: list[dict[str, Any]]) -> Row:
    """The figures of one row of the table, which it prints."""
    share = len({h["sample"] for h in hands}) / max(1, len(clip.frames))
    contacts = [h["contact"] for h in hands if h["contact"] is not None]
    peak = f"{max(contacts):.2f}" if contacts else "-"
    times = {
        v: sum(d["end_ns"] - d["start_ns"] for d in decisions if d["verdict"] == v) / NS
        for v in ("accept", "quarantine", "reject")
    }
    reasons = sorted({r for d in decisions for r in d["reasons"]} - {"no_hands"})
    print(
        f"| {clip.name} | {clip.end_ns / NS:.1f} | {share:.2f} | {peak} | {times['accept']:.1f} | "
        f"{times['quarantine']:.1f} | {times['reject']:.1f} | {', '.join(reasons)} |",
        flush=True,
    )
    about = {"clip": clip.name, "length_s": clip.end_ns / NS, "reasons": ", ".join(reasons)}
    measured = {"hand_share": share, "peak_contact": max(contacts, default=None)}
    return about | measured | {f"{verdict}_s": length_s for verdict, length_s in times.items()}


def main() -> None:
    """Print the table and what it sums up to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "samples",
        nargs="?",
        type=Path,
        default=Path(os.environ.get("HANDWHEEL_SAMPLES") or ROOT.parent / "shared" / "data"),
    )
    parser.add_argument("--first-s", type=float, default=0.0)
    add_json_option(parser)
    given = parser.parse_args()
    if not given.samples.is_dir():
        sys.exit(f"no sample clips at {given.samples}; next: set HANDWHEEL_SAMPLES")
    cv2.setNumThreads(1)
    detector = LiteHandDetector()
    policy = Policy(detector=detector.version)
    print("| clip | s | hand share | peak contact | kept s | quarantined s | rejected s | reasons |")
    print("|---|---|---|---|---|---|---|---|")
    kept: dict[str, list[bool]] = {folder: [] for folder in FOLDERS}
    took, frames, rows = 0.0, 0, []
    for clip in clips(given.samples, given.first_s):
        begun = time.perf_counter()
        hands = track_hands(clip.frames, clip.sample_ns, detector)
        took, frames = took + time.perf_counter() - begun, frames + len(clip.frames)
        decisions = judge(clip, hands, policy)
        rows.append(row_of(clip, hands, decisions))
        kept[clip.name.split("/")[0]].append(any(d["verdict"] == "accept" for d in decisions))
    print("\nclips with kept seconds: " + ", ".join(f"{f} {sum(k)} of {len(k)}" for f, k in kept.items()))
    print(f"track (detector and contact): {1000 * took / frames:.1f} ms a sample over {frames} samples")
    sums: list[Row] = [{"folder": f, "clips": len(k), "clips_kept": sum(k)} for f, k in kept.items()]
    track = {"track_ms_per_sample": 1000 * took / frames, "samples": frames}
    record("hands-sample-clips", track | {"folders": sums, "clips": rows}, given.json)


if __name__ == "__main__":
    main()
