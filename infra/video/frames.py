"""What the decoder gives, packet by packet: frames with their clock readings, and which of them may show damage."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import av
import av.logging
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

T = TypeVar("T")
REORDERING = {"h264", "hevc"}  # the codecs whose PTS ffmpeg makes up of the order of decoding, where a file has none


class DecodedFrame(NamedTuple):
    """A frame in the order in which it is shown. ticks: its reading of the stream's clock, None where it has none.

    damaged, complained: as of decoder.Picture.
    """

    frame: VideoFrame
    ticks: int | None
    damaged: bool
    complained: bool


@dataclass(slots=True)
class Complaints:
    """Which frames may show damage: those that come out after the decoder complained, up to the first key frame that
    it took afterwards without complaint. ffmpeg exits 0 on damage: what it says is all there is."""

    bad: bool = False
    clean_from: int | None = None  # that key frame's pts

    def note_packet(self, packet: Packet[VideoStream] | None, complained: bool) -> None:
        """A packet went into the decoder."""
        if complained:
            self.bad, self.clean_from = True, None
        elif self.bad and self.clean_from is None and packet is not None and packet.is_keyframe:
            self.clean_from = packet.pts

    def may_show_damage(self, frame: VideoFrame) -> bool:
        """Whether a frame that came out may show damage."""
        if self.bad and self.clean_from is not None and frame.pts is not None and frame.pts >= self.clean_from:
            self.bad, self.clean_from = False, None
        return self.bad or bool(frame.is_corrupt)


@dataclass(slots=True)
class DecodeOrder:
    """PTS that only count packets, though frames are shown in another order than packets are decoded.

    AVI dates no frame, and ffmpeg makes PTS of the order of its packets; remuxed with `-fflags +genpts` they stand in
    an MP4 too. Frames come out in the order in which they are shown, whatever they say: where their PTS then go back
    and no packet's ever did, the n-th frame is shown at the n-th packet's time.
    """

    packets: deque[int] = field(default_factory=deque)  # PTS of those whose frame has not come out
    rises: bool = True  # in every packet so far
    newest: int | None = None  # PTS of the packets
    latest: int | None = None  # PTS of the frames
    is_made_up: bool = False

    def note_packet(self, packet: Packet[VideoStream]) -> None:
        """A packet goes into the decoder."""
        if not (packet.size and self.rises) or packet.is_discard:
            return
        if packet.pts is None or (self.newest is not None and packet.pts <= self.newest):
            self.rises = False
            return
        self.newest = packet.pts
        self.packets.append(packet.pts)

    def note_frame(self, frame: VideoFrame, complained: bool) -> int | None:
        """The PTS of the packet whose turn it is; None where the order tells nothing."""
        if not self.rises or frame.pts is None:
            return None
        if (self.latest is None or complained) and not self.is_made_up:
            while self.packets and self.packets[0] < frame.pts:  # before a first key frame, or lost
                self.packets.popleft()
        self.is_made_up |= self.latest is not None and frame.pts < self.latest
        self.latest = max(frame.pts, self.latest or frame.pts)
        return self.packets.popleft() if self.packets else None


def decode(container: InputContainer, stream: VideoStream) -> Iterator[DecodedFrame]:
    """Frames from where the container stands, in the order in which they are shown."""
    order = DecodeOrder(rises=stream.codec_context.name in REORDERING and stream.codec_context.reorder_depth > 0)
    waiting: deque[tuple[DecodedFrame, int | None]] = deque()
    for decoded in _decode(container, stream, order):
        waiting.append(decoded)
        while waiting and (not order.rises or len(waiting) > stream.codec_context.reorder_depth + 1):
            yield _with_ticks(*waiting.popleft(), order)
    yield from (_with_ticks(*decoded, order) for decoded in waiting)


def _with_ticks(decoded: DecodedFrame, turn: int | None, order: DecodeOrder) -> DecodedFrame:
    return decoded._replace(ticks=turn) if order.is_made_up and turn is not None else decoded


def _decode(
    container: InputContainer, stream: VideoStream, order: DecodeOrder
) -> Iterator[tuple[DecodedFrame, int | None]]:
    """Each frame with its own PTS, and with what the order of decoding says of it."""
    packets = container.demux(stream)
    complaints, torn = Complaints(), False
    while True:
        packet, unread = _listen_to(lambda: next(packets, None))
        if packet is None and not unread:
            return
        if packet is not None:
            order.note_packet(packet)
        # Where the demuxer gave up the decoder still holds frames.
        frames, complained = _listen_to(packet.decode if packet else stream.codec_context.decode)
        complaints.note_packet(packet, unread or complained)
        torn |= unread or complained
        for frame in frames or ():
            decoded = DecodedFrame(frame, frame.pts, complaints.may_show_damage(frame), torn)
            yield decoded, order.note_frame(frame, torn)
            torn = False
        if packet is None:
            return


def _listen_to(call: Callable[[], T]) -> tuple[T | None, bool]:
    """What a call of the decoder or demuxer gave, None where it raised, and whether it complained."""
    with av.logging.Capture(local=True) as complaints:
        try:
            return call(), bool(complaints)
        except av.error.EOFError:
            return None, bool(complaints)
        except av.error.FFmpegError:
            return None, True
