"""A small input of its own: generated recordings, robot logs and, where there are samples, real hands.

Generated shapes hold no hand, so that of the human side they give rejects; the robot's attempts are published
without one (wm_robot takes unknown, idm_* takes all), and so are the sample clips.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from infra.video.encoder import Encoder
from tests.support.robot_logs import LeRobotSpec, write_lerobot, write_plain

SIZE = (160, 120)
FPS_HZ = 10.0
HANDS = ("intel_bottles_0.mp4",)
HANDS_S = 3.0


@dataclass(frozen=True, slots=True)
class Corpus:
    """Where the input lies: `media` (stage ego), `web`, `logs` (plain) and `arm` (LeRobot)."""

    folder: Path

    def config(
        self, path: Path, *, root: str = "corpus", order: Sequence[int] = (0, 1), workers: int = 2, more: str = ""
    ) -> Path:
        """Writes a handwheel.toml over this input. order: of the two human sources and of the two robots."""
        sources = [
            f'[[source]]\nkind = "folder"\nuri = "{self.folder}/media"\nstage = "ego"\nwearer = "w1"\n',
            f'[[source]]\nkind = "folder"\nuri = "{self.folder}/web"\nstage = "web"\nlicence = "CC-BY-4.0"\n',
        ]
        robots = [
            f'[[robot]]\nkind = "plain_log"\nuri = "{self.folder}/logs"\n',
            f'[[robot]]\nkind = "lerobot"\nuri = "{self.folder}/arm"\n',
        ]
        engines = f"[engines.beam]\nworkers = {workers}\n[engines.ray]\nworkers = {workers}\n"
        parts = [f'root = "{root}"\n', *(sources[i] for i in order), *(robots[i] for i in order), engines, more]
        path.write_text("\n".join(parts))
        return path


def make(folder: Path, *, hands: bool = True) -> Corpus:
    """Writes the input below the folder. hands: take short copies of the sample clips, where there are samples."""
    media, web = folder / "media", folder / "web"
    media.mkdir(parents=True)
    web.mkdir()
    moving(media / "slow.mp4", seconds=2.0, seed=1)
    moving(media / "two_shots.mp4", seconds=3.0, seed=2, shots=2)
    moving(web / "fast.mp4", seconds=1.5, seed=3)
    moving(web / "short.mp4", seconds=0.5, seed=4)
    shutil.copyfile(media / "slow.mp4", web / "same_bytes.mp4")
    (media / "broken.mp4").write_bytes(b"\0\0\0\x18ftypmp42 and no more of it")
    (media / "slow.json").write_text(json.dumps({"narration": "A square drifts.", "site": "bench"}))
    (web / "fast.txt").write_text("A square runs from left to right.")
    for i, success in enumerate((True, False, None)):
        states, actions = attempt(i, steps=12 + 2 * i)
        write_plain(folder / "logs", f"attempt_{i}", states, actions, {"success": success})
    (folder / "logs" / "torn.jsonl").write_text('{"episode": "torn", "robot": "so1')
    write_lerobot(folder / "arm", LeRobotSpec(lengths=(9, 7)))
    if hands and (samples := samples_folder()) is not None:
        for name in HANDS:
            shorten(samples / "hands_manip" / name, media / name, HANDS_S)
            shutil.copyfile(media / name, web / f"again_{name}")  # another stage and licence: one of them speaks
    return Corpus(folder)


def samples_folder() -> Path | None:
    """The sample media: $HANDWHEEL_SAMPLES or ../shared/data beside the repository."""
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    for place in (Path(p) if (p := os.environ.get("HANDWHEEL_SAMPLES")) else None, beside):
        if place is not None and (place / "hands_manip").is_dir():
            return place
    return None


def moving(path: Path, *, seconds: float, seed: int, shots: int = 1) -> None:
    """A bright square over noise that drifts; each shot has a picture of its own."""
    rng = np.random.default_rng(seed)
    encoder = Encoder(path, SIZE, FPS_HZ)
    frames = round(seconds * FPS_HZ)
    for i in range(frames):
        if i % -(-frames // shots) == 0:
            behind = rng.integers(0, 255, (SIZE[1] // 8, SIZE[0] // 8, 3)).repeat(8, 0).repeat(8, 1)
        picture = np.roll(behind, i, axis=1).astype(np.uint8)
        x = (seed * 11 + i * 3) % (SIZE[0] - 24)
        picture[40:64, x : x + 24] = 250
        encoder.write(picture)
    encoder.close()


def attempt(seed: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """States and actions, float32 (steps, 6)."""
    rng = np.random.default_rng((5, seed))
    return rng.normal(size=(steps, 6)).astype(np.float32), rng.normal(size=(steps, 6)).astype(np.float32)


def shorten(source: Path, target: Path, seconds: float) -> None:
    """The first seconds of a recording, its packets as they are."""
    with av.open(str(source)) as whole, av.open(str(target), "w") as part:
        stream = whole.streams.video[0]
        out = part.add_stream_from_template(stream)
        for packet in whole.demux(stream):
            if packet.dts is None or packet.pts is None or float(packet.pts * packet.time_base) >= seconds:
                continue
            packet.stream = out
            part.mux(packet)
