"""Proxies by JPEG quality: bytes an hour, what is lost, what an encode costs, and whether the same hands are found.

`python -m tests.benchmarks.bench_proxies [--json [FOLDER]]`: the sample clips with hands at work, at the pass's own
rate and size. PSNR and SSIM are of luma, against the picture before JPEG; hands are the embedded detector's, against
those that it finds in that picture (boxes that overlap by half and more).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "packages/handwheel")]  # run as a script, from anywhere
from infra.models.mediapipe_hands import LiteHandDetector  # noqa: E402
from infra.video import decoder, pixels  # noqa: E402
from pipelines.media.options import PassOptions  # noqa: E402
from schemas.spans import NS  # noqa: E402
from tests.benchmarks.bench_ingest import samples  # noqa: E402
from tests.benchmarks.record import add_json_option, record  # noqa: E402

QUALITIES = (60, 70, 75, 80, 85, 90, 95)
Rgb = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Row:
    """One picture at one quality."""

    size: int
    psnr_db: float
    ssim: float
    ms: float
    same: int  # hands found in the original and here
    other: int  # found here alone


def main() -> None:
    """Prints a row a quality."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_json_option(parser)
    given = parser.parse_args()
    place = samples()
    if place is None:
        sys.exit("no sample clips; next: set HANDWHEEL_SAMPLES")
    cv2.setNumThreads(1)
    paths = sorted((place / "hands_manip").glob("*.mp4"))
    pictures = [p for path in paths for p in sampled(path)]
    detector = LiteHandDetector()
    truth = [detector.detect(p) for p in pictures]
    of, hz = sum(map(len, truth)), PassOptions().proxy_hz
    seconds = len(pictures) / hz
    own = sum(p.stat().st_size for p in paths)
    print(f"{len(paths)} clips, {len(pictures)} samples, {of} hands in them before JPEG\n")
    print("| quality | MB an hour | share of the clips' own bytes | PSNR, dB | SSIM | encode, ms | hands kept | more |")
    print("|---|---|---|---|---|---|---|---|")
    table = []
    for quality in QUALITIES:
        rows = [at(p, quality, detector, hands) for p, hands in zip(pictures, truth, strict=True)]
        size, ms = sum(r.size for r in rows), statistics.median(r.ms for r in rows)
        row = {
            "quality": quality,
            "mb_per_hour": size * 3600e-6 / seconds,
            "share_of_own_bytes": size / own,
            "psnr_db": statistics.mean(r.psnr_db for r in rows),
            "ssim": statistics.mean(r.ssim for r in rows),
            "encode_ms": ms,
            "hands_kept": sum(r.same for r in rows),
            "hands_more": sum(r.other for r in rows),
        }
        forms = ("", ".0f", ".2f", ".1f", ".4f", ".2f", "", "")
        cells = [format(value, form) for value, form in zip(row.values(), forms, strict=True)]
        print(f"| {' | '.join(cells)} |", flush=True)
        table.append(row)
    record("proxies", {"clips": len(paths), "samples": len(pictures), "hands": of, "rows": table}, given.json)


def sampled(path: Path) -> Iterator[Rgb]:
    """The pass's samples of a recording."""
    options = PassOptions()
    with decoder.open_media(path) as container:
        stream = decoder.video_stream(container)
        due, facts, size = 0, None, (0, 0)
        for picture in decoder.pictures(container, stream):
            if facts is None:
                facts = decoder.facts(container, stream, picture.frame)
                size = pixels.fitted(facts.width_px, facts.height_px, options.proxy_long_side_px)
            if picture.t_ns >= due:
                yield pixels.rgb(picture.frame, size, facts.quarter_turns)
                due = round(due + NS / options.proxy_hz)


def at(picture: Rgb, quality: int, detector: Any, before: Sequence[dict[str, Any]]) -> Row:
    """The picture through JPEG."""
    began = time.process_time()
    _, jpeg = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    ms = 1000 * (time.process_time() - began)
    back = np.asarray(cv2.cvtColor(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)
    a, b = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY).astype(np.float32) for p in (picture, back))
    after = detector.detect(back)
    same = sum(any(_overlap(x, y) >= 0.5 for y in after) for x in before)
    other = sum(not any(_overlap(x, y) >= 0.5 for y in before) for x in after)
    psnr = 20 * np.log10(255 / max(1e-6, float(np.sqrt(np.mean((a - b) ** 2)))))
    return Row(len(jpeg), float(psnr), ssim(a, b), ms, same, other)


def ssim(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    """Mean structural similarity (Wang 2004: 11 x 11 Gaussian of deviation 1.5, K1 .01, K2 .03)."""

    def blur(x: Any) -> Any:
        return cv2.GaussianBlur(x, (11, 11), 1.5)

    ma, mb = blur(a), blur(b)
    va, vb, cov = blur(a * a) - ma * ma, blur(b * b) - mb * mb, blur(a * b) - ma * mb
    c1, c2 = 2.55**2, 7.65**2
    return float(np.mean((2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))))


def _overlap(a: dict[str, Any], b: dict[str, Any]) -> float:
    """Intersection over union of two hands' boxes."""
    width = min(a["x1"], b["x1"]) - max(a["x0"], b["x0"])
    height = min(a["y1"], b["y1"]) - max(a["y0"], b["y0"])
    inside = max(0.0, width) * max(0.0, height)
    areas = [(h["x1"] - h["x0"]) * (h["y1"] - h["y0"]) for h in (a, b)]
    return float(inside / max(1e-9, sum(areas) - inside))


if __name__ == "__main__":
    main()
