"""LeRobot data sets in the documented layout: rows, spans in a shared recording, metadata that lie."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.fold.rows import step_table
from pipelines.sources.logs import lerobot
from pipelines.sources.logs.base import BadEpisode
from pipelines.sources.logs.episode_log import EpisodeLog
from pipelines.sources.logs.lerobot.episodes import fill
from pipelines.sources.logs.lerobot.meta import EpisodeMeta, VideoSpan, revision_text
from schemas.errors import BadMedia
from schemas.keys import digest_of
from schemas.spans import NS
from tests.support.robot_logs import CAMERA_KEY, TASKS, LeRobotSpec, arrays, write_lerobot, write_lerobot_v21

VIDEO = f"videos/{CAMERA_KEY}/chunk-000/file-000.mp4"


def _read(root: Path) -> tuple[list[EpisodeLog], list[BadEpisode]]:
    parts = [part for item in lerobot.list_logs(str(root)) for part in lerobot.read(item, root)]
    return [p for p in parts if isinstance(p, EpisodeLog)], [p for p in parts if isinstance(p, BadEpisode)]


def _fake_video(root: Path) -> Path:
    path = root / VIDEO
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"a recording that no reader of logs opens")
    return root


def test_episodes_of_one_recording(tmp_path: Path) -> None:
    spec = LeRobotSpec()
    logs, bad = _read(write_lerobot(tmp_path, spec))
    assert [b.reason for b in bad] == ["orphan_rows"]
    assert "5 of 41" in bad[0].detail
    assert [len(log.t_ns) for log in logs] == list(spec.lengths)
    ends = np.cumsum(spec.lengths) * (NS // 10)
    assert [log.cameras[0].end_ns for log in logs] == ends.tolist()
    assert [log.cameras[0].start_ns for log in logs] == [0, *ends[:-1].tolist()]
    assert {log.cameras[0].uri for log in logs} == {str(tmp_path / VIDEO)}
    assert [log.instruction for log in logs] == [TASKS[0], TASKS[1], TASKS[0]]
    assert [log.outcome for log in logs] == ["success", "failure", "success"]
    assert {log.outcome_source for log in logs} == {"sensor"}
    assert {log.cameras[0].camera for log in logs} == {"front"}
    assert logs[0].state_names == tuple(f"joint_{i}.pos" for i in range(6))
    assert logs[0].intervention is not None
    assert logs[0].intervention.tolist() == [True, True] + [False] * 10
    assert (logs[0].collect_mode, logs[0].control_source, logs[0].embodiment) == (
        "autonomous",
        "policy",
        "so101_follower",
    )


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=5), st.integers(0, 9), st.integers(0, 99))
def test_arrays_and_times_come_back(lengths: list[int], orphans: int, seed: int) -> None:
    spec = LeRobotSpec(
        lengths=tuple(lengths), rewards=None, orphans=min(orphans, lengths[0]), with_video=False, seed=seed
    )
    with tempfile.TemporaryDirectory() as folder:
        logs, bad = _read(_fake_video(write_lerobot(Path(folder), spec)))
    assert [b.reason for b in bad] == ["orphan_rows"] * bool(spec.orphans)
    assert len(logs) == len(lengths)
    for i, log in enumerate(logs):
        states, actions = arrays(spec, i)
        assert log.states is not None
        assert log.actions is not None
        np.testing.assert_array_equal(log.states, states)
        np.testing.assert_array_equal(log.actions, actions)
        assert log.t_ns.tolist() == [k * NS // 10 for k in range(lengths[i])]  # float32 seconds mean the grid
        assert (log.cameras[0].end_ns - log.cameras[0].start_ns) == lengths[i] * NS // 10
        assert (log.outcome, log.outcome_source) == ("unknown", None)


def test_names_and_steps_are_equal_wherever_and_in_either_version(tmp_path: Path) -> None:
    one, _ = _read(write_lerobot(tmp_path / "a"))
    shutil.copytree(tmp_path / "a", tmp_path / "elsewhere" / "b")
    two, _ = _read(tmp_path / "elsewhere")
    old, bad = _read(write_lerobot_v21(tmp_path / "old"))
    told = [[(log.name, step_table(log)["steps_id"][0].as_py()) for log in logs] for logs in (one, two, old)]
    assert told[0] == told[1] == told[2]
    assert not bad
    assert all(log.cameras[0].alone for log in old)
    assert [log.instruction for log in old] == [log.instruction for log in one]


@pytest.mark.parametrize(
    "template",
    [
        "videos/{video_key}/episode_{episode_index:06d}.mp4",
        "../../../etc/passwd",
        "/etc/{video_key.__class__}",
        "s3://other/{video_key}.mp4",
        "videos/nowhere.mp4",
    ],
)
def test_a_lying_video_path_falls_back_to_the_layout(tmp_path: Path, template: str) -> None:
    spec = LeRobotSpec(video_path=template, with_video=False)
    logs, _ = _read(_fake_video(write_lerobot(tmp_path, spec)))
    assert {log.cameras[0].uri for log in logs} == {str(tmp_path / VIDEO)}
    assert len(logs) == 3


def test_missing_video_is_refused_and_read_again_when_it_comes(tmp_path: Path) -> None:
    write_lerobot(tmp_path, LeRobotSpec(with_video=False))
    (before,) = lerobot.list_logs(str(tmp_path))
    logs, bad = _read(tmp_path)
    assert not logs
    assert [b.reason for b in bad] == ["missing_video"] * 3 + ["orphan_rows"]
    _fake_video(tmp_path)
    (after,) = lerobot.list_logs(str(tmp_path))
    assert after.revision != before.revision
    assert len(_read(tmp_path)[0]) == 3


def test_one_bad_episode_costs_itself(tmp_path: Path) -> None:
    write_lerobot(tmp_path, LeRobotSpec(with_video=False))
    path = _fake_video(tmp_path) / "data/chunk-000/file-000.parquet"
    table = pq.read_table(path)
    actions = np.array(table["action"].to_pylist(), np.float32)
    actions[13:19, 2] = np.inf
    column = pa.FixedSizeListArray.from_arrays(pa.array(actions.reshape(-1)), 6)
    pq.write_table(table.set_column(table.schema.get_field_index("action"), "action", column), path)
    logs, bad = _read(tmp_path)
    assert [log.name for log in logs] == ["episode_000000", "episode_000002"]
    assert [(b.name, b.reason) for b in bad] == [
        ("episode_000001", "non_finite"),
        ("orphan_rows", "orphan_rows"),
    ]


@pytest.mark.parametrize(("rewards", "done", "outcome"), [
    ((1.0,), True, "success"), ((0.0,), True, "unknown"), ((0.0,), False, "unknown"),
    ((0.4,), True, "unknown"),
    (None, True, "unknown"),
])  # fmt: skip
def test_outcome_of_rewards(tmp_path: Path, rewards: tuple[float, ...] | None, done: bool, outcome: str) -> None:
    spec = LeRobotSpec(lengths=(6,), rewards=rewards, done=done, orphans=0, with_video=False, intervention=False)
    (log,), _ = _read(_fake_video(write_lerobot(tmp_path, spec)))
    assert log.outcome == outcome
    assert log.collect_mode == "unknown"


@pytest.mark.parametrize(("break_it", "reason"), [
    (lambda root: _version(root, "v1.6"), "unsupported_version"),
    (lambda root: (root / "meta/info.json").write_text("{"), "bad_json"),
    (lambda root: (root / "data/chunk-000/file-000.parquet").write_bytes(b"PAR1 no"), "bad_table"),
    (lambda root: (root / "meta/episodes/chunk-000/file-000.parquet").write_bytes(b"no"), "bad_table"),
    (lambda root: shutil.rmtree(root / "meta/episodes"), "missing_file"),
])  # fmt: skip
def test_a_broken_data_set_is_one_item_with_a_reason(tmp_path: Path, break_it: object, reason: str) -> None:
    write_lerobot(tmp_path / "good", LeRobotSpec(with_video=False))
    _fake_video(tmp_path / "good")
    write_lerobot(tmp_path / "bad", LeRobotSpec(with_video=False))
    assert callable(break_it)
    break_it(tmp_path / "bad")
    bad, good = lerobot.list_logs(str(tmp_path))
    with pytest.raises(BadMedia) as refused:
        list(lerobot.read(bad, tmp_path))
    assert refused.value.reason == reason
    assert len([p for p in lerobot.read(good, tmp_path) if isinstance(p, EpisodeLog)]) == 3


def test_episodes_without_their_data_file_are_told_once(tmp_path: Path) -> None:
    write_lerobot(tmp_path, LeRobotSpec(with_video=False))
    (tmp_path / "data/chunk-000/file-000.parquet").unlink()
    logs, (bad,) = _read(tmp_path)
    assert not logs
    assert (bad.name, bad.reason) == ("data", "missing_file")
    assert bad.detail.startswith("3 of 3 episodes have no data file: episode_000000")


def _version(root: Path, version: str) -> None:
    info = json.loads((root / "meta/info.json").read_text())
    (root / "meta/info.json").write_text(json.dumps(info | {"codebase_version": version}))


def test_templates_fill_plain_names_only() -> None:
    assert fill("a/{x:03d}/{k}", {"x": 7, "k": "cam"}) == "a/007/cam"
    for hostile in ("{k.__class__}", "{nothing}", "../{k}", "/{k}", "{k!r}", "http://{k}"):
        assert fill(hostile, {"k": "cam"}) is None


@pytest.mark.parametrize(
    ("episode", "digest"),
    [
        (
            EpisodeMeta(
                index=3, length=40, tasks=("Put it's \"cube\".",), data=("data/a.parquet", "data/b.parquet"),
                rows=(120, 160),
                extra={"outcome": "success", "outcome_confidence": 0.5, "robot_id": "r1", "done": True},
                videos=(
                    VideoSpan(camera="front", candidates=("videos/f.mp4",), start_s=0.0, end_s=1.25),
                    VideoSpan(camera="wrist", candidates=(), start_s=0.0, end_s=None),
                ),
            ),
            "b35d4f8e5136690adfbef2a29337b03c0645318dc2822f938f260afb388b15d1",
        ),
        (
            EpisodeMeta(index=0, length=1, tasks=(), data=(), rows=None, videos=()),
            "8d118dc2c48699377038e916308729e5d9401ac4ee8974ac444375a77ddff56e",
        ),
    ],
)  # fmt: skip
def test_an_episodes_part_of_the_revision_is_frozen(episode: EpisodeMeta, digest: str) -> None:
    """The values were printed by commit bcc87f2: a data set that was folded then is not read again."""
    assert digest_of(revision_text(episode)) == digest
