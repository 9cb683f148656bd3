"""Near-duplicates on transforms of real clips: recall and precision with Wilson intervals, and the hard negatives.

`python tests/benchmarks/bench_duplicates.py [--keep FOLDER] [--more FOLDER] [--also FOLDER] [SAMPLES] [--json
[FOLDER]]`; SAMPLES is $HANDWHEEL_SAMPLES or ../shared/data by default. --keep holds transforms and passes for the next
run, --more holds further recordings that are no copies of one another, --also such as are transformed and that no
choice rests on. Every recording goes through the one pass, whole and in thirds. Thresholds were chosen on half of the
recordings; figures are told for each half.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "packages/handwheel")]  # run as a script, from anywhere
from filters import (  # noqa: E402
    fingerprint_match,
    fingerprints,
)
from infra.storage.tables import Store  # noqa: E402
from pipelines.corpus.duplicates import RULE, version_of  # noqa: E402
from pipelines.dedup import (  # noqa: E402
    hop,
    index,
    matcher,
)
from pipelines.hop import Run  # noqa: E402
from pipelines.media.decode_child import decode  # noqa: E402
from pipelines.media.options import PassOptions  # noqa: E402
from schemas import Asset  # noqa: E402
from schemas.keys import key_of  # noqa: E402
from schemas.spans import merge  # noqa: E402
from tests.benchmarks.duplicate_media import TRANSFORMS, UNSEEN, recordings  # noqa: E402
from tests.benchmarks.record import Row, add_json_option, record  # noqa: E402

BEYOND = ("rate", "crop", "boxed")  # what is not promised is measured too, and not named one by one
MADE_OF_OTHERS = ("mix_5_shots", "vitra_robot_tomato_ocr")  # share seconds with other samples: pairs are not judged
# What looks alike and is no copy, by the start of its names.
FAMILIES = {
    "one shelf, one camera": "intel_bottles",
    "robot attempts": "attempt ",
    "rendered": "sample_",
    "more": "more ",
}
# The recordings that filters/fingerprints.py and filters/fingerprint_match.py were chosen on, by the start of their
# names.
CHOSE = (
    "attempt ", "more ", "intel_asl", "intel_bottles", "intel_classroom", "intel_fruit-and-vegetable-detection",
    "intel_head-pose-face-detection-male", "intel_person-bicycle-car-detection", "intel_worker-zone-detection",
    "nvidia_person_chair_far", "nvidia_robot_capsule", "sam2_blocks_topdown", "sam2_dog", "sintel_trailer_30s",
    "vitra_robot_pour_seen", "vitra_robot_tomato",
)  # fmt: skip
VERSION = version_of("bench")
COVERED = 0.5  # share of a copy that its pairs must show


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip of a recording: the source's name, the transform (empty: the source itself), and its fingerprint."""

    clip_id: str
    name: str
    transform: str
    start_ns: int
    end_ns: int
    made: fingerprints.Fingerprint | None


def passed(name: str, kind: str, path: Path, folder: Path) -> dict[str, Any]:
    """Facts and clips of the recording by the one pass, made once for its options and the fingerprint's version."""
    made = key_of(name, kind, PassOptions().recipe)
    kept = folder / f"{made}.pass.json"
    if not kept.exists():
        with tempfile.TemporaryDirectory() as scratch:
            kept.write_text(json.dumps(decode(path, Path(scratch), made * 2, PassOptions())))
    return dict(json.loads(kept.read_text()))


def stored(name: str, kind: str, path: Path, reply: dict[str, Any], store: Store) -> list[Clip]:
    """The recording's clips; they and an asset go into the store."""
    sha, recipe, facts = reply["clips"][0]["sha256"], PassOptions().recipe, reply["facts"]
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
    prints = [None if c["fingerprints"] is None else fingerprints.fingerprint_of(c["fingerprints"]) for c in rows]
    return [Clip(c["clip_id"], name, kind, c["start_ns"], c["end_ns"], p) for c, p in zip(rows, prints, strict=True)]


