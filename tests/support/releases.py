"""Writes a small real release into a folder: moving squares, with truth. For tests; publish is elsewhere."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import lance
import numpy as np
import pyarrow as pa
from handwheel import format as fmt
from handwheel.stats import view_stats
from numpy.typing import NDArray

FPS_HZ = 10
SIDE_PX = 8
IDM_VIEW = "idm_so101_sim"


@dataclass(frozen=True, slots=True)
class Written:
    """Where the release is, and what was put in."""

    root: Path
    pin_file: Path
    pin: fmt.Pin
    rows: dict[str, list[dict[str, Any]]]  # by view, as stored
    tracks: dict[str, NDArray[np.float32]]  # clip id: (T, 2) x, y of the square's corner, px

    @property
    def folder(self) -> Path:
        return self.root / "releases" / self.pin.release


def track(rng: np.random.Generator, frames: int, width: int, height: int) -> NDArray[np.int64]:
    """(T, 2) whole-pixel corners of a square that wanders inside the picture."""
    at = np.array([width // 2, height // 2])
    out = np.empty((frames, 2), np.int64)
    for t in range(frames):
        out[t] = at
        at = np.clip(at + rng.integers(-6, 7, 2), 0, (width - SIDE_PX, height - SIDE_PX))
    return out


def encode(corners: NDArray[np.int64], width: int, height: int) -> bytes:
    """mp4, H.264, closed GOP 16, no B-frames, one thread: a bright square on grey."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FPS_HZ)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = Fraction(1, FPS_HZ)
        options = {"crf": "18", "g": "16", "keyint_min": "16", "bf": "0", "sc_threshold": "0"}
        stream.options = options | {"x264-params": "open-gop=0", "preset": "ultrafast"}
        for i, (x, y) in enumerate(corners):
            picture = np.full((height, width, 3), 60, np.uint8)
            picture[y : y + SIDE_PX, x : x + SIDE_PX] = 230
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return out.getvalue()


def row(view: str, number: int, frames: int, rng: np.random.Generator) -> tuple[dict[str, Any], NDArray[np.int64]]:
    """A row of VIEW_SCHEMA and its truth; robots' states are the corner, actions its next move."""
    width, height = (48, 32) if number % 2 else (32, 48)
    corners = track(rng, frames, width, height)
    video = encode(corners, width, height)
    step_ns = 1_000_000_000 // FPS_HZ
    robot = view.startswith("idm_")
    recording = fmt.sha256_hex(f"{view} {number}".encode())
    made: dict[str, Any] = dict.fromkeys(fmt.VIEW_SCHEMA.names)
    made |= {
        "clip_id": recording[:32], "sha256": recording, "stage": "robot" if robot else "ego",
        "split": "val" if number % 4 == 3 else "train", "start_ns": 0, "end_ns": frames * step_ns,
        "frame_ns": [i * step_ns + 7 for i in range(frames)], "fps_hz": float(FPS_HZ),
        "width_px": width, "height_px": height, "video": video, "video_sha256": fmt.sha256_hex(video),
        "caption": None if number == 0 else f"a square moves {number}",
    }  # fmt: skip
    if robot:
        moves = np.diff(corners, axis=0, append=corners[-1:]).astype(np.float32)
        made |= {
            "camera": "front", "episode_id": f"e{number}", "embodiment": view.removeprefix("idm_"),
            "task": "move the square", "outcome": "success" if number % 3 else "failure",
            "states": corners.astype(np.float32).ravel().tolist(), "state_dim": 2,
            "actions": moves.ravel().tolist(), "action_dim": 2,
            "control_source": ["policy"] * (frames - 1) + [None],
            "intervention": [i % 5 == 0 for i in range(frames)],
        }  # fmt: skip
    made["row_sha256"] = fmt.row_digest(made)
    return made, corners


def entry(folder: Path, file: Path) -> fmt.FileEntry:
    data = file.read_bytes()
    return fmt.FileEntry(file.relative_to(folder).as_posix(), len(data), fmt.sha256_hex(data))


def seal(root: Path, name: str, rows: dict[str, list[dict[str, Any]]], versions: dict[str, int]) -> fmt.Pin:
    """files.json, release.json and the pin, over the datasets that lie there."""
    folder = root / "releases" / name
    inside = (f for f in folder.rglob("*") if f.is_file() and f.parent != folder)
    files = fmt.dump_files(entry(folder, f) for f in inside)
    views = {
        view: {
            "root": fmt.merkle_root(r["row_sha256"] for r in made), "rows": len(made), "clips": len(made),
            "hours": sum(r["end_ns"] - r["start_ns"] for r in made) / 3.6e12, "version": versions[view],
            "geometry": {"long_side_px": 48, "fps_hz": FPS_HZ, "longest_span_s": 60},
        }
        for view, made in rows.items()
    }  # fmt: skip
    recipe = {"encoder": {"crf": 18, "gop": 16}, "policy": "p"}
    doc = {
        "format": fmt.FORMAT, "name": name, "parent": None, "created": "2026-11-21T00:00:00Z",
        "selection": "s", "inputs": {"clips": 1}, "recipe": recipe, "views": views, "counts": {},
        "id": fmt.release_id(recipe, {v: views[v]["root"] for v in views}),
        "files_sha256": fmt.sha256_hex(files),
        "stats": {view: view_stats(made) for view, made in rows.items()},
        "splits": {
            view: {s: sum(r["split"] == s for r in made) for s in ("train", "val")}
            for view, made in rows.items()
        },
    }  # fmt: skip
    (folder / fmt.FILES_FILE).write_bytes(files)
    (folder / fmt.RELEASE_FILE).write_text(json.dumps(doc, indent=1))
    pin = fmt.Pin(root=str(root), release=name, id=doc["id"], files_sha256=doc["files_sha256"])
    (root / fmt.pin_file(name)).parent.mkdir(exist_ok=True)
    (root / fmt.pin_file(name)).write_text(pin.dumps())
    return pin


def write_release(
    root: Path, name: str = "2026-11-21.1", clips: int = 7, seed: int = 0, frames: tuple[int, int] = (10, 40)
) -> Written:
    """A release of wm_ego and IDM_VIEW with `clips` rows each, of frames[0] to frames[1] frames."""
    rng = np.random.default_rng(seed)
    rows: dict[str, list[dict[str, Any]]] = {"wm_ego": [], IDM_VIEW: []}
    tracks, versions = {}, {}
    for view, made in rows.items():
        for number in range(clips):
            stored, corners = row(view, number, int(rng.integers(*frames)), rng)
            made.append(stored)
            tracks[stored["clip_id"]] = corners.astype(np.float32)
        table = pa.Table.from_pylist(made, schema=fmt.VIEW_SCHEMA)
        uri = root / fmt.release_folder(name) / fmt.dataset_folder(view)
        versions[view] = lance.write_dataset(table, str(uri), data_storage_version="2.2").version
    pin = seal(root, name, rows, versions)
    return Written(root, root / fmt.pin_file(name), pin, rows, tracks)
