"""A clip's bytes to frames: PyAV, in this process, since the release is ours and its hash was compared."""

from __future__ import annotations

import io

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray


def decode(video: bytes, start: int, count: int) -> tuple[NDArray[np.uint8], int]:
    """Frames [start, start + count) as uint8 (n, H, W, 3) RGB, and how many frames the video holds.

    Decodes from the last key frame at or before `start`: groups are closed and there are no B-frames, so
    packets come in the order of the frames. n < count where the video ends earlier.
    """
    with av.open(io.BytesIO(video), mode="r", format="mp4") as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        packets = [p for p in container.demux(stream) if p.size]
        end = min(start + count, len(packets))
        first = max((i for i in range(min(start, len(packets) - 1) + 1) if packets[i].is_keyframe), default=0)
        frames = [f for p in packets[first:end] for f in stream.codec_context.decode(p)]
        frames += stream.codec_context.decode(None)
        # One converter for all frames: to_ndarray(format=...) would set one up, with its threads, for each.
        convert = VideoReformatter()
        pictures = [convert.reformat(f, format="rgb24", threads=1).to_ndarray() for f in frames[start - first :]]
        empty = np.empty((0, stream.codec_context.height, stream.codec_context.width, 3), np.uint8)
    return np.stack(pictures) if pictures else empty, len(packets)