def loose(clips: list[Clip]) -> dict[tuple[str, str], fingerprint_match.Match]:
    """Every two clips whose marks agree, by the least distance the rule could be given."""
    rule = dataclasses.replace(RULE, max_distance=2.0, max_brief_distance=2.0)
    seen = {c.clip_id: matcher.MarkedFingerprint(c.made) for c in clips if c.made is not None}
    with_key: dict[int, list[str]] = {}
    for clip in sorted(seen):
        for key in np.unique(seen[clip].marks.keys).tolist():
            with_key.setdefault(key, []).append(clip)
    found = {}
    for a, b in sorted({p for clips in with_key.values() for p in itertools.combinations(clips, 2)}):
        (keys_a, keys_b), few = (seen[x].marks for x in (a, b)), min(len(seen[x].marks.keys) for x in (a, b))
        shared = len(index.shared_keys(keys_a, keys_b, VERSION))
        if (
            shared >= fingerprint_match.votes_needed(few, rule)
            and (match := matcher.match_pair(seen[a], seen[b], rule)) is not None
        ):
            found[a, b] = match
    return found


def taken(match: Any) -> bool:
    """Whether the shipped rule takes it."""
    return bool(match.distance <= fingerprint_match.max_distance_of(match.overlap_ns, RULE))


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
        if mistaken and not {of(one), of(other)} & set(MADE_OF_OTHERS):
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


def told(title: str, clips: list[Clip], pairs: dict[tuple[str, str], Any]) -> list[Row]:
    """Recall and precision by transform, printed; their counts."""
    copies, bad = found_copies(clips, pairs), wrong(clips, pairs)
    print(f"\n{title}: {len({c.name for c in clips})} sources\n{'transform':10} {'recall':34} precision of pairs")
    by_id, rows = {c.clip_id: c for c in clips}, list[Row]()
    for kind in (*TRANSFORMS, "as found"):
        hits = [found for (_, k), found in copies.items() if k == kind]
        told_of = [p for p in pairs if kind in (by_id[p[0]].transform, by_id[p[1]].transform)]
        mistakes = sum(kind in (one.transform, other.transform) for one, other, _ in bad)
        print(f"{kind:10} {wilson(sum(hits), len(hits)):34} {wilson(len(told_of) - mistakes, len(told_of))}")
        counts = {"copies": len(hits), "copies_found": sum(hits), "pairs": len(told_of), "wrong_pairs": mistakes}
        rows.append({"clips": title, "transform": kind} | counts)
    missed = [f"{name} {kind}" for (name, kind), found in copies.items() if not found and kind not in BEYOND]
    print(f"missed: {', '.join(missed) or 'none'}")
    for one, other, match in bad:
        print(f"WRONG {one.name} {one.transform} / {other.name} {other.transform}: {match}")
    return rows


def of(clip: Clip) -> str:
    """The recording that a source is or is a third of."""
    return clip.name.split("@")[0]


def farthest(clips: list[Clip], pairs: dict[tuple[str, str], fingerprint_match.Match]) -> tuple[float, float]:
    """Distances of the farthest pair of copies that is nearer than every wrong one, and of the nearest wrong one."""
    bad = {(one.clip_id, other.clip_id): m.distance for one, other, m in wrong(clips, pairs)}
    nearest, by_id = min(bad.values(), default=2.0), {c.clip_id: c for c in clips}
    right = [m.distance for p, m in pairs.items() if p not in bad and by_id[p[0]].name == by_id[p[1]].name]
    return max(d for d in right if d < nearest), nearest


def halves_of(clips: list[Clip]) -> list[tuple[str, list[Clip]]]:
    """The half that thresholds were chosen on, the other, and what neither holds; whole recordings, then in thirds."""
    cut = {of(c) for c in clips if "@" in c.name}
    out = []
    for kind, some in (
        ("whole recordings", [c for c in clips if "@" not in c.name]),
        ("thirds, and recordings under 7.5 s", [c for c in clips if "@" in c.name or of(c) not in cut]),
    ):
        known = [c for c in some if not c.name.startswith(UNSEEN)]
        out.append((f"chose: {kind}", [c for c in known if c.name.startswith(CHOSE)]))
        out.append((f"held out: {kind}", [c for c in known if not c.name.startswith((*CHOSE, *MADE_OF_OTHERS))]))
        out.append((f"unseen: {kind}", [c for c in some if c.name.startswith(UNSEEN)]))
    return out


