"""Cutters on files with known cuts: precision, recall and what a frame costs.

`python -m tests.benchmarks.bench_cuts [--seed 2] [--world FOLDER] [--no-peers] [--json [FOLDER]]`. Files: seeded
concatenations of the sample clips (cut_media.py), the samples' own, and takes of a rendered world. A cut is found where
a boundary lies within .1 s or a frame of it; a second boundary at the same cut is false. Ours was tuned on seed 1.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "packages/handwheel")]  # run as a script, from anywhere
from filters import cuts  # noqa: E402
from infra.video import decoder, pixels  # noqa: E402
from schemas.spans import NS  # noqa: E402
from tests.benchmarks import cut_media  # noqa: E402
from tests.benchmarks.bench_ingest import cache, samples  # noqa: E402
from tests.benchmarks.contestants import PEERS, CannotRun, peers_python  # noqa: E402
from tests.benchmarks.meter import cpu_s  # noqa: E402
from tests.benchmarks.record import Row, add_json_option, record  # noqa: E402

TOLERANCE_S = 0.1
PEER_CUTTERS = ("ContentDetector", "AdaptiveDetector", "HistogramDetector", "TransNetV2")
TOO_MUCH = {"TransNetV2": ("clips", "world")}  # kinds left out: it takes some 80 ms a frame
# The trailer's frames (24 Hz) at which shots start, and over which it fades or dissolves: looked at, frame by frame.
SINTEL_HARD = (286, 348, 356, 372, 523, 573, 610, 624)
SINTEL_GRADUAL = ((66, 88), (160, 180), (216, 250), (384, 402), (462, 488), (628, 642))
Spans = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A file, its kind, spans of its cuts in seconds, and a frame's length and count."""

    kind: str
    path: Path
    cuts_s: Spans
    frame_s: float
    frames: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Where a cutter found shots to start, and its CPU seconds with the decode."""

    cuts_s: list[float]
    cpu_s: float


def main() -> None:
    """Prints a row a cutter."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--world", type=Path)
    parser.add_argument("--no-peers", action="store_true")
    add_json_option(parser)
    given = parser.parse_args()
    place = samples()
    if place is None:
        sys.exit("no sample clips; next: set HANDWHEEL_SAMPLES")
    with tempfile.TemporaryDirectory(prefix="bench-cuts-") as folder:
        cut_media.make(cut_media.pool(place), Path(folder), given.seed)
        files = [*concatenations(Path(folder)), *sampled(place), *(rendered(given.world) if given.world else [])]
        rows = table({f"ours, {cuts.VERSION}": [ours(f.path) for f in files]}, files, head=True)
        for name in () if given.no_peers else PEER_CUTTERS:
            try:
                chosen = [f for f in files if f.kind not in TOO_MUCH.get(name, ())]
                answers = iter(theirs(name, peers_python(cache()), chosen))
                rows += table({name: [next(answers) if f in chosen else None for f in files]}, files)
            except CannotRun as e:
                print(f"| {name} | does not run here: {e} |")
    record("cuts", {"seed": given.seed, "files": len(files), "cutters": rows}, given.json)


def concatenations(folder: Path) -> list[Labelled]:
    """What cut_media wrote."""
    told = {kind: json.loads((folder / f"{kind}.mp4.json").read_text())["cuts_s"] for kind in cut_media.KINDS}
    return [_labelled(kind, folder / f"{kind}.mp4", [(a, b) for a, b in spans]) for kind, spans in told.items()]


def sampled(place: Path) -> list[Labelled]:
    """The samples with cuts, and every clip as it is: without any."""
    mix = place / "cuts" / "mix_5_shots.mp4"
    spans = [(float(t), float(t)) for t in json.loads(Path(f"{mix}.json").read_text())["cut_seconds"]]
    sintel = [(k / 24, k / 24) for k in SINTEL_HARD] + [(a / 24, b / 24) for a, b in SINTEL_GRADUAL]
    whole = [p for name in cut_media.FOLDERS for p in sorted((place / name).glob("*.m[pk][4v]"))]
    trailer = _labelled("trailer", place / "cuts" / "sintel_trailer_30s.mp4", sintel)
    return [_labelled("mix", mix, spans), trailer, *(_labelled("clips", p, []) for p in whole)]


