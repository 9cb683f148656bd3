"""Damaged HDF5 logs, seeded: each is read, or refused with a reason; no crash, no hang, nothing unaccounted for."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.media import log_pictures
from pipelines.sources.logs import agibot, aloha, droid_ctrlworld, droid_raw, oopsie, robomimic, robomind
from pipelines.sources.logs.base import BadEpisode, LogKind, LogOptions
from pipelines.sources.logs.episode_log import EpisodeLog
from schemas.errors import BadMedia
from tests.pipelines.sources.logs import test_agibot, test_droid, test_oopsie, test_robomind
from tests.support.fuzzed import INPUTS
from tests.support.hdf5_logs import DemoSpec, write_aloha, write_demos

FPS = LogOptions(fps_hz=20)


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Bits flipped, a stretch zeroed, cut or moved: mostly near the front, where the structure is."""
    made = bytearray(data)
    at = int(len(made) * chance.random() ** 3)
    how = chance.randrange(4)
    if how == 0:
        for _ in range(chance.randrange(1, 20)):
            made[int(len(made) * chance.random() ** 3)] ^= 1 << chance.randrange(8)
    elif how == 1:
        length = chance.randrange(1, 200)
        made[at : at + length] = bytes(len(made[at : at + length]))
    elif how == 2:
        del made[at:]
    else:
        made[at : at + 64] = made[max(at - 512, 0) :][:64]
    return bytes(made)


def outcome_of(kind: LogKind, folder: Path) -> Counter[str]:
    """What became of a folder's attempts and their pictures, by reason; raises for whatever is no answer."""
    counts = Counter[str]()
    for item in kind.list(str(folder), FPS):
        try:
            parts = list(kind.read(item, folder, FPS))
        except BadMedia as e:
            counts[e.reason] += 1
            continue
        for part in parts:
            if isinstance(part, BadEpisode):
                counts[part.reason] += 1
                continue
            assert isinstance(part, EpisodeLog)
            counts["taken"] += 1
            for camera in part.cameras:
                if (inside := log_pictures.split(camera.uri)) is not None:
                    try:
                        log_pictures.digest(*inside)
                    except BadMedia as e:
                        counts[f"pictures {e.reason}"] += 1
    return counts


def write_robomimic(folder: Path) -> Path:
    env_args = {"env_kwargs": {"control_freq": 20}}
    demos = [DemoSpec(number=n, count=4, rewards=[0, 0, 0, 1], success=True) for n in (0, 1)]
    return write_demos(folder / "a.hdf5", demos, env_args, {"valid": ["demo_0"]})


def write_packed(folder: Path) -> Path:
    return write_aloha(folder / "episode_0.hdf5", count=4, packed=True)


def write_droid(folder: Path) -> Path:
    return test_droid.write_raw(folder, count=4) / "trajectory.h5"


def write_ctrlworld(folder: Path) -> Path:
    test_droid.write_ctrlworld(folder, "train", 1, 7)
    return folder / "annotation/train/1.json"


def write_robomind(folder: Path) -> Path:
    return test_robomind.write(folder, "agilex_3rgb", "bread/success_episodes/train/1014_144602", swapped=True)


def write_oopsie(folder: Path) -> Path:
    return test_oopsie.write(folder, votes=(test_oopsie.vote("ann", "failure", categories=("grasp",)),))


KINDS: list[tuple[LogKind, Callable[[Path], Path]]] = [
    (robomimic.KIND, write_robomimic),
    (aloha.KIND, write_packed),
    (droid_raw.KIND, write_droid),
    (droid_ctrlworld.KIND, write_ctrlworld),
    (agibot.KIND, test_agibot.write),
    (oopsie.KIND, write_oopsie),
    (robomind.KIND, write_robomind),
]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("kind", "write"), KINDS, ids=[kind.name for kind, _ in KINDS])
def test_damage_is_refused_with_a_reason_or_does_no_harm(
    tmp_path: Path, kind: LogKind, write: Callable[[Path], Path]
) -> None:
    path = write(tmp_path)
    whole, own = path.read_bytes(), outcome_of(kind, tmp_path)
    assert own["taken"] >= 1
    total = Counter[str]()
    for seed in range(INPUTS):
        path.write_bytes(damaged(whole, random.Random(seed)))
        counts = outcome_of(kind, tmp_path)
        assert counts.total() >= 1, f"seed {seed}: neither taken nor refused"
        total += counts
    print(kind.name, dict(total))
    assert total["taken"] < INPUTS * own["taken"]
