"""Concatenations of sample clips with known cuts, written for the cutters' benchmark: seeded, 640 x 360 at 25 Hz.

A cut is a span of frames: a hard one is [k, k], a gradual one the frames that it takes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

W, H, FPS = 640, 360, 25
FOLDERS = ("hands_manip", "hands_only", "negatives", "rendered_hands")
Frames = list[npt.NDArray[np.uint8]]
Pool = dict[str, Frames]
Cuts = list[tuple[int, int]]
Rng = np.random.Generator


def pool(samples: Path) -> Pool:
    """Frames of every sample clip of a second and more."""
    found = {p.stem: _frames(p) for f in FOLDERS for p in sorted((samples / f).glob("*.m[pk][4v]"))}
    return {name: frames for name, frames in found.items() if len(frames) >= 30}


def _frames(path: Path) -> Frames:
    """On the clock of FPS."""
    out: Frames = []
    with av.open(str(path)) as container:
        start: float | None = None
        for frame in container.decode(container.streams.video[0]):
            start = frame.time if start is None else start
            picture = frame.reformat(width=W, height=H, format="rgb24", interpolation="AREA").to_ndarray()
            while len(out) / FPS <= frame.time - start + 1e-6:  # slower clips repeat their frames, as on the web
                out.append(picture)
    return out


def _part(clips: Pool, rng: Rng, length: int) -> tuple[str, Frames]:
    name = sorted(clips)[rng.integers(len(clips))]
    length = min(length, len(clips[name]))
    at = int(rng.integers(0, len(clips[name]) - length + 1))
    return name, clips[name][at : at + length]


def _join(out: Frames, cuts: Cuts, part: Frames) -> None:
    if out:
        cuts.append((len(out), len(out)))
    out += part


def hard(clips: Pool, rng: Rng) -> tuple[Frames, Cuts]:
    """45 hard cuts between clips."""
    out: Frames = []
    cuts: Cuts = []
    last = ""
    while len(cuts) < 45:
        name, part = _part(clips, rng, int(rng.integers(12, 60)))
        if name != last:
            _join(out, cuts, part)
        last = name
    return out, cuts


def jump(clips: Pool, rng: Rng) -> tuple[Frames, Cuts]:
    """25 cuts; every other one stays in the same shot, two seconds and more later."""
    out: Frames = []
    cuts: Cuts = []
    long = sorted(name for name, frames in clips.items() if len(frames) >= 150)
    while len(cuts) < 25:
        frames = clips[long[rng.integers(len(long))]]
        m = int(rng.integers(15, 40))
        a = int(rng.integers(0, len(frames) - 2 * m - 50))
        b = int(rng.integers(a + m + 50, len(frames) - m + 1))
        _join(out, cuts, frames[a : a + m])
        _join(out, cuts, frames[b : b + m])
    return out, cuts


def dissolve(clips: Pool, rng: Rng) -> tuple[Frames, Cuts]:
    """20 dissolves over 6, 12 or 25 frames."""
    out = list(_part(clips, rng, 50)[1])
    cuts: Cuts = []
    while len(cuts) < 20:
        length, part = int(rng.choice([6, 12, 25])), _part(clips, rng, 50)[1]
        if min(len(out), len(part)) < length + 5:
            continue
        tail = out[-length:]
        del out[-length:]
        cuts.append((len(out), len(out) + length))
        for i in range(length):
            w = (i + 1) / (length + 1)
            out.append(np.asarray(tail[i] * (1 - w) + part[i] * w, np.uint8))
        out += part[length:]
    return out, cuts


def fade(clips: Pool, rng: Rng) -> tuple[Frames, Cuts]:
    """14 fades through black, over 6 or 12 frames on either side."""
    out: Frames = []
    cuts: Cuts = []
    while len(cuts) < 14:
        length, part = int(rng.choice([6, 12])), [f.copy() for f in _part(clips, rng, 50)[1]]
        for i in range(length):
            part[i] = np.asarray(part[i] * (i / length), np.uint8)
            part[-1 - i] = np.asarray(part[-1 - i] * (i / length), np.uint8)
        if out:
            cuts.append((len(out) - length, len(out) + length))
        out += part + [np.zeros((H, W, 3), np.uint8)] * int(rng.integers(0, 4))
    return out, cuts


def flash(clips: Pool, rng: Rng) -> tuple[Frames, Cuts]:
    """A flash of 1 to 4 frames in each of 12 shots."""
    out: Frames = []
    cuts: Cuts = []
    for _ in range(12):
        part = list(_part(clips, rng, 45)[1])
        at, length, gain = int(rng.integers(8, len(part) - 10)), int(rng.integers(1, 5)), int(rng.integers(60, 220))
        for j in range(at, at + length):
            part[j] = np.clip(part[j].astype(int) + gain * (1 if j == at else rng.uniform(0.5, 1)), 0, 255).astype(
                np.uint8
            )
        _join(out, cuts, part)
    return out, cuts


def whip(clips: Pool, rng: Rng) -> tuple[Frames, Cuts]:
    """In each of 14 shots a pan over four pictures' width within 4 to 13 frames, blurred as it goes."""
    out: Frames = []
    cuts: Cuts = []
    for _ in range(14):
        a, b = (_part(clips, rng, 1)[1][0] for _ in range(2))
        wide = np.concatenate([a, a[:, ::-1], b[:, ::-1], b], 1)
        ease = np.linspace(0, 1, int(rng.integers(4, 14)) + 1)[1:]
        way = [0] * 12 + [int(v) for v in ease * ease * (3 - 2 * ease) * 3 * W] + [3 * W] * 12
        part = []
        for last, x in zip([0, *way], way, strict=False):
            blur = max(1, abs(x - last) // 2)
            frame = cv2.blur(wide[:, x : x + W], (blur, 1)) + rng.normal(0, 2, (H, W, 1))
            part.append(np.clip(frame, 0, 255).astype(np.uint8))
        _join(out, cuts, part)
    return out, cuts


def arm(clips: Pool, rng: Rng) -> tuple[Frames, Cuts]:
    """In each of 20 shots something near covers .45 to .95 of the picture within 1 to 5 frames, stays, and goes."""
    out: Frames = []
    cuts: Cuts = []
    colours = [[200, 150, 125], [90, 60, 45], [40, 50, 90], [230, 200, 180], [30, 30, 30]]
    yy, xx = np.mgrid[0:H, 0:W]
    for _ in range(20):
        part = [f.copy() for f in _part(clips, rng, 60)[1]]
        comes, stays, goes = (int(rng.integers(*span)) for span in ((1, 6), (2, 14), (1, 6)))
        if len(part) < comes + stays + goes + 12:
            continue
        near = colours[rng.integers(5)] + cv2.resize(rng.normal(0, 14, (12, 20, 3)), (W, H))
        cover, across = rng.uniform(0.45, 0.95), xx / W + rng.uniform(-0.6, 0.6) * (yy / H - 0.5)
        across = across if rng.integers(2) else 1 - across
        at = int(rng.integers(5, len(part) - comes - stays - goes - 4))
        reach = [*np.linspace(0, cover, comes + 1)[1:], *[cover] * stays, *np.linspace(cover, 0, goes + 1)[:-1]]
        for j, share in enumerate(reach):
            mask = cv2.GaussianBlur((across < share).astype(np.float32), (31, 31), 0)[..., None]
            part[at + j] = np.clip(part[at + j] * (1 - mask) + near * mask, 0, 255).astype(np.uint8)
        _join(out, cuts, part)
    return out, cuts


KINDS: dict[str, Callable[[Pool, Rng], tuple[Frames, Cuts]]] = {
    "hard": hard, "jump": jump, "dissolve": dissolve, "fade": fade, "flash": flash, "whip": whip, "arm": arm,
}  # fmt: skip


def make(clips: Pool, folder: Path, seed: int) -> None:
    """A file a kind, <kind>.mp4 with its cuts in seconds beside it."""
    for i, (kind, made) in enumerate(KINDS.items()):
        frames, cuts = made(clips, np.random.default_rng([seed, i]))
        path = folder / f"{kind}.mp4"
        with av.open(str(path), "w") as container:
            stream: Any = container.add_stream("libx264", rate=FPS)
            stream.width, stream.height, stream.pix_fmt = W, H, "yuv420p"
            stream.codec_context.options = {"preset": "veryfast", "crf": "23"}
            for frame in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
            container.mux(stream.encode(None))
        Path(f"{path}.json").write_text(json.dumps({"cuts_s": [[a / FPS, b / FPS] for a, b in cuts]}))
