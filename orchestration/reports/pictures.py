"""Pictures of the report: a few frames of a span side by side, as one JPEG, with the hands found in them."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from infra.storage.tables import Store
from schemas import Hands, Proxy
from schemas.arrow import rows_of
from schemas.hands import StoredHand
from schemas.spans import NS, Span

Array = NDArray[np.uint8]

PROXIES_AT_ONCE = 8  # a minute's proxy is some 7 MB
BOX_ASPECT = 8 / 3  # of the page's picture box: three wide frames over three
NARROW = 1.5  # width to height below which the box holds more frames
GAP_PX = 2  # between frames
GAP_BGR = 33, 29, 27
# MediaPipe's 21 points: each finger from the wrist, and across the palm.
CHAINS = (
    (0, 1, 2, 3, 4),
    (0, 5, 6, 7, 8),
    (9, 10, 11, 12),
    (13, 14, 15, 16),
    (0, 17, 18, 19, 20),
    (5, 9, 13, 17),
)


@dataclass(frozen=True, slots=True)
class HandMark:
    """One hand drawn over the picture, in the picture's pixels."""

    side: str
    x: float
    y: float
    width: float
    height: float
    bones: str  # an SVG path; empty where the detector gave no key points


@dataclass(frozen=True, slots=True)
class Picture:
    """Frames of a span in reading order, as one JPEG."""

    src: str  # data URL
    width_px: int
    height_px: int
    times_s: tuple[float, ...]  # of the frames, from the recording's first
    hands: tuple[HandMark, ...]


@dataclass(frozen=True, slots=True)
class PictureStyle:
    """How pictures are made."""

    frames: int = 6  # of wide pictures; a third more of narrow ones
    thumb_px: int = 176  # widest thumbnail
    tallest_px: int = 176
    quality: int = 70


@dataclass(frozen=True, slots=True)
class SampledFrames:
    """JPEGs at times of one recording, all of one size."""

    sample_ns: Sequence[int]
    jpegs: Sequence[bytes]
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class DrawnHand:
    """One hand of a frame, in shares of it: a box (x0, y0, x1, y1), and 21 points as x, y, x, y ... or none."""

    side: str
    box: tuple[float, float, float, float]
    keypoints: Sequence[float] = ()


# Hands by the time of their frame, in ns.
HandsByTime = Mapping[int, Sequence[DrawnHand]]


def proxies_of(store: Store, row_ids: Sequence[str]) -> Iterator[Proxy]:
    """The proxies of these clips (by clip_row_id) and no others, a few in memory at a time."""
    wanted = list(dict.fromkeys(row_ids))
    for i in range(0, len(wanted), PROXIES_AT_ONCE):
        yield from rows_of(Proxy, store.read_keys("proxies", "clip_row_id", wanted[i : i + PROXIES_AT_ONCE]))


def frames_of(proxies: Sequence[Proxy]) -> SampledFrames:
    """The frames of a recording's proxies, one after the other; there is at least one proxy."""
    return SampledFrames(
        [t_ns for proxy in proxies for t_ns in proxy.sample_ns],
        [jpeg for proxy in proxies for jpeg in proxy.jpegs],
        proxies[0].width_px,
        proxies[0].height_px,
    )


def hands_by_time(track: Hands) -> dict[int, list[DrawnHand]]:
    """The hands of a track by the time of the sample that shows them."""
    out: dict[int, list[DrawnHand]] = {}
    for hand in cast("list[StoredHand]", track.hands):
        if 0 <= hand["sample"] < len(track.sample_ns):
            box = (hand["x0"], hand["y0"], hand["x1"], hand["y1"])
            drawn = DrawnHand(hand["side"], box, hand["keypoints"] or ())
            out.setdefault(track.sample_ns[hand["sample"]], []).append(drawn)
    return out


def picture_of(samples: SampledFrames, hands: HandsByTime, span: Span, style: PictureStyle) -> Picture | None:
    """Frames within the span with their hands; None where none can be decoded."""
    inside = [i for i, t_ns in enumerate(samples.sample_ns) if span[0] <= t_ns < span[1]]
    frames = style.frames if samples.width_px >= NARROW * samples.height_px else style.frames * 4 // 3
    chosen = list(dict.fromkeys(inside[round(i)] for i in np.linspace(0, len(inside) - 1, frames) if inside))
    zoom = 1 if len(chosen) > 2 else 2  # one frame or two are shown larger
    decoded = [(samples.sample_ns[i], _thumb(samples.jpegs[i], style, zoom)) for i in chosen]
    thumbs = [(t_ns, thumb) for t_ns, thumb in decoded if thumb is not None]
    return sheet(thumbs, hands, style) if thumbs else None


def sheet(thumbs: Sequence[tuple[int, Array]], hands: HandsByTime, style: PictureStyle) -> Picture:
    """One picture of thumbnails (BGR, at times in ns) and the hands of those times."""
    height, width = thumbs[0][1].shape[:2]
    columns = columns_of(len(thumbs), width / height)
    rows = -(-len(thumbs) // columns)
    whole = columns * (width + GAP_PX) - GAP_PX, rows * (height + GAP_PX) - GAP_PX
    canvas = np.full((whole[1], whole[0], 3), GAP_BGR, np.uint8)
    marks: list[HandMark] = []
    for i, (t_ns, thumb) in enumerate(thumbs):
        x, y = i % columns * (width + GAP_PX), i // columns * (height + GAP_PX)
        canvas[y : y + height, x : x + width] = cv2.resize(thumb, (width, height))
        marks += [_mark(hand, (x, y, width, height)) for hand in hands.get(t_ns, [])]
    ok, jpeg = cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, style.quality])
    if not ok:
        raise RuntimeError("JPEG encoder refused a contact sheet")
    src = "data:image/jpeg;base64," + base64.b64encode(jpeg.tobytes()).decode()
    times = tuple(t_ns / NS for t_ns, _ in thumbs)
    return Picture(src, *whole, times, tuple(marks))


def columns_of(frames: int, aspect: float) -> int:
    """How many frames stand side by side so that they are largest in the page's box."""
    return max(
        range(1, frames + 1),
        key=lambda n: min(BOX_ASPECT / (n * aspect), 1 / -(-frames // n)) + 1e-9 * (frames - n),
    )


def _thumb(jpeg: bytes, style: PictureStyle, zoom: int) -> Array | None:
    """The frame, small; None where its bytes are not a picture."""
    frame = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) if jpeg else None
    if frame is None:
        return None
    height, width = frame.shape[:2]
    scale = min(zoom * style.thumb_px / width, zoom * style.tallest_px / height, 1.0)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def _mark(hand: DrawnHand, place: tuple[int, int, int, int]) -> HandMark:
    """place: x, y, width, height of the frame in the picture, px. What lies outside the frame is cut off."""
    x, y, width, height = place

    def at(u: float, v: float) -> tuple[float, float]:
        return round(x + min(max(u, 0.0), 1.0) * width, 1), round(y + min(max(v, 0.0), 1.0) * height, 1)

    (x0, y0), (x1, y1) = at(*hand.box[:2]), at(*hand.box[2:])
    points = hand.keypoints
    dots = [at(u, v) for u, v in zip(points[::2], points[1::2], strict=True)] if len(points) == 42 else []
    bones = " ".join(_path(dots[i] for i in chain) for chain in CHAINS) if dots else ""
    return HandMark(hand.side, x0, y0, round(x1 - x0, 1), round(y1 - y0, 1), bones)


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
