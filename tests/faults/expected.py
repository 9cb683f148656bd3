"""What each case of a folder of cases should give: in words, and as a judgement of what was got."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LEROBOT = ({"kind": "lerobot", "uri": ""},)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """robots, sources: of the config, uri below what the script writes. runs: more words for the script, a run each.

    turn: the whole turn is run, not its first hop alone. served: its port is the script's last word.
    """

    expected: str
    holds: Callable[[Any], bool]
    robots: tuple[dict[str, Any], ...] = ()
    sources: tuple[dict[str, Any], ...] = ()
    runs: tuple[tuple[str, ...], ...] = ((),)
    turn: bool = False
    served: bool = False


def _logs(expected: str, holds: Callable[[Any], bool], **more: Any) -> Case:
    return Case(expected=expected, holds=holds, **({"robots": LEROBOT} | more))


def _folder(expected: str, holds: Callable[[Any], bool], kind: str = "folder", **more: Any) -> Case:
    return Case(expected=expected, holds=holds, sources=({"kind": kind, "uri": "", "stage": "ego"},), **more)


def _paired(got: Any, rows: int, attempts: int) -> bool:
    """So many rows in so many attempts, each beside its own frame."""
    return got.paired == rows and len(got.episodes) == attempts and not got.misplaced


def _of(got: Any, place: str) -> list[dict[str, Any]]:
    return [e for e in got.episodes if f"/{place}/" in e["uri"]]


def _outcomes(got: Any, place: str) -> list[str]:
    return [e["outcome"] for e in _of(got, place)]


def _cameras(episode: dict[str, Any]) -> list[str]:
    return [c["camera"] for c in episode["cameras"]]


def _steps(got: Any, place: str = "") -> list[dict[str, Any]]:
    return [s for e in got.episodes if place in e["uri"] for s in got.steps[e["episode_row_id"]]]


def _helped(got: Any, place: str) -> bool:
    steps = _steps(got, place)
    return [s["frame"] for s in steps if s["control_source"] == "human"] == list(range(10, 20)) and len(steps) == 40


def _tasks(episode: dict[str, Any]) -> list[tuple[str, int, int]]:
    return [(t["text"], t["start_frame"], t["end_frame"]) for t in episode.get("tasks") or [] if t["kind"] == "task"]


def _narrations(got: Any, name: str) -> list[tuple[str, float | None, float | None]]:
    asset = next(a for a in got.assets if a["uri"].endswith(name))
    return [
        (n["text"], *(None if n[k] is None else n[k] / 1e9 for k in ("start_ns", "end_ns")))
        for n in asset["narrations"]
    ]


def _kept_s(got: Any, name: str) -> float:
    asset = next(a for a in got.assets if a["uri"].endswith(name))
    clips = [c for c in got.clips if c["sha256"] == asset["sha256"]]
    return round(sum(c["end_ns"] - c["start_ns"] for c in clips) / 1e9, 1)


T3 = [("Open the drawer.", 0, 10), ("Put the cube in the drawer.", 10, 22), ("Close the drawer.", 22, 30)]

EXPECTED: dict[str, Case] = {
    "01_real_clock_beside_fps_video": _logs("frame i with row i, all 180", lambda g: _paired(g, 180, 1)),
    "02_git_lfs_pointers": _logs(
        "one reason for all three: lfs_pointer, git lfs pull",
        lambda g: set(g.rejects) == {"lfs_pointer"} and all("git lfs pull" in d for d in g.details)
        and len({e["uri"] for e in g.episodes}) <= 1,
    ),
    "04_camera_declared_never_written": _logs(
        "both with the camera that is there, and a word", lambda g: _paired(g, 80, 2) and bool(g.rejects)
    ),
    "05_images_in_parquet": _logs(
        "frames of both; the second is a copy of the first, byte for byte",
        lambda g: _paired(g, 30 * len(g.episodes), len(g.episodes)) and len(g.episodes) + g.copies == 2,
    ),
    "06_other_keys": _logs(
        "all four read, with effort and environment_state",
        lambda g: len(g.episodes) == 4 and g.paired == 120 and not g.misplaced
        and all(len(s["state"]) == 7 for s in _steps(g, "/d_more/")),
    ),
    "07_version_2_0": _logs("read like v2.1", lambda g: _paired(g, 30, 1)),
    "08_robot_types": _logs(
        "all read and published, widths never mixed",
        lambda g: len(g.episodes) == 5 and not g.misplaced and not g.error and bool(g.release), turn=True,
    ),
    "09_success_dtypes": _logs(
        "success, failure in all six", lambda g: g.outcomes() == ["success", "failure"] * 6
    ),
    "10_discarded_episodes": _logs(
        "episode 1 left out: discarded", lambda g: _paired(g, 30, 1) and g.rejects["discarded"] == 1
    ),
    "11_depth_video": _logs(
        "no RGB clip of the depth map", lambda g: [_cameras(e) for e in g.episodes] == [["top"]] and bool(g.rejects)
    ),
    "12_tasks_by_frame": _logs(
        "the segments with their texts",
        lambda g: [t[1:] for t in _tasks(g.episodes[0])] == [(0, 20), (20, 40)]
        and {"grasp the cube", "lift the cube"} <= {t["text"] for t in g.episodes[0]["tasks"]},
    ),
    "13_every_demo_a_failure": _logs("unknown", lambda g: g.outcomes() == ["unknown"] * 4),
    "14_files_of_no_episode": _logs(
        "one reject that counts them", lambda g: len(g.episodes) == 1 and any("2" in d for d in g.details)
    ),
    "15_gaps_and_nan": _logs(
        "the row null; the absent arm noted",
        lambda g: [s["frame"] for s in _steps(g, "/a_nan/") if s["state"] is None] == [20]
        and bool(_of(g, "b_absent_arm")[0]["notes"]),
    ),
    "16_success_then_lost": _logs(
        "by the last row, both facts kept", lambda g: [(e["outcome"], e["ever_succeeded"]) for e in g.episodes]
        == [("failure", True)],
    ),
    "18_one_camera_of_one_episode": _logs(
        "episode 1 with the camera it has", lambda g: sorted(map(len, map(_cameras, g.episodes))) == [1, 2]
    ),
    "19_splits_of_the_maker": _logs(
        "kept as facts", lambda g: [e["split"] for e in g.episodes] == ["train", "train", "val", "test"]
    ),
    "21_fewer_than_announced": _logs(
        "both counts told", lambda g: len(g.episodes) == 2 and any("5" in d and "2" in d for d in g.details)
    ),
    "23_interventions": _logs(
        "rows 10-19 human in all four", lambda g: all(_helped(g, p) for p in ("/a/", "complem", "b_plain", "c_float"))
    ),
    "24_labels_added_later": _logs(
        "the steps carry the second reading's labels",
        lambda g: _helped(g, "") and sum(bool(s["done"]) for s in _steps(g)) == 1, runs=(("1",), ("2",)),
    ),
    "30_robomimic_isaaclab_hdf5": Case(
        expected="robomimic 3 and Isaac Lab 4 attempts, numbers right; low_dim: pictures; without a rate: refused",
        robots=(
            {"kind": "robomimic", "uri": "a_robomimic.hdf5"}, {"kind": "robomimic", "uri": "c_low_dim.hdf5"},
            {"kind": "robomimic", "uri": "b_isaaclab.hdf5", "fps_hz": 20.0, "name": "isaac"},
            {"kind": "robomimic", "uri": "b_isaaclab_failed.hdf5", "fps_hz": 20.0, "name": "isaac_failed"},
        ),
        holds=lambda g: len(g.episodes) == 7 and g.paired == 190 and not g.misplaced
        and g.offsets == {0, 100, 1000, 1200} and g.outcomes().count("failure") == 2
        and any("picture" in d for d in g.details),
    ),
    "31_aloha_hdf5": Case(
        expected="two attempts of 40 rows and two cameras, numbers right, 50 Hz",
        robots=({"kind": "aloha", "uri": ""},),
        holds=lambda g: _paired(g, 160, 2) and g.offsets == {0} and g.episodes[0]["fps_hz"] == 50,
    ),
    "32_rlds_tfrecord": Case(
        expected="episode 1 success, 0 unknown, 2 a reject (CRC); numbers right",
        robots=({"kind": "rlds", "uri": "", "fps_hz": 5.0},),
        holds=lambda g: g.outcomes() == ["unknown", "success"] and not g.misplaced and g.rejects["bad_record"] == 1,
    ),
    "33_mcap_two_clocks": Case(
        expected="at the stamp of picture k joint a is k; the gap null; the open file's whole part",
        robots=({"kind": "mcap", "uri": ""},),
        holds=lambda g: len(g.episodes) == 2 and g.offsets == {0} and not g.misplaced
        and g.rejects["truncated_log"] == 1 and any(s["state"] is None for s in _steps(g)),
    ),
    "34_xr_teleoperate_json": Case(
        expected="60 rows, two cameras, no instruction",
        robots=({"kind": "xr_teleoperate", "uri": ""},),
        holds=lambda g: _paired(g, 120, 1) and g.episodes[0]["instruction"] is None and g.offsets == {0, 100},
    ),
    "36_umi_zarr": Case(
        expected="2 attempts in a, copies of them in b, with a rate said; c: data are missing",
        robots=({"kind": "zarr_replay", "uri": "", "fps_hz": 60.0},),
        holds=lambda g: len(g.episodes) == g.copies == 2 and _paired(g, 50, 2) and g.rejects["missing_file"] == 1,
    ),
    "lerobot_01_two_joint_counts": _logs(
        "a release, each set with its width",
        lambda g: len(g.episodes) == 8 and not g.error and bool(g.release), turn=True,
    ),
    "lerobot_02_zero_state_action": _logs(
        "six takes in the release", lambda g: len(g.episodes) == 6 and g.release.get("wm_robot") == 6, turn=True
    ),
    "lerobot_04_loop_slower_than_fps": _logs(
        "picture == state[0] in 30, 60, 40 frames", lambda g: _paired(g, 130, 3) and g.offsets == {0}
    ),
    "lerobot_07_reward_placeholder": _logs(
        "demos unknown; scored success, failure",
        lambda g: _outcomes(g, "demos") == ["unknown"] * 2 and _outcomes(g, "scored") == ["success", "failure"],
    ),
    "lerobot_08_subtasks_by_frame": _logs(
        "three texts over their frames; never `valid`",
        lambda g: _tasks(_of(g, "steps")[0]) == T3 and "squash" not in _of(g, "valid")[0]["instruction"]
        and _of(g, "valid")[0]["instruction"].startswith("pick the bar"),
    ),
    "lerobot_09_openpi_names": _logs(
        "states and actions of both", lambda g: len(g.episodes) == 4 and not g.misplaced
        and all(s["action_commanded"] for s in _steps(g)),
    ),
    "lerobot_10_crashed_session": _logs(
        "2 + 2 + 2 episodes; orphans, footer and line each told",
        lambda g: len(g.episodes) == 6 and not g.misplaced and sum(g.rejects.values()) >= 4,
    ),
    "lerobot_11_image_camera": _logs(
        "the wrist's pictures too", lambda g: all("wrist" in " ".join(_cameras(e)) for e in _of(g, "both"))
        and bool(_of(g, "only")) and not g.misplaced,
    ),
    "lerobot_12_depth_camera": _logs(
        "front alone; the depth told", lambda g: {c for e in g.episodes for c in _cameras(e)} == {"front"}
        and bool(g.rejects),
    ),
    "lerobot_13_discarded_take_tail": _logs(
        "with surplus = tail: all rows at offset 0, no picture of 900 or more",
        lambda g: _paired(g, 36 + 221, 6) and g.offsets == {0},
        robots=({"kind": "lerobot", "uri": "", "surplus": "tail"},),
    ),
    "lerobot_14_stale_places": _logs(
        "four episodes each", lambda g: _paired(g, 94, 8) and g.offsets == {0}
    ),
    "lerobot_15_declared_camera_absent": _logs(
        "both with the camera that is there, the other told", lambda g: len(g.episodes) == 4 and not g.misplaced
        and g.rejects.total() >= 2,
    ),
    "lerobot_16_optional_columns": _logs(
        "each costs itself alone",
        lambda g: _outcomes(g, "done_float")[:1] != ["failure"] and _outcomes(g, "success_float") == ["success"]
        and _outcomes(g, "success_int") == ["failure"] and len(_of(g, "reward_nan")) == 1
        and (bool(_of(g, "robot_name")) or g.rejects["unsafe_name"] > 0) and len(_of(g, "logs")) == 2,
        robots=({"kind": "lerobot", "uri": "sets"}, {"kind": "plain_log", "uri": "logs"}),
    ),
    "17_glued_ts": _folder(
        "glued and reverse 8.0 s with a cut at the joint; leap 6 s kept",
        lambda g: [_kept_s(g, n) for n in ("glued.ts", "reverse.ts", "leap.ts")] == [8.0, 8.0, 6.0]
        and all(len([c for c in g.clips if c["sha256"] == a["sha256"]]) >= 2 for a in g.assets),
    ),
    "19_published_lists": Case(
        expected="two narrations with their spans (internvid, which stops a run, is not run here)",
        sources=({"kind": "url_list", "uri": "panda.csv", "stage": "web"},), served=True,
        holds=lambda g: _narrations(g, "v0.mp4")
        == [("A hand opens a jar.", 0.0, 4.0), ("A hand wipes a table.", 6.0, 10.0)],
    ),
    "20_sidecar_segments": _folder(
        "a: two texts over their spans; b: the .txt; c: one caption or bad_sidecar; d: bad_sidecar",
        lambda g: _narrations(g, "a.mp4") == [("Opens the jar.", 0.0, 2.0), ("Wipes the table.", 3.0, 5.0)]
        and [n[0] for n in _narrations(g, "b.mp4")] == ["Stirs the soup."]
        and g.rejects["bad_sidecar"] >= 1 and not any(a["uri"].endswith("d.mp4") for a in g.assets),
    ),
    "21_ego4d_stereo": _folder(
        "one eye (160 px), or refused", lambda g: (len(g.assets) == 1 and sum(g.rejects.values()) == 1)
        or {a["width_px"] for a in g.assets} == {160}, kind="ego4d",
    ),
    "22_other_languages": _logs(
        "captions hold the task's own words", lambda g: bool(g.captions)
        and all("the Lege" not in c and "\u3002." not in c and "Pick the place cube" not in c for c in g.captions)
        and any("Lege den W\u00fcrfel in die Kiste." in c for c in g.captions), turn=True,
    ),
}  # fmt: skip