def hard(clips: list[Clip], pairs: dict[tuple[str, str], fingerprint_match.Match]) -> list[Row]:
    """The families that look alike and are no copies: pairs tried, pairs whose marks agree, the nearest."""
    rows = list[Row]()
    print("\nhard negatives   pairs  marks agree  nearest  at the shipped threshold")
    for title, start in FAMILIES.items():
        family = [c for c in clips if c.name.startswith(start) and not c.transform]
        apart = [(a, b) for a, b in itertools.combinations(family, 2) if a.name != b.name]
        found = [m for a, b in apart if (m := pairs.get(tuple(sorted((a.clip_id, b.clip_id)))))]  # type: ignore[call-overload]
        near, wrongly = min((m.distance for m in found), default=None), sum(map(taken, found))
        shown = float("nan") if near is None else near
        print(f"{title:22} {len(apart):6} {len(found):6} {shown:12.3f} {wrongly:6}")
        counts = {"pairs": len(apart), "pairs_with_marks_that_agree": len(found), "pairs_taken": wrongly}
        rows.append({"family": title, "nearest_distance": near} | counts)
    return rows


def by_hop(store: Store) -> tuple[dict[tuple[str, str], Any], Row]:
    """Pairs of the hop itself, and what it cost."""
    begun, cpu = time.perf_counter(), time.process_time()
    done = hop.dedup(Run(store=store, run_id="bench"), PassOptions().recipe)
    cost = {"wall_s": time.perf_counter() - begun, "cpu_s": time.process_time() - cpu}
    print(f"\nhop: {done.line()}: {cost['wall_s']:.1f} s, {cost['cpu_s']:.1f} CPU s")
    rows = store.read("duplicates").to_pylist()
    pairs = {
        (r["clip_a"], r["clip_b"]): fingerprint_match.Match(
            r["offset_ns"], r["overlap_ns"], r["distance"], r["kind"] == "mirrored"
        )
        for r in rows
    }
    return pairs, cost | {"duplicates": len(rows)}


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "samples", nargs="?", default=os.environ.get("HANDWHEEL_SAMPLES", str(ROOT.parent / "shared/data"))
    )
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--more", type=Path)
    parser.add_argument("--also", type=Path)
    add_json_option(parser)
    options = parser.parse_args()
    if not Path(options.samples).is_dir():
        print("duplicates: no sample media: HANDWHEEL_SAMPLES is unset and ../shared/data is missing")
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch, "transforms")
        folder.mkdir(parents=True, exist_ok=True)
        store = Store(str(Path(scratch, "corpus")))
        jobs = list(recordings(Path(options.samples), folder, options.more, options.also))
        whole = [c for job in jobs if "@" not in job[0] for c in stored(*job, passed(*job, folder), store)]
        cut = Store(str(Path(scratch, "thirds")))
        clips = whole + [c for job in jobs if "@" in job[0] for c in stored(*job, passed(*job, folder), cut)]
        rows, distances = list[Row](), list[Row]()
        for title, some in halves_of(clips):
            if some:
                pairs = loose(some)
                rows += told(title, some, {p: m for p, m in pairs.items() if taken(m)})
                copies, others = farthest(some, pairs)
                print(f"farthest copies {copies:.3f}, nearest others {others:.3f}")
                distances.append({"clips": title, "farthest_copies": copies, "nearest_others": others})
        pairs_of_hop, cost = by_hop(store)
        rows += told("whole recordings, the hop's own pairs", whole, pairs_of_hop)
        families = hard(whole, loose(whole))
        figures = {"transforms": rows, "distances": distances, "hard_negatives": families, "hop": [cost]}
        record("near-duplicates", figures, options.json)


if __name__ == "__main__":
    main()
