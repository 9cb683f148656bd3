"""Hostile recordings: valid files of many kinds, broken at seeded places, through the whole ingest hop.

python -m tests.faults.fuzz --inputs 2000 --seed 7: every input ends as an asset whose clips and gaps tile it, or as a
reject with a known reason; no child crashes or hangs; prints how many ended how, and exits 1 otherwise.
"""

from __future__ import annotations

import argparse
import collections
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from infra.sandbox.sandbox import Limits
from infra.storage.tables import Store
from pipelines.corpus.ledger import ledger
from pipelines.hop import Beam, Run
from pipelines.ingest.hop import ingest
from pipelines.sources.recordings import Source
from pipelines.staging.options import IngestOptions
from schemas.spans import merge
from tests.support.media import Video, shot, write, write_sound

# A hang would end as decoder_timeout and a crash as decoder_crashed: both are failures here.
KNOWN = frozenset(
    ["not_media", "no_frames", "no_video", "unknown_codec", "bad_size", "empty_file", "html_page", "playlist", "glued"]
)
LIMITS = Limits(cpu_s=60, wall_s=120.0)
Bytes = bytearray
Rng = np.random.Generator


def flip(data: Bytes, rng: Rng) -> Bytes:
    """Some bits, anywhere."""
    for at in rng.integers(0, len(data), int(rng.integers(1, 40))):
        data[at] ^= 1 << int(rng.integers(8))
    return data


def flip_head(data: Bytes, rng: Rng) -> Bytes:
    """Some bits of the first kilobyte, where headers are."""
    for at in rng.integers(0, min(len(data), 1024), int(rng.integers(1, 12))):
        data[at] ^= 1 << int(rng.integers(8))
    return data


def truncate(data: Bytes, rng: Rng) -> Bytes:
    """The first part alone."""
    return data[: int(rng.integers(0, len(data)))]


def behead(data: Bytes, rng: Rng) -> Bytes:
    """The last part alone."""
    return data[int(rng.integers(1, len(data))) :]


