"""The sample world as contact sheets: one row a variation, with the truth drawn over it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from simworld.build import SPEC, read_spec

from infra.video import decoder, pixels
from orchestration.reports.page import environment
from orchestration.reports.pictures import DrawnHand, Picture, PictureStyle, sheet
from schemas import truth as truths
from schemas.truth import FrameTruth, RecordingTruth, ShotTruth

A_ROW = 6  # pictures
STYLE = PictureStyle(thumb_px=240, quality=72)
MIN_VISIBLE_SHARE = 0.05  # a hand is drawn from this share of it in view


@dataclass(frozen=True, slots=True)
class Still:
    """One frame of a shot, with its truth."""

    name: str
    variation: dict[str, str]
    words: str
    picture: Picture


def write(folder: Path, out: Path) -> Path:
    """The page about the world in the folder, one self-contained HTML file."""
    videos = [*sorted((folder / "ego").glob("*.mp4")), *sorted((folder / "robot").glob("*.mp4"))]
    stills: list[Still] = []
    totals = {"recordings": 0, "seconds": 0.0, "frames": 0, "tasks": 0}
    for video in videos:
        true = truths.load(folder / "truth" / f"{video.stem}{truths.SUFFIX}")
        stills += shot_stills(true, video)
        totals["recordings"] += 1
        totals["seconds"] += len(true.frames) / true.fps_hz
        totals["frames"] += len(true.frames)
        totals["tasks"] += sum(len(shot.tasks) for shot in true.shots)
    page = environment().get_template("sim.html.j2")
    out.parent.mkdir(parents=True, exist_ok=True)
    spec = {name: getattr(read_spec(folder), name) for name in ("seed", "quality", "generation")}
    out.write_text(page.render(rows=rows(stills), a_row=A_ROW, totals=totals, spec=spec, file=SPEC), encoding="utf-8")
    return out


def rows(stills: list[Still]) -> list[tuple[str, list[tuple[str, int, list[Still]]]]]:
    """For each axis its values, how many shots have it, and at most A_ROW of them."""
    axes: dict[str, dict[str, list[Still]]] = defaultdict(lambda: defaultdict(list))
    for still in stills:
        for axis, value in still.variation.items():
            if not (value == "none" and axis in ("verb", "outcome", "gesture", "body", "skin", "sleeve", "hands")):
                axes[axis][value].append(still)
    return [
        (axis, [(value, len(stills), _spread(stills)) for value, stills in sorted(values.items())])
        for axis, values in axes.items()
    ]


def _spread(stills: list[Still]) -> list[Still]:
    return [stills[round(i)] for i in np.linspace(0, len(stills) - 1, min(A_ROW, len(stills)))]


def shot_stills(true: RecordingTruth, video: Path) -> list[Still]:
    """A still of every shot: the frame that shows most."""
    chosen = {_most_telling_frame(true, shot): shot for shot in true.shots}
    return [
        Still(true.name, shot.variation, _words(shot), _picture(picture, true.frames[index]))
        for index, picture in _frames(video, set(chosen))
        for shot in [chosen[index]]
    ]


def _most_telling_frame(true: RecordingTruth, shot: ShotTruth) -> int:
    """The shot's frame with most of the hands in view, those that touch something first, else its middle."""
    inside = [i for i, frame in enumerate(true.frames) if shot.start_ns <= frame.t_ns < shot.end_ns]
    middle = inside[len(inside) // 2]

    def how_telling(i: int) -> tuple[float, int]:
        hands = true.frames[i].hands
        return round(sum(h.visible * (2 if h.touches else 1) for h in hands), 2), -abs(i - middle)

    return max(inside, key=how_telling)


def _words(shot: ShotTruth) -> str:
    return " ".join(task.captions.get("L2", task.verb) for task in shot.tasks)


def _frames(video: Path, wanted: set[int]) -> list[tuple[int, NDArray[np.uint8]]]:
    with decoder.open_media(video) as container:
        stream = decoder.video_stream(container)
        return [
            (i, pixels.rgb(picture.frame, (stream.width, stream.height), 0))
            for i, picture in enumerate(decoder.pictures(container, stream))
            if i in wanted
        ]


def _picture(rgb: NDArray[np.uint8], frame: FrameTruth) -> Picture:
    height, width = rgb.shape[:2]
    size = STYLE.thumb_px, round(STYLE.thumb_px * height / width)
    thumb = cv2.cvtColor(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
    return sheet([(0, np.asarray(thumb, np.uint8))], {0: _hands(frame)}, STYLE)


def _hands(frame: FrameTruth) -> list[DrawnHand]:
    return [
        DrawnHand(hand.side, hand.box, hand.keypoints)
        for hand in frame.hands
        if hand.box is not None and hand.visible >= MIN_VISIBLE_SHARE
    ]
