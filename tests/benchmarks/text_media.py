"""Sample clips with text drawn on them, or in their scene, for the benchmark of text_share: seeded, through H.264.

The letters are of the fonts that OpenCV carries: Latin, Cyrillic, Greek, Arabic, Chinese and Japanese.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from infra.video import decoder, pixels
from schemas.signals.base import sampled_frame
from schemas.signals.camera_motion import shift_px
from schemas.spans import NS

LONG_SIDE_PX, HZ, LONGEST_S = 640, 12, 7
STANDS_PX = 2.0  # a camera stands that moves less than this from the first picture to any second's
SCRIPTS = {
    "latin": ("Now add the flour and stir slowly", "Hold it with your left hand", "What happens if it slips?"),
    "cyrillic": ("Теперь добавьте муку и перемешайте", "Держите левой рукой", "Затем затяните четыре винта"),
    "greek": ("Προσθέστε το αλεύρι αργά", "Κρατήστε το με το αριστερό χέρι"),
    "arabic": ("أضف الدقيق وحرك ببطء", "أمسكها بيدك اليسرى الآن"),
    "cjk": ("現在加入麵粉慢慢攪拌", "用左手拿住它不要放開", "ここでネジを四本しめます"),
}
LIKELY = (*["latin"] * 3, "cyrillic", "greek", "arabic", "cjk")
MARKS = ("@maker_bench", "KitchenLab TV", "www.handmade.example", "Studio North", "LIVE", "CHANNEL 7")
LABELS = ("RICE 1 kg", "Tomato Soup", "ENGINEERING", "FRAGILE", "Exit", "CHAPTER 4", "Milk 3.5%")
WHITE, YELLOW, BLACK, INK, PAPER = (255, 255, 255), (255, 235, 60), (0, 0, 0), (20, 20, 30), (235, 230, 215)
Rgb = npt.NDArray[np.uint8]
Patch = npt.NDArray[np.float32]  # (h, w, 4): RGB 0..255, alpha 0..1
Rng = np.random.Generator
Draw = Callable[[Rgb, float], None]  # on a picture, in place, at a time in seconds


def frames(path: Path) -> list[Rgb]:
    """The first seconds of a clip on the clock of HZ, uint8 (h, w, 3) of even sides."""
    out: list[Rgb] = []
    with decoder.open_media(path) as container:
        for picture in decoder.pictures(container, decoder.video_stream(container)):
            if picture.t_ns > LONGEST_S * NS:
                break
            size = pixels.fitted(picture.frame.width, picture.frame.height, LONG_SIDE_PX, 2)
            while len(out) * NS / HZ <= picture.t_ns:  # slower clips repeat their frames
                out.append(pixels.rgb(picture.frame, size, 0))
    return out


def stands(pictures: Sequence[Rgb]) -> bool:
    """Whether the camera is seen to stand."""
    lumas = [sampled_frame(0, p).luma for p in pictures[::HZ]]
    moved = [shift_px(lumas[0], luma) for luma in lumas[1:]]
    return all(px is not None and px < STANDS_PX for px in moved)


def make(pictures: Sequence[Rgb], kind: str, shaken: bool, rng: Rng, path: Path) -> None:
    """Writes a film of the pictures: labels are put in the scene, then it is shaken, then the rest is drawn on it."""
    h, w = pictures[0].shape[:2]
    draw = KINDS[kind](w, h, rng)
    ways = _shake(len(pictures), w, h, rng) if shaken else None
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=HZ)
        stream.width, stream.height, stream.pix_fmt = w, h, "yuv420p"
        stream.codec_context.options = {"preset": "veryfast", "crf": str(rng.choice([22, 26, 30])), "threads": "1"}
        for i, original in enumerate(pictures):
            picture = original.copy()
            if kind == "labels in the scene":
                draw(picture, i / HZ)
            if ways is not None:
                picture = cv2.warpAffine(picture, ways[i], (w, h), borderMode=cv2.BORDER_REFLECT)
            if kind != "labels in the scene":
                draw(picture, i / HZ)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def _shake(count: int, w: int, h: int, rng: Rng) -> list[npt.NDArray[Any]]:
    """A hand-held camera: a matrix a frame, a smooth walk of .78 of the picture with turns of up to 2 degrees."""
    far, pace = np.array([0.1 * w, 0.1 * h, 2.0]), rng.uniform(0.5, 1.6)
    speed, at, out = np.zeros(3), np.zeros(3), []
    for _ in range(count):
        speed = 0.9 * speed + rng.normal(0, 1, 3) * far * 0.06 * pace * 8 / HZ
        at = at + speed
        speed = np.where(np.abs(at) > far, -0.5 * speed, speed)
        at = np.clip(at, -far, far)
        matrix = cv2.getRotationMatrix2D((w / 2, h / 2), at[2], 1 / 0.78)
        matrix[:, 2] += at[:2]
        out.append(matrix)
    return out


def _patch(text: str, px: int, rng: Rng, ink: Sequence[int] = WHITE, back: Sequence[float] = ()) -> Patch:
    """Letters `px` high, outlined, or on a box of `back` (RGB, alpha)."""
    face, pad = cv2.FontFace(str(rng.choice(["sans", "italic", "uni"]))), max(3, px // 4)
    weight = int(rng.choice([400, 600, 800]))
    x, y, width, height = cv2.getTextSize((0, 0), text, (0, 0), face, px, weight)
    mask = np.zeros((height + 2 * pad, width + 2 * pad, 3), np.uint8)
    cv2.putText(mask, text, (pad - x, pad - y), WHITE, face, px, weight)
    letters = mask[..., :1].astype(np.float32) / 255
    under = cv2.dilate(letters, np.ones((3, 3), np.uint8))[..., None]
    if back:
        under = np.full_like(letters, back[3])
    alpha = letters + (1 - letters) * under
    colour = (letters * ink + (1 - letters) * under * (back[:3] if back else BLACK)) / np.maximum(alpha, 1e-6)
    return np.concatenate([colour, alpha], 2).astype(np.float32)


def _blend(picture: Rgb, patch: Patch, x: int, y: int) -> None:
    (h, w), (high, wide) = picture.shape[:2], patch.shape[:2]
    x0, y0, x1, y1 = max(0, x), max(0, y), min(w, x + wide), min(h, y + high)
    if x1 > x0 and y1 > y0:
        part = patch[y0 - y : y1 - y, x0 - x : x1 - x]
        under = picture[y0:y1, x0:x1]
        under[:] = (under * (1 - part[..., 3:]) + part[..., :3] * part[..., 3:] + 0.5).astype(np.uint8)


def _subtitles(w: int, h: int, rng: Rng, back: Sequence[float] = ()) -> Draw:
    """Lines of 2 to 4 s, some with pauses between."""
    px, ink = round(h * rng.uniform(0.045, 0.07)), WHITE if rng.random() < 0.67 else YELLOW
    patches = [_patch(line, px, rng, ink, back) for line in SCRIPTS[str(rng.choice(LIKELY))]]
    patches = [cv2.resize(p, None, fx=k, fy=k) if (k := 0.94 * w / p.shape[1]) < 1 else p for p in patches]
    spans, start, middle = [], rng.uniform(0, 0.7), h * rng.choice([0.84, 0.86, 0.9])
    while start < LONGEST_S:
        spans.append((start, start + rng.uniform(2, 4), patches[len(spans) % len(patches)]))
        start = spans[-1][1] + rng.choice([0, 0, 0.3, 0.8])

    def draw(picture: Rgb, t_s: float) -> None:
        for begins, ends, p in spans:
            if begins <= t_s < ends:
                _blend(picture, p, (w - p.shape[1]) // 2, min(h - p.shape[0] - 2, round(middle - p.shape[0] / 2)))

    return draw


def _watermark(w: int, h: int, rng: Rng) -> Draw:
    """White without an outline, .4 to .75 opaque, in a corner."""
    patch, margin = _patch(str(rng.choice(MARKS)), round(h * rng.uniform(0.035, 0.06)), rng, back=(0, 0, 0, 0)), w // 33
    patch[..., 3] *= rng.uniform(0.4, 0.75)
    x, y = (int(rng.choice([margin, side - margin - of])) for side, of in ((w, patch.shape[1]), (h, patch.shape[0])))
    return lambda picture, t_s: _blend(picture, patch, x, y)


def _clock(w: int, h: int, rng: Rng) -> Draw:
    """It counts seconds in a corner, outlined or on a box."""
    before, px = str(rng.choice(["2026-03-14 ", "CAM 2  ", ""])), round(h * rng.uniform(0.04, 0.06))
    back, state = [(), (0, 0, 0, 1), (0, 0, 0, 0.47)][rng.integers(3)], rng.integers(1 << 30)
    faces = [
        _patch(f"{before}13:42:{s:02d}", px, np.random.default_rng(state), back=back) for s in range(LONGEST_S + 1)
    ]
    x, y = w // 40, int(rng.choice([h // 40, h - h // 40 - faces[0].shape[0]]))
    return lambda picture, t_s: _blend(picture, faces[int(t_s)], x, y)


def _ticker(w: int, h: int, rng: Rng) -> Draw:
    """A bar as wide as the picture, through which text runs."""
    text = "   +++   ".join(SCRIPTS[str(rng.choice(LIKELY))] * 3)
    back = [(20, 30, 110, 1.0), (150, 10, 10, 0.9), (0, 0, 0, 0.78)][rng.integers(3)]
    patch, speed = _patch(text, round(h * rng.uniform(0.045, 0.06)), rng, back=(0, 0, 0, 0)), w * rng.uniform(0.12, 0.3)
    bar = np.full((patch.shape[0], w, 4), back, np.float32)
    y = h - bar.shape[0] - round(h * rng.choice([0, 0.02, 0.05]))

    def draw(picture: Rgb, t_s: float) -> None:
        _blend(picture, bar, 0, y)
        _blend(picture, patch, round(0.3 * w - speed * t_s), y)

    return draw


def _labels(w: int, h: int, rng: Rng) -> Draw:
    """Three printed labels, some turned."""
    put = []
    for _ in range(3):
        label = _patch(str(rng.choice(LABELS)), round(h * rng.uniform(0.05, 0.09)), rng, INK, (*PAPER, 1))
        side = max(label.shape)
        square = np.zeros((side, side, 4), np.float32)
        square[(side - label.shape[0]) // 2 :][: label.shape[0], : label.shape[1]] = label
        turn = cv2.getRotationMatrix2D((side / 2, side / 2), float(rng.choice([0, 0, -8, 5, 12])), 1)
        where = int(rng.uniform(0.1, 0.7) * w), int(rng.uniform(0.15, 0.8) * h) - side // 2
        put.append((cv2.warpAffine(square, turn, (side, side)), where))

    def draw(picture: Rgb, t_s: float) -> None:
        for patch, at in put:
            _blend(picture, patch, *at)

    return draw


KINDS: dict[str, Callable[[int, int, Rng], Draw]] = {
    "none": lambda w, h, rng: lambda picture, t_s: None,
    "labels in the scene": _labels,
    "subtitles": _subtitles,
    "subtitles on a box": lambda w, h, rng: _subtitles(w, h, rng, (0, 0, 0, float(rng.choice([0.63, 1])))),
    "watermark": _watermark,
    "clock": _clock,
    "ticker": _ticker,
}
NOT_DRAWN = ("none", "labels in the scene")