def blank(data: Bytes, rng: Rng) -> Bytes:
    """A stretch of zeros or ones."""
    at, length = int(rng.integers(0, len(data))), int(rng.integers(1, max(2, len(data) // 4)))
    data[at : at + length] = bytes([int(rng.choice([0, 255]))]) * len(data[at : at + length])
    return data


def repeat(data: Bytes, rng: Rng) -> Bytes:
    """A stretch that comes twice."""
    at, end = sorted(int(i) for i in rng.integers(0, len(data), 2))
    return data[:end] + data[at:end] + data[end:]


def extremes(data: Bytes, rng: Rng) -> Bytes:
    """Four bytes that say something vast or negative: sizes, counts, times."""
    for at in rng.integers(0, max(1, min(len(data), 4096) - 4), int(rng.integers(1, 6))):
        data[at : at + 4] = int(rng.choice([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])).to_bytes(4, "big")
    return data


HURTS: tuple[Callable[[Bytes, Rng], Bytes], ...] = (flip, flip_head, truncate, behead, blank, repeat, extremes)


def valid(folder: Path) -> list[Path]:
    """Small valid files: eight containers, seven codecs."""
    folder.mkdir()
    made = [
        write(folder / "h264.mp4", [*shot(1, 15), *shot(2, 10)]),
        write(folder / "b_frames.mkv", shot(3, 24), Video(options={"preset": "fast", "g": "12", "bf": "3"})),
        write(folder / "hevc.mp4", shot(4, 12), Video(codec="libx265")),
        write(folder / "vp9.webm", shot(5, 10), Video(codec="libvpx-vp9")),
        write(folder / "mpeg4.avi", shot(6, 15), Video(codec="mpeg4", clock=Fraction(1, 10))),
        write(folder / "h264.ts", shot(7, 15), Video(clock=Fraction(1, 90_000))),
        write(folder / "flv1.flv", shot(8, 15), Video(codec="flv")),
        write(folder / "mjpeg.mov", shot(9, 8), Video(codec="mjpeg", pix_fmt="yuvj420p")),
        write(folder / "sound.mp4", shot(10, 10), Video(audio=True)),
    ]
    return [*made, write_sound(folder / "only_sound.m4v")]


def break_all(sources: Sequence[Path], folder: Path, inputs: int, seed: int) -> None:
    """Writes the broken inputs: one in eight is two files in one, the others are hurt once or twice."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    whole = [p.read_bytes() for p in sources]
    for i in range(inputs):
        of = int(rng.integers(len(whole)))
        data = bytearray(whole[of])
        if i % 8 == 7:
            data += whole[int(rng.integers(len(whole)))]
        for _ in range(int(rng.integers(1, 3)) if i % 16 != 15 else 0):
            data = HURTS[int(rng.integers(len(HURTS)))](data, rng) if data else data
        (folder / f"{i:05}{sources[of].suffix}").write_bytes(data)


@dataclass(frozen=True, slots=True)
class Found:
    """How the inputs ended, and what was wrong with that."""

    ends: collections.Counter[str]
    wrong: list[str]


def fuzz(folder: Path, inputs: int, seed: int, workers: int = 2) -> Found:
    """Makes, ingests and accounts for the inputs."""
    folder.mkdir(parents=True, exist_ok=True)
    break_all(valid(folder / "valid"), folder / "media", inputs, seed)
    options = IngestOptions(limits=LIMITS, max_reject_share=1.0)
    run = Run(Store(str(folder / "corpus")), "fuzz", beam=Beam(workers=workers))
    done = ingest(run, [Source(kind="folder", uri=str(folder / "media"), stage="web")], options)
    return account(run.store, options.cutting.recipe, sorted(map(str, (folder / "media").iterdir())), done.notes)


def account(store: Store, recipe: str, offered: Sequence[str], notes: Sequence[str]) -> Found:
    """Every input is an asset that is tiled, or a reject with a known reason; nothing is both or neither."""
    wrong = list(notes)
    assets = {a["uri"]: a for a in store.read("assets").to_pylist()}
    rejects = {r["uri"]: r for r in store.read("rejects").to_pylist()}
    clips: dict[str, list[tuple[int, int]]] = {}
    for clip in store.read("clips").to_pylist():
        clips.setdefault(clip["sha256"], []).append((clip["start_ns"], clip["end_ns"]))
    ends: collections.Counter[str] = collections.Counter()
    for uri in offered:
        asset, reject = assets.get(uri), rejects.get(uri)
        if (asset is None) == (reject is None):
            wrong.append(f"{uri}: {'neither' if asset is None else 'both'} asset and reject")
        elif reject is not None:
            ends[reject["reason"]] += 1
            wrong += [f"{uri}: {reject['reason']} {reject['detail']}"] if reject["reason"] not in KNOWN else []
        elif asset is not None:
            spans = clips.get(asset["sha256"], []) + [(g["start_ns"], g["end_ns"]) for g in asset["gaps"]]
            ends["decoded, damage cut out" if asset["gaps"] else "decoded"] += 1
            if merge(spans) != [(0, asset["decoded_ns"])] or sum(e - s for s, e in spans) != asset["decoded_ns"]:
                wrong.append(f"{uri}: its clips and gaps do not tile it")
    total, _ = ledger(store, recipe, "none")
    if total.unbalanced_ns():
        wrong.append(f"the ledger is {total.unbalanced_ns()} ns out of balance")
    return Found(ends, wrong)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--keep", type=Path, help="work in this new folder and leave it")
    args = parser.parse_args()
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        found = fuzz(args.keep or Path(scratch) / "fuzz", args.inputs, args.seed)
    for end, count in found.ends.most_common():
        print(f"{count:7} {end}")
    print(
        f"{sum(found.ends.values()):7} of {args.inputs} inputs in {time.monotonic() - began_s:.0f} s, seed {args.seed}"
    )
    print("\n".join(found.wrong[:20]) or "every input is accounted for; no child crashed or hung")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
