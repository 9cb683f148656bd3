"""When each frame of a recording is shown, by its packets alone where these tell all: in a tenth of a decode.

Runs inside the sandbox, as the decoder does: the bytes are hostile.
"""

from __future__ import annotations

from pathlib import Path

import av
import av.logging
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from infra.video import decoder, seeking

# One packet of these is one frame; VP8, VP9 and packed MPEG-4 have packets that show none.
CODECS = {"h264", "hevc", "av1", "libdav1d", "mjpeg"}
# Containers whose tables date every packet. A transport stream may begin within a group, or be several glued together.
CONTAINERS = ("mov,mp4", "matroska")


def frame_times(path: Path) -> npt.NDArray[np.int64]:
    """The times of all frames that `decoder.pictures` gives, int64 (N,), ns from the first, ascending.

    Demuxed where the packets tell all; else decoded, with the same result. What only a decoder can see, damage within
    a packet's own data, may cost `pictures` a frame whose time stands here: the pass counts such frames as damaged.
    BadMedia: as `decoder.open_media`, `decoder.video_stream` and `decoder.without_frames`.
    """
    with decoder.open_media(path) as container:
        stream = decoder.video_stream(container)
        ticks = _packet_ticks(container, stream)
        if ticks is not None:
            clock = seeking.Clock(stream)
            return np.array([clock.ns(t) for t in ticks.tolist()], np.int64) - (clock.ns(int(ticks[0])) or 0)
    with decoder.open_media(path) as container:
        stream = decoder.video_stream(container)
        times = np.array([p.t_ns for p in decoder.pictures(container, stream)], np.int64)
        if not len(times):
            raise decoder.without_frames(stream)
        return times


def _packet_ticks(container: InputContainer, stream: VideoStream) -> seeking.Ticks | None:
    """Each packet's PTS, ascending, in ticks of the stream; None where they do not tell all."""
    if not container.format.name.startswith(CONTAINERS) or stream.codec_context.name not in CODECS:
        return None
    pts: list[int] = []
    with av.logging.Capture(local=True) as complaints:
        try:
            for packet in container.demux(stream):
                if packet.size:
                    if packet.pts is None or not _is_sound(packet, stream, first=not pts):
                        return None
                    pts.append(packet.pts)
        except av.error.FFmpegError:
            return None
    if complaints or not pts or pts[0] != min(pts):  # what precedes the first key frame does not decode
        return None
    return seeking.in_order(np.array(pts, np.int64), stream)


def _is_sound(packet: Packet[VideoStream], stream: VideoStream, first: bool) -> bool:
    """Whether a decoder can be expected to show one frame of the packet."""
    if packet.is_corrupt or packet.is_discard or (first and not packet.is_keyframe):
        return False
    prefix = _prefix_bytes(stream)
    return prefix == 0 or _fills(bytes(packet), prefix)


def _prefix_bytes(stream: VideoStream) -> int:
    """Bytes of the length before each unit of H.264 or HEVC (ISO 14496-15: avcC, hvcC); 0: units have none."""
    extra = stream.codec_context.extradata or b""
    at = {"h264": 4, "hevc": 21}.get(stream.codec_context.name, 0)
    return (extra[at] & 3) + 1 if at and len(extra) > at and extra[0] == 1 else 0


def _fills(data: bytes, prefix: int) -> bool:
    """Whether units with their lengths fill the data, as those of an undamaged packet do."""
    at = 0
    while at + prefix < len(data):
        length = int.from_bytes(data[at : at + prefix], "big")
        if length == 0 or data[at + prefix] & 0x80:  # forbidden_zero_bit
            return False
        at += prefix + length
    return at == len(data)
