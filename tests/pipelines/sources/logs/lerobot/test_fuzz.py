"""Whatever stands in a data set's files, its reader ends with attempts and reasons, never with a crash."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra.storage import objects
from pipelines.sources.logs import lerobot
from pipelines.sources.logs.base import BadEpisode
from pipelines.sources.logs.episode_log import EpisodeLog
from schemas.errors import BadMedia
from tests.support.fuzzed import INPUTS
from tests.support.lerobot_edits import EPISODES, ROWS
from tests.support.robot_logs import CAMERA_KEY, LeRobotSpec, write_lerobot, write_lerobot_v21

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**70, 1e308, -0.5, 0.1, "", "x", "\0", "\ud800", "{", "../x", [], [[]],
    {}, {"a": {}}, [None], ["x", 1], [{}], "0:1", "v3.0", "v2.1", CAMERA_KEY, "data/{chunk_index:9d}", "a" * 5000,
)  # fmt: skip


def _walk(value: Any, rng: random.Random) -> Any:
    """The value with one place of it another one, one more, or none."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        if rng.random() < 0.2:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: _walk(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.7:
        at = rng.randrange(len(value))
        return [*value[:at], _walk(value[at], rng), *value[at + 1 :]]
    return rng.choice(ODD)


def _spoil_bytes(path: Path, rng: random.Random) -> None:
    raw = bytearray(path.read_bytes())
    for _ in range(rng.randrange(1, 5)):
        raw[rng.randrange(len(raw))] = rng.randrange(256)
    path.write_bytes(bytes(raw[: rng.randrange(1, len(raw))] if rng.random() < 0.4 else raw))


def _spoil_json(path: Path, rng: random.Random) -> None:
    lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
    at = rng.randrange(len(lines))
    lines[at] = json.dumps(_walk(json.loads(lines[at]), rng))
    path.write_text("\n".join(lines))


def _spoil_table(path: Path, rng: random.Random) -> None:
    """A column of another kind, or none."""
    table = pq.read_table(path)
    name = rng.choice(table.column_names)
    count = table.num_rows
    kinds: list[Any] = [
        [None] * count, [-1] * count, [2**62] * count, [1.5] * count, [float("nan")] * count, ["x"] * count,
        [b"\xff"] * count, [[]] * count, [[1.0] * 3] * count, [True] * count, [{"bytes": b"x"}] * count,
    ]  # fmt: skip
    out = table.drop_columns([name])
    pq.write_table(out if rng.random() < 0.2 else out.append_column(name, pa.array(rng.choice(kinds))), path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    spec = LeRobotSpec(lengths=(3, 2), orphans=1)
    write_lerobot(folder / "v3.0", spec)
    write_lerobot_v21(folder / "v2.1", LeRobotSpec(lengths=(3, 2), version="v2.1", orphans=0))
    for root in folder.iterdir():
        (root / "meta/modality.json").write_text('{"state": {"arm": {"start": 0, "end": 6}}, "action": {}}')
    return folder


@pytest.mark.parametrize("seed", [*range(20), *(pytest.param(s, marks=pytest.mark.slow) for s in range(20, INPUTS))])
def test_metadata_of_any_kind_end_in_attempts_and_reasons(whole: Path, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    version = rng.choice(["v2.1", "v3.0"])
    root = tmp_path / "set"
    shutil.copytree(whole / version, root)
    for _ in range(rng.randrange(1, 4)):
        texts = [p for p in root.glob("meta/*") if p.suffix in (".json", ".jsonl")]
        tables = [root / EPISODES, root / ROWS] if version == "v3.0" else sorted(root.glob("data/*/*"))
        try:
            if rng.random() < 0.15:
                _spoil_bytes(rng.choice([*texts, *tables]), rng)
            elif rng.random() < 0.6:
                _spoil_json(rng.choice(texts), rng)
            else:
                _spoil_table(rng.choice(tables), rng)
        except (ValueError, OSError, pa.ArrowException):
            continue  # it is broken already
    items = list(lerobot.list_logs(str(root)))
    assert items or not objects.exists(str(root / "meta/info.json"))
    for item in items:
        try:
            parts = list(lerobot.read(item, root))
        except BadMedia:  # the item's one reason
            continue
        assert parts
        assert all(isinstance(p, EpisodeLog | BadEpisode) for p in parts)
