"""Columns that are guessed: by names, kinds and widths, of what helps alone, each tried once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pipelines.fold.log_advice import advise
from pipelines.sources.logs.base import COLUMNS, NUMBERS, PICTURES, VECTORS, WORDS, BadEpisode, LogColumns, LogField
from pipelines.sources.logs.episode_log import EpisodeLog
from tests.support.episode_logs import episode_log


def numbers(*names: str, width: int = 7) -> list[LogField]:
    return [LogField(name=name, kind=NUMBERS, about="", width=width) for name in names]


class Reader:
    """Gives an attempt where columns name all that it needs; each reading is one more of `asked`."""

    def __init__(self, **needs: object) -> None:
        self.needs, self.asked = needs, list[LogColumns]()

    def __call__(self, columns: LogColumns) -> Sequence[EpisodeLog | BadEpisode]:
        self.asked.append(columns)
        lacking = [name for name, value in self.needs.items() if getattr(columns, name) != value]
        return [
            BadEpisode(name="e", reason="no_states_or_actions", detail=", ".join(lacking))
            if lacking
            else episode_log(3, ())
        ]


@pytest.mark.parametrize(
    ("fields", "state", "action"),
    [
        (numbers("q_measured", "q_master"), ("q_measured",), ("q_master",)),
        (numbers("robot/joint_pos", "robot/joint_vel", "ctrl"), ("robot/joint_pos",), ("ctrl",)),
        (numbers("arm", "timestamp", "frame_index", "next.reward", "done", "target"), ("arm",), ("target",)),
        ([*numbers("arm", "desired"), *numbers("touch_map", width=4096)], ("arm",), ("desired",)),
        (numbers("something", "wanted_target"), ("something",), ("wanted_target",)),
    ],
)
def test_state_and_action_are_told_apart_by_names(
    fields: list[LogField], state: tuple[str, ...], action: tuple[str, ...]
) -> None:
    advice = advise(fields, COLUMNS, LogColumns(), Reader(state=state, action=action))
    assert advice == LogColumns(state=state, action=action)


def test_what_helps_nothing_is_not_advised() -> None:
    fields = [*numbers("arm", "target"), LogField(name="view/head", kind=PICTURES, about="")]
    fields += [LogField(name=name, kind=WORDS, about="") for name in ("verdict", "prompt", "discard_me")]
    reader = Reader(state=("arm",))
    assert advise(fields, COLUMNS, LogColumns(), reader) == LogColumns(state=("arm",))
    assert len(reader.asked) == len(set(map(str, reader.asked)))
    assert advise(fields, COLUMNS, LogColumns(), Reader(state=("leg",))) is None
    assert advise(fields, frozenset(), LogColumns(), reader) is None


def test_cameras_get_the_shortest_names_that_differ_and_only_where_they_are_taken() -> None:
    fields = [LogField(name=n, kind=PICTURES, about="") for n in ("left/rgb", "right/rgb")] + numbers("arm")
    cameras = {"left_rgb": "left/rgb", "right_rgb": "right/rgb"}
    advice = advise(fields, COLUMNS, LogColumns(), Reader(cameras=cameras))
    assert advice == LogColumns(cameras=cameras)
    assert advise(fields, VECTORS, LogColumns(), Reader(cameras=cameras)) is None


def test_what_the_config_says_stays() -> None:
    given = LogColumns(action=("leg",))
    assert advise(numbers("arm", "target"), COLUMNS, given, Reader(state=("arm",), action=("leg",))) == LogColumns(
        state=("arm",), action=("leg",)
    )
