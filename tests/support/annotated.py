"""Annotated egocentric corpora in their own layouts, small: real little videos and the annotations beside them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pipelines.sources.recordings import Item, Source, list_items, resolve_sidecars
from tests.support.media import shot, write

EPIC_HEADER = (
    "narration_id,participant_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,start_frame,stop_frame,"
    "narration,verb,verb_class,noun,noun_class,all_nouns,all_noun_classes"
)
UID = "001e3e4e-2743-47fc-8564-d5efd11f9e90"
OTHER_UID = "127392a3-036a-4af6-9db9-ca00141229db"
TAKE = "13f01c79-5bfd-42f5-90ce-ee350aa1c3ad"
INTRINSIC = np.array([[736.6, 0, 960], [0, 736.6, 540], [0, 0, 1]], np.float32)


def items_of(kind: str, folder: Path | str, **settings: Any) -> dict[str, Item]:
    """What a source yields, by path below the folder; there must be no two of one name."""
    items = resolve_sidecars(list(list_items([Source(kind, str(folder), **settings)])))
    named = {i.uri.removeprefix(f"{folder}/"): i for i in items}
    assert len(named) == len(items)
    return named


def put(path: Path, text: str | bytes = b"x") -> Path:
    """A file and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def video(path: Path, seed: int, frames: int = 20) -> Path:
    """A real little video of 2 s, under a name of any suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = write(path.with_name("made.mp4"), shot(seed, frames))
    shutil.move(made, path)
    return path


def epic_row(name: str, start: str, stop: str, text: str) -> str:
    """A line as the real lists have it, README's `uid` absent."""
    video_id, verb = name.rsplit("_", 1)[0], text.partition(" ")[0]
    participant = name.split("_")[0]
    return f"{name},{participant},{video_id},00:00:00.560,{start},{stop},1,113,{text},{verb},0,plate,2,['plate'],[2]"


def epic_list(path: Path, rows: Iterable[str]) -> Path:
    """EPIC_100_train.csv or EPIC_100_validation.csv."""
    return put(path, "\n".join([EPIC_HEADER, *rows]) + "\n")


def ego4d_json(root: Path, videos: Iterable[Any]) -> Path:
    """v2/ego4d.json with what stands around the videos."""
    plain = {"date": "220501", "version": "v2", "concurrent_video_sets": [{"videos": []}], "videos": list(videos),
             "clips": [{"clip_uid": "x", "video_uid": UID}]}  # fmt: skip
    return put(root / "ego4d.json", json.dumps(plain))


def ego4d_video(uid: str, **fields: Any) -> dict[str, Any]:
    """One of its videos."""
    plain = {"video_uid": uid, "duration_sec": 2.0, "split_em": "train", "fb_participant_id": 7,
             "physical_setting_name": "kitchen-1", "has_redacted_regions": False, "redacted_intervals": [],
             "video_components": [{"component_idx": 0, "redacted": False}]}  # fmt: skip
    return plain | fields


def narration(at_s: Any, text: Any) -> dict[str, Any]:
    """A point of narration.json."""
    return {"timestamp_sec": at_s, "timestamp_frame": 1, "narration_text": text, "annotation_uid": "a"}


def passes(first: Iterable[Any], second: Iterable[Any] | None = None) -> dict[str, Any]:
    """A video's record of narration.json."""
    told = {"narration_pass_1": {"narrations": list(first), "summaries": [{"summary_text": "#summary C cooks"}]}}
    if second is not None:
        told["narration_pass_2"] = {"narrations": list(second), "summaries": []}
    return told | {"status": "complete"}


def ego4d_narrations(root: Path, records: dict[str, Any], wrapped: bool = False) -> Path:
    """annotations/narration.json in either of its forms."""
    plain = {"version": "v2", "videos": records} if wrapped else records
    return put(root / "annotations" / "narration.json", json.dumps(plain))


def take(uid: str = TAKE, name: str = "cmu_bike01_2", **fields: Any) -> dict[str, Any]:
    """One of takes.json."""
    cameras = [{"cam_id": "cam01", "is_ego": False}, {"cam_id": "aria01", "is_ego": True}]
    plain = {"take_uid": uid, "take_name": name, "root_dir": f"takes/{name}", "participant_uid": 657,
             "physical_setting_uid": 97, "is_dropped": False, "task_name": "Remove a Wheel", "task_start_sec": 0.25,
             "task_end_sec": 1.5, "best_exo": "cam04", "duration_sec": 2.0,
             "capture": {"cameras": cameras}}  # fmt: skip
    return plain | fields


def description(at_s: Any, text: Any, **fields: Any) -> dict[str, Any]:
    """A point of atomic_descriptions_train.json."""
    plain = {"text": text, "timestamp": at_s, "narration_subject": "C", "ego_visible": True,
             "best_exo": {"cam_id": "cam01"}, "unsure": False}  # fmt: skip
    return plain | fields


def annotation(*descriptions: Any, rejected: bool = False) -> dict[str, Any]:
    """One annotator's."""
    return {"annotation_uid": "u", "annotator_id": "1", "rejected": rejected, "descriptions": list(descriptions)}


def egodex_hdf5(path: Path, attributes: dict[str, Any], confidences: bool = True, intrinsic: Any = INTRINSIC) -> Path:
    """A take's annotations with a joint's poses."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.attrs.update(attributes)
        if intrinsic is not None:
            file["camera/intrinsic"] = intrinsic
        file["transforms/leftHand"] = np.tile(np.eye(4, dtype=np.float32), (60, 1, 1))
        if confidences:
            file["confidences/leftHand"] = np.ones(60, np.float32)
    return path


EGODEX_SAID = {
    "task": "basic_fold", "llm_description": "Fold the towel.", "llm_description2": "Unfold the towel.",
    "which_llm_description": "1", "llm_type": "reversible", "llm_verbs": ["fold"], "llm_objects": ["towel"],
}  # fmt: skip


def corpora(folder: Path) -> dict[str, Path]:
    """All four kinds with a real video each, by kind; Ego4D's has a redacted interval."""
    epic, ego4d, exo, dex = (folder / k for k in ("EPIC-KITCHENS", "ego4d_data/v2", "egoexo", "egodex"))
    video(epic / "P01/videos/P01_01.MP4", 1)
    epic_list(epic / "EPIC_100_train.csv", [epic_row("P01_01_0", "00:00:00.14", "00:00:01.370", "open door")])
    video(ego4d / f"full_scale/{UID}.mp4", 2)
    ego4d_json(ego4d, [ego4d_video(UID, has_redacted_regions=True, redacted_intervals=[
        {"start_sec": 1.5, "end_sec": 1.8, "start_frame": 45, "end_frame": 54}])])  # fmt: skip
    ego4d_narrations(ego4d, {UID: passes([narration(0.5, "#C C picks up a #unsure"), narration(1.2, "#O A sits")])})
    video(exo / "takes/cmu_bike01_2/frame_aligned_videos/aria01_214-1.mp4", 3)
    put(exo / "takes.json", json.dumps([take()]))
    told = {"annotations": {TAKE: [annotation(description(0.75, "C lifts the wheel."))]}}
    put(exo / "annotations/atomic_descriptions_train.json", json.dumps(told))
    video(dex / "part1/basic_fold/0.mp4", 4)
    egodex_hdf5(dex / "part1/basic_fold/0.hdf5", EGODEX_SAID, confidences=False)
    return {"epic_kitchens": epic, "ego4d": ego4d, "ego_exo4d": exo, "egodex": dex}
