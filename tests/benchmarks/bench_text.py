"""Text drawn on the picture: how much of it text_share finds, what it takes for it wrongly, and what it costs.

`python -m tests.benchmarks.bench_text [--seed 7] [--clips N] [--json [FOLDER]]`: sample clips with text drawn by
text_media.py, as they are and shaken as by hand. A film is found where its share is over the policy's, told where there
is one at all. Labels stand in the scene only where the camera is shaken or seen to stand; clips with text of their own
are left out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import zlib
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "packages/handwheel")]  # run as a script, from anywhere
from pipelines.media.options import PassOptions  # noqa: E402
from schemas.signals import burned_in_text  # noqa: E402
from schemas.signals.base import sampled_frame  # noqa: E402
from schemas.signals.text_share import BURNED_IN_TEXT  # noqa: E402
from schemas.spans import NS  # noqa: E402
from tests.benchmarks import text_media  # noqa: E402
from tests.benchmarks.bench_duplicates import wilson  # noqa: E402
from tests.benchmarks.bench_ingest import samples  # noqa: E402
from tests.benchmarks.bench_proxies import sampled  # noqa: E402
from tests.benchmarks.cut_media import FOLDERS  # noqa: E402
from tests.benchmarks.record import Figures, add_json_option, record  # noqa: E402

OWN_TEXT = "vitra_"  # clips with a caption that was drawn on them
Shares = dict[tuple[str, bool], list[tuple[str, float | None]]]


def main() -> None:
    """Prints a row a kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--clips", type=int, help="that many, drawn by the seed")
    add_json_option(parser)
    given = parser.parse_args()
    place = samples()
    if place is None:
        sys.exit("no sample clips; next: set HANDWHEEL_SAMPLES")
    cv2.setNumThreads(1)
    paths = [p for f in FOLDERS for p in sorted((place / f).glob("*.m[pk][4v]")) if not p.name.startswith(OWN_TEXT)]
    count = min(given.clips or len(paths), len(paths))
    chosen = sorted(np.random.default_rng(given.seed).permutation(len(paths))[:count])
    shares: Shares = {}
    costs_s = []
    with tempfile.TemporaryDirectory(prefix="bench-text-") as folder:
        for at in chosen:
            costs_s += measure(paths[at], given.seed, Path(folder) / "film.mp4", shares)
    figures = table(shares, BURNED_IN_TEXT.limit)
    sample_ms = 1000 * sum(costs_s) / max(1, len(costs_s))
    print(f"\nseed {given.seed}, {count} clips; {sample_ms:.2f} CPU ms a sample")
    whole = {"seed": given.seed, "clips": count, "sample_cpu_ms": sample_ms}
    record("drawn-text", {**whole, **figures}, given.json)


def measure(path: Path, seed: int, film: Path, shares: Shares) -> list[float]:
    """Adds a clip's shares of every kind; CPU seconds of each sample."""
    pictures, costs_s = text_media.frames(path), []
    stands = text_media.stands(pictures)
    for kind in text_media.KINDS:
        for shaken in (False, True):
            if kind == "labels in the scene" and not (shaken or stands):
                continue
            rng = np.random.default_rng([seed, zlib.crc32(f"{path.stem} {kind} {shaken}".encode())])
            text_media.make(pictures, kind, shaken, rng, film)
            share, cost_s = judged(film)
            shares.setdefault((kind, shaken), []).append((path.stem, share))
            costs_s += cost_s
    return costs_s


def judged(film: Path) -> tuple[float | None, list[float]]:
    """The film's text_share, of the pass's own samples, and the CPU seconds of each."""
    state, costs_s = burned_in_text.TextState(), []
    for i, rgb in enumerate(sampled(film)):
        t_ns = round(i * NS / PassOptions().proxy_hz)
        luma = sampled_frame(t_ns, rgb).luma
        began = time.process_time()
        state = burned_in_text.update(state, t_ns, luma)
        costs_s.append(time.process_time() - began)
    return burned_in_text.finish(state), costs_s


def table(shares: Shares, most: float) -> Figures:
    """Found / told / films, by kind; then the false alarms of what has no drawn text, and their films."""
    rows = []
    print(f"| share over {most} / told / films | as they are | shaken |\n|---|---|---|")
    for kind in text_media.KINDS:
        cells = []
        for shaken in (False, True):
            of = shares.get((kind, shaken), [])
            told = [share for _, share in of if share is not None]
            over = sum(share > most for share in told)
            cells.append(f"{over} / {len(told)} / {len(of)}")
            counts = {"films_over_limit": over, "films_with_a_share": len(told), "films": len(of)}
            rows.append({"kind": kind, "shaken": shaken} | counts)
        print(f"| {kind} | {' | '.join(cells)} |")
    plain = [(stem, kind, shaken, s) for (kind, shaken), of in shares.items() for stem, s in of]
    plain = [film for film in plain if film[1] in text_media.NOT_DRAWN and film[3] is not None]
    false = [film for film in plain if film[3] > most]
    print(f"\nno drawn text, told, and rightly so: {wilson(len(plain) - len(false), len(plain))}; false alarms:")
    for stem, kind, shaken, share in false:
        print(f"- {stem}, {kind}, {'shaken' if shaken else 'as it is'}: {share}")
    return {"limit_share": most, "undrawn_films": len(plain), "undrawn_films_over_limit": len(false), "rows": rows}


if __name__ == "__main__":
    main()
