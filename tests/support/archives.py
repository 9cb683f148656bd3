"""Writes tiny sources that live in archives, in their real layouts."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import pandas as pd

from tests.support.media import Video, shot, write

INTRINSICS = {
    "model": "fisheye", "image_width": 96, "image_height": 64, "fx": 137.98, "fy": 138.23, "cx": 47.2, "cy": 31.4,
    "k1": 0.3948, "k2": 0.1798, "k3": -0.2753, "k4": 0.0793,
}  # fmt: skip
CALIBRATION = {
    "label": "camera-rgb", "stream_id": "214-1", "image_width": 64, "image_height": 64, "max_solid_angle": 1.4,
    "projection_model_type": "CameraModelType.FISHEYE624", "projection_params": [610.0, 703.5, 703.5, 0.4, -0.5],
}  # fmt: skip
HD_EPIC_VIDEOS = ("P01-20240202-110250", "P02-20240210-091500", "P03-20240301-120000")


def tar(path: Path, members: Mapping[str, bytes], mode: Any = "w") -> Path:
    """A tar of plain files, in the mapping's order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as out:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            out.addfile(member, io.BytesIO(data))
    return path


def clip(folder: Path, seed: int, frames: int = 8, video: Video = Video()) -> bytes:
    """A small recording's bytes: 10 frames a second."""
    return write(folder / f"clip{seed}.mp4", shot(seed, frames), video).read_bytes()


def webdataset(folder: Path, scratch: Path) -> Path:
    """Two shards: a caption as JSON, one as text, one without, two cameras of a key, and what is passed over."""
    video = [clip(scratch, seed) for seed in (0, 1, 2, 2, 0)]  # equal ones are decoded once
    tar(folder / "shard-00000.tar", {
        "000000.json": json.dumps({"caption": "Opens the jar.", "licence": "CC0-1.0", "wearer": "anna"}).encode(),
        "000000.mp4": video[0],
        "000000.txt": b"what the JSON outranks",
        "000001.mp4": video[1],
        "000001.txt": b"  Stirs the pot.\n",
        "000001.cls": b"7",
    })  # fmt: skip
    tar(folder / "more" / "shard-00001.tar", {
        "./deep/a.left.mp4": video[2],
        "./deep/a.right.mp4": video[3],
        "./deep/a.json": json.dumps({"narrations": [{"text": "Cuts it.", "start_s": 0.1, "end_s": 0.5}]}).encode(),
        "bad.mp4": video[4],
        "bad.json": b"{",
    })  # fmt: skip
    (folder / "README.md").write_text("no archive")
    return folder


def egocentric_10k(folder: Path, scratch: Path) -> Path:
    """Two factories with a worker_001 each, H.265: three recordings; one has no JSON, one worker no intrinsics."""
    for factory in (1, 2):
        place = folder / f"factory_{factory:03d}" / "workers" / "worker_001"
        members = {}
        for index in range(3 - factory):
            key = f"factory{factory:03d}_worker001_{index:05d}"
            data = clip(scratch, 10 + (factory != index), video=Video(codec="libx265"))
            members[f"{key}.mp4"] = data
            told = {
                "factory_id": f"factory_{factory:03d}", "worker_id": "worker_001", "video_index": index,
                "duration_sec": 0.8, "width": 96, "height": 64, "fps": 10.0, "size_bytes": len(data), "codec": "h265",
            }  # fmt: skip
            if (factory, index) != (1, 1):
                members[f"{key}.json"] = json.dumps(told).encode()
        tar(place / f"factory{factory:03d}_worker001_part00.tar", members)
        if factory == 1:
            (place / "intrinsics.json").write_text(json.dumps(INTRINSICS))
    return folder


def jpegs(seed: int, count: int) -> list[bytes]:
    """Square JPEG pictures of one shot."""
    return [cv2.imencode(".jpg", p[..., ::-1])[1].tobytes() for p in shot(seed, count, (64, 64))]