def rendered(world: Path) -> list[Labelled]:
    """Takes of a world, by their truth."""
    out = []
    for path in sorted((world / "ego").glob("*.mp4")):
        shots = json.loads((world / "truth" / f"{path.stem}.truth.json").read_text())["shots"]
        out.append(_labelled("world", path, [(s["start_ns"] / NS, s["start_ns"] / NS) for s in shots[1:]]))
    return out


def _labelled(kind: str, path: Path, spans: Spans) -> Labelled:
    with decoder.open_media(path) as container:
        lengths = [p.length_ns / NS for p in decoder.pictures(container, decoder.video_stream(container))]
    return Labelled(kind, path, spans, statistics.median(lengths), len(lengths))


def ours(path: Path) -> Answer:
    """filters/cuts.py on the pass's own pictures."""
    began = cpu_s()
    with decoder.open_media(path) as container:
        state, options = cuts.CutState(), cuts.CutOptions()
        times, answers = [], []
        for picture in decoder.pictures(container, decoder.video_stream(container)):
            times.append(picture.t_ns / NS)
            answers += cuts.update(state, pixels.luma(picture.frame), options)
    answers += cuts.finish(state, options)
    return Answer([t for t, cut in zip(times, answers, strict=True) if cut], cpu_s() - began)


def theirs(name: str, python: Path, files: Sequence[Labelled]) -> list[Answer]:
    """A peer's, a process for all files."""
    command = [str(python), str(PEERS / "cutters.py"), name, *(str(f.path) for f in files)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"TQDM_DISABLE": "1"})
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"cuts_s"')]
    if done.returncode or len(said) != len(files):
        raise CannotRun((done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1][:200])
    return [Answer(s["cuts_s"], s["cpu_s"]) for s in said]


def table(answers: Mapping[str, Sequence[Answer | None]], files: Sequence[Labelled], head: bool = False) -> list[Row]:
    """found / false / missed, by kind of file; CPU ms a frame with the decode. None: the file was left out."""
    kinds, rows = list(dict.fromkeys(f.kind for f in files)), list[Row]()
    if head:
        print("| cutter | " + " | ".join(kinds) + " | precision | recall | CPU ms a frame |")
        print("|---|" + "---|" * (len(kinds) + 3))
    for name, given in answers.items():
        tally: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        judged = [(f, a) for f, a in zip(files, given, strict=True) if a is not None]
        for file, answer in judged:
            for i, n in enumerate(score(answer.cuts_s, file)):
                tally[file.kind][i] += n
        found, false, missed = (sum(t[i] for t in tally.values()) for i in range(3))
        cost = 1000 * sum(a.cpu_s for _, a in judged) / sum(f.frames for f, _ in judged)
        cells = " | ".join("/".join(map(str, tally[k])) if k in tally else "–" for k in kinds)
        precision, recall = found / max(1, found + false), found / max(1, found + missed)
        print(f"| {name} | {cells} | {precision:.3f} | {recall:.3f} | {cost:.2f} |", flush=True)
        what = ("found", "false", "missed")
        counts = {f"{kind}_{w}": n for kind in tally for w, n in zip(what, tally[kind], strict=True)}
        rows.append({"cutter": name, "precision": precision, "recall": recall, "frame_cpu_ms": cost} | counts)
    return rows


def score(found_s: Sequence[float], file: Labelled) -> tuple[int, int, int]:
    """Cuts found, boundaries that are none, cuts missed."""
    slack = max(TOLERANCE_S, 1.01 * file.frame_s)
    left = list(file.cuts_s)
    for t in found_s:
        near = next((span for span in left if span[0] - slack <= t <= span[1] + slack), None)
        if near is not None:
            left.remove(near)
    found = len(file.cuts_s) - len(left)
    return found, len(found_s) - found, len(left)


if __name__ == "__main__":
    main()
