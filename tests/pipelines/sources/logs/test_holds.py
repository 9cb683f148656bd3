"""What logs hold by their own names, for people and for the columns of a config: each name is one that `read` takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipelines.sources.logs import kind_of
from pipelines.sources.logs.base import NUMBERS, OTHER, PICTURES, WORDS, LogOptions
from tests.pipelines.sources.logs.test_rlds import episode, shard
from tests.support.hdf5_logs import DemoSpec, write_aloha, write_demos
from tests.support.message_logs import T0, Sent, arm, by_log_time, text, write_bag1, write_bag2, write_mcap
from tests.support.robot_logs import write_plain

SAID: list[Sent] = by_log_time([*arm(4), text(T0, "Lift it.")])
TOPICS = {
    "/camera/top/image/compressed": (PICTURES, None, "CompressedImage, 4 messages"),
    "/joint_states": (NUMBERS, None, "JointState, 20 messages"), "/task": (WORDS, None, "String, 1 messages"),
}  # fmt: skip
Written = Callable[[Path], object]


@pytest.mark.parametrize(
    ("kind", "write", "fields"),
    [
        ("mcap", lambda p: write_mcap(p / "a.mcap", SAID), TOPICS),
        ("rosbag2", lambda p: write_bag2(p / "a", SAID), TOPICS),
        ("rosbag1", lambda p: write_bag1(p / "a.bag", SAID), TOPICS),
        (
            "rlds", lambda p: shard(p, [episode(1)]),
            {"action": (NUMBERS, 4, "4 a step"), "observation/image": (PICTURES, None, "pictures"),
             "language_instruction": (WORDS, None, "words"), "observation/state": (NUMBERS, 3, "3 a step")},
        ),
        (
            "robomimic", lambda p: write_demos(p / "a.hdf5", [DemoSpec(number=2, success=True)], {}),
            {"actions": (NUMBERS, 7, "<f8 8x7"), "obs/robot0_eef_pos": (NUMBERS, 3, "<f4 8x3"),
             "obs/agentview_image": (PICTURES, None, "|u1 8x64x96x3"), "success": (WORDS, None, "attribute")},
        ),
        (
            "aloha", lambda p: write_aloha(p / "a.hdf5", packed=True),
            {"action": (NUMBERS, 14, "<f8 8x14"), "sim": (WORDS, None, "attribute")},
        ),
        (
            "plain_log", lambda p: write_plain(p, "a", np.ones((3, 2)), np.ones((3, 1))),
            {"state": (NUMBERS, 2, "2 a step"), "action": (NUMBERS, 1, "1 a step"), "task": (WORDS, None, "header")},
        ),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_fields_have_their_names_kinds_and_widths(
    tmp_path: Path, kind: str, write: Written, fields: dict[str, tuple[str, int | None, str]]
) -> None:
    write(tmp_path)
    reader = kind_of(kind)
    (item, *_) = reader.list(str(tmp_path), LogOptions())
    assert reader.holds is not None
    there = {f.name: (f.kind, f.width, f.about) for f in reader.holds(item, LogOptions())}
    assert {name: there.get(name) for name in fields} == fields
    assert {kind for kind, *_ in there.values()} <= {NUMBERS, PICTURES, WORDS, OTHER}
