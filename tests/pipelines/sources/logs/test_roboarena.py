"""RoboArena dumps: the makers' own values, the evaluator's words, frames in step with rows, what is missing told."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from infra.storage.tables import Store
from pipelines.fold.hop import fold
from pipelines.hop import Run
from pipelines.sources.logs import RobotSource
from pipelines.sources.logs.base import LogOptions
from pipelines.sources.logs.roboarena import KIND
from pipelines.staging.options import IngestOptions
from tests.support.fuzzed import INPUTS
from tests.support.hdf5_logs import attempts_of, items_of, left_out
from tests.support.roboarena import SESSION, STAMP, Rollout, film_frames, rows_of, write_session
from tests.support.robot_logs import write_video

A = Rollout(letter="A", policy="pi0_droid", partial=100)
B = Rollout(letter="B", policy="pi05_droid", partial=40, steps=3, cameras=("right", "wrist"))
NAMES = (f"{SESSION}_A_pi0_droid", f"{SESSION}_B_pi05_droid")


def test_each_policys_part_has_the_makers_own_values_and_the_evaluators_words(tmp_path: Path) -> None:
    write_session(tmp_path, (A, B))
    attempts = {name: log for (_, name), log in attempts_of(KIND, tmp_path).items()}
    assert sorted(attempts) == list(NAMES)
    for rollout, name in zip((A, B), NAMES, strict=True):
        rows, log = rows_of(ord(rollout.letter), rollout.steps), attempts[name]
        own = [[*r["joint_position"], *r["cartesian_position"], *r["gripper_position"]] for r in rows]
        assert np.array_equal(log.states, np.array(own, np.float32))
        assert np.array_equal(log.actions, np.array([r["action"] for r in rows], np.float32))
        assert (log.policy_id, log.collect_mode, log.control_source) == (rollout.policy, "autonomous", "policy")
        assert (log.instruction, log.scene, log.fps_hz) == ("put the marker in the cup", "Berkeley", 15.0)
        assert [c.camera for c in log.cameras] == sorted(rollout.cameras)
    first, second = (attempts[name] for name in NAMES)
    assert (first.state_names[0], first.state_names[7], first.state_names[13]) == (
        "joint_position.0", "cartesian_position.0", "gripper_position",
    )  # fmt: skip
    assert (first.action_names[0], first.action_names[7]) == ("joint_velocity.0", "gripper_position")
    assert second.action_names[0] == "joint_position.0"  # another unit, another view
    assert (first.outcome, first.outcome_source) == ("success", "human")
    assert (second.outcome, second.outcome_source, second.outcome_confidence) == ("failure", "human", None)
    assert [(n.code, n.detail) for n in second.notes] == [
        ("partial_success", "0.4 of 1, by the evaluator"),
        ("preference", "the evaluator preferred A of the session's policies; this is B"),
        ("feedback", "A grasped it, B missed twice."),
    ]
    assert "example.org" not in repr((first, second))


@pytest.mark.parametrize(
    ("said", "outcome", "codes"),
    [
        ({"binary_success": None, "partial_success": 1.0}, "success", set()),
        ({"binary_success": None, "partial_success": 0.0}, "failure", set()),
        ({"binary_success": None, "partial_success": 0.7}, "unknown", set()),
        ({"binary_success": 1, "partial_success": 0.7}, "success", {"labels_disagree"}),
        ({"binary_success": 1, "partial_success": 0.0}, "unknown", {"labels_disagree"}),
        ({"binary_success": 0, "partial_success": 1.0}, "unknown", {"labels_disagree"}),
        ({"binary_success": 0, "partial_success": None}, "failure", set()),
        ({"duration": 9}, "success", {"other_length"}),
    ],
)
def test_a_score_is_no_label_but_at_its_ends(
    tmp_path: Path, said: dict[str, object], outcome: str, codes: set[str]
) -> None:
    write_session(tmp_path, (dataclasses.replace(A, changed=said),))
    (log,) = attempts_of(KIND, tmp_path).values()
    assert (log.outcome, log.outcome_source) == (outcome, None if outcome == "unknown" else "human")
    assert {n.code for n in log.notes} - {"partial_success", "preference", "feedback"} == codes


def test_a_label_that_says_nothing_costs_itself(tmp_path: Path) -> None:
    write_session(tmp_path, (dataclasses.replace(A, changed={"partial_success": 55.0, "binary_success": 0}),))
    (log,) = attempts_of(KIND, tmp_path).values()
    assert log.outcome == "unknown"
    assert left_out(KIND, tmp_path) == [(f"{NAMES[0]}/outcome", "bad_header")]


def test_what_is_missing_is_told_and_the_rest_is_taken(tmp_path: Path) -> None:
    folder = write_session(tmp_path, (A, B, Rollout(letter="C", policy="gone", partial=0)))
    c, first = folder / "C_gone", folder / "A_pi0_droid"
    for path in c.iterdir():
        path.unlink()
    c.rmdir()
    (folder / f"B_pi05_droid/pi05_droid_{STAMP}_npz_file.npz").unlink()
    write_video(first / "pi0_droid_again_video_left.mp4", 6)
    assert left_out(KIND, tmp_path) == [
        (f"{NAMES[0]}/camera left", "several_recordings"),
        (NAMES[1], "missing_file"),
        (f"{SESSION}/policy C", "missing_file"),
    ]
    (log,) = attempts_of(KIND, tmp_path).values()
    assert [c.camera for c in log.cameras] == ["right", "wrist"]
    (tmp_path / "global_metadata.yaml").unlink()
    (folder / "metadata.yaml").write_text("policies: [")
    assert {(f"{SESSION}/metadata.yaml", "bad_metadata"), (f"{SESSION}/global_metadata.yaml", "missing_file")} < set(
        left_out(KIND, tmp_path)
    )
    (log,) = attempts_of(KIND, tmp_path).values()
    assert (log.outcome, log.instruction, log.action_names[0]) == ("unknown", None, "action.0")
    assert [n.code for n in log.notes] == ["action_space_unknown"]


def test_metadata_are_part_of_a_sessions_revision_and_a_bag_is_none(tmp_path: Path) -> None:
    folder = write_session(tmp_path, (A,))
    (tmp_path / "bag").mkdir()
    (tmp_path / "bag/metadata.yaml").write_text("rosbag2_bagfile_information: {}")
    (before,) = items_of(KIND, tmp_path)
    assert (before.root, before.uri) == (str(tmp_path), str(folder))
    for path in (folder / "metadata.yaml", tmp_path / "global_metadata.yaml"):
        path.write_text(path.read_text() + "more: 1\n")
        (after,) = items_of(KIND, tmp_path)
        assert after.revision != before.revision
        before = after
    (alone,) = items_of(KIND, folder)
    assert (alone.root, alone.revision) == (str(tmp_path), before.revision)


@pytest.mark.slow
def test_the_fold_pairs_frames_that_the_encoder_repeats(tmp_path: Path) -> None:
    """A film of 3 pictures has 4 frames; one of two more than its rows is refused."""
    assert (film_frames(3), film_frames(6)) == (4, 6)
    folder = write_session(tmp_path / "dump", (A, B))
    write_video(folder / f"B_pi05_droid/pi05_droid_{STAMP}_video_right.mp4", 5)
    store = Store(str(tmp_path / "corpus"))
    source = RobotSource(kind="roboarena", uri=str(tmp_path / "dump"), licence="MIT")
    done = fold(Run(store, "run"), [source], IngestOptions())
    assert done.notes == ["left out: 1 video_mismatch; `handwheel ledger --by asset` says where"]
    episodes = {e["episode_id"]: e for e in store.read("episodes").to_pylist()}
    codes = Counter(note["code"] for e in episodes.values() for note in e["notes"])
    assert codes["spare_frames"] == 1
    rejects = [(r["reason"], r["detail"]) for r in store.read("rejects").to_pylist()]
    assert [(reason, "3 rows, 5 frames" in detail) for reason, detail in rejects] == [("video_mismatch", True)]
    assert sorted(len(e["cameras"]) for e in episodes.values()) == [1, 3]


def test_a_pickle_runs_nothing(tmp_path: Path) -> None:
    folder = write_session(tmp_path, (A,))

    class Runs:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (Path(tmp_path / "mark"),)  # type: ignore[return-value]

    rows = rows_of(1, 2)
    hostile = np.array([{**rows[0], "action": Runs()}, rows[1]], dtype=object)
    np.savez(folder / f"A_pi0_droid/pi0_droid_{STAMP}_npz_file.npz", data=hostile)
    assert left_out(KIND, tmp_path) == [(NAMES[0], "unsafe_pickle")]
    assert not (tmp_path / "mark").exists()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_damage_is_refused_with_a_reason_or_does_no_harm(tmp_path: Path) -> None:
    folder = write_session(tmp_path, (A,))
    files = [folder / f"A_pi0_droid/pi0_droid_{STAMP}_npz_file.npz", folder / "metadata.yaml"]
    whole, total = [f.read_bytes() for f in files], Counter[str]()
    for seed in range(INPUTS):
        chance = random.Random(seed)
        for file, data in zip(files, whole, strict=True):
            made = bytearray(data)
            for _ in range(chance.randrange(1, 6)):
                made[chance.randrange(len(made))] = chance.randrange(256)
            file.write_bytes(made[: chance.choice([len(made), chance.randrange(len(made))])])
        counts = Counter(reason for _, reason in left_out(KIND, tmp_path))
        counts["taken"] += len(attempts_of(KIND, tmp_path))
        assert counts.total() >= 1, f"seed {seed}: neither taken nor refused"
        total += counts
    print(dict(total))
    assert total["taken"] < INPUTS


def test_what_the_rows_hold_is_told(tmp_path: Path) -> None:
    write_session(tmp_path, (A,))
    (item,) = items_of(KIND, tmp_path)
    assert KIND.holds is not None
    assert {(f.name, f.width) for f in KIND.holds(item, LogOptions())} == {
        ("cartesian_position", 6), ("joint_position", 7), ("gripper_position", 1), ("action", 8),
    }  # fmt: skip