def hot3d_clip(
    path: Path, seed: int, frames: int = 12, streams: tuple[str, ...] = ("1201-1", "1201-2", "214-1")
) -> Path:
    """One clip as HOT3D writes it: eight members a frame in order of name, and the hands' shapes at the end."""
    pictures = jpegs(seed, frames)
    members: dict[str, bytes] = {}
    for i, picture in enumerate(pictures):
        told: dict[str, Any] = {
            "cameras": {s: {"calibration": CALIBRATION | {"stream_id": s}, "T_world_from_camera": {}} for s in streams},
            "hand_crops": {},
            "hands": {"left": {"boxes_amodal": {s: [10, 10, 30, 30] for s in streams}}},
            "info": {"device": "Aria", "participant_id": f"P000{seed}", "sequence_id": f"P000{seed}_23fa0ee8"},
            "objects": {},
        }
        each = {f"{name}.json": json.dumps(value).encode() for name, value in told.items()}
        each |= {f"image_{s}.jpg": picture if s == streams[-1] else pictures[0] for s in streams}
        members |= {f"{i:06d}.{name}": data for name, data in sorted(each.items())}
    return tar(path, members | {"__hand_shapes.json__": b"{}"})


def hot3d(folder: Path) -> Path:
    """An Aria clip, a Quest 3 one (no colour), and one without a frame in its middle."""
    hot3d_clip(folder / "train_aria" / "clip-000001.tar", 1)
    hot3d_clip(folder / "train_quest3" / "clip-000002.tar", 2, streams=("1201-2", "1201-1"))
    torn = hot3d_clip(folder / "train_aria" / "clip-000003.tar", 3)
    with tarfile.open(torn) as source:
        members = {m.name: source.extractfile(m).read() for m in source.getmembers()}  # type: ignore[union-attr]
    tar(torn, {name: data for name, data in members.items() if not name.startswith("000005.")})
    return folder


def hd_epic_narrations() -> pd.DataFrame:
    """The 16 columns, as objects where they are text: pandas 3 would make that a type of its own."""
    first, second = HD_EPIC_VIDEOS[:2]
    spans = [(first, 0.2, 0.55, "Open the upper cupboard."), (first, 0.0, 0.2, "Reach for the cupboard."),
             (second, 0.1, 0.7, "Hold the jar with the left hand.")]  # fmt: skip
    rows = [
        {
            "unique_narration_id": f"{video}-{i}", "participant_id": video[:3], "video_id": video, "narration": text,
            "start_timestamp": start, "end_timestamp": end, "nouns": ["cupboard"], "verbs": ["open"],
            "pairs": [("open", "cupboard")], "main_actions": [("open", "cupboard")], "verb_classes": [3],
            "noun_classes": [3], "pair_classes": [(3, 3)], "main_action_classes": [(3, 3)], "hands": ["left hand"],
            "narration_timestamp": start,
        }
        for i, (video, start, end, text) in enumerate(spans)
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    frame = frame.astype({name: object for name in frame.columns if frame[name].dtype == "str"})
    frame.columns = pd.Index(list(frame.columns), dtype=object)
    return frame


def hd_epic(folder: Path) -> Path:
    """Three recordings, of which the last has no narrations, and the annotations beside."""
    for seed, video in enumerate(HD_EPIC_VIDEOS):
        path = folder / "Videos" / video[:3] / f"{video}.mp4"
        path.parent.mkdir(parents=True)
        write(path, shot(30 + seed % 2, 8), Video(audio=True))
        path.with_name(f"{video}_mp4_to_vrs_time_ns.csv").write_text("mp4_time_ns\n0\n")
    place = folder / "narrations-and-action-segments"
    place.mkdir()
    hd_epic_narrations().to_pickle(place / "HD_EPIC_Narrations.pkl")
    (place / "HD_EPIC_verb_classes.csv").write_text("ID,Key\n")
    return folder
