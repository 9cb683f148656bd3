"""A row's steps: each with the frame that it was paired with; what lacks something is left out and counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from pipelines.fold.pairing import NO_FRAME
from pipelines.fold.rows import step_table
from pipelines.publish.selection import ViewRow
from pipelines.publish.steps import shown_steps, steps_of
from tests.support.episode_logs import episode_log

STEP = 100_000_000


def row(camera_index: int | None = 1, start: int = 0, end: int = 10) -> ViewRow:
    return ViewRow(
        view="idm_arm", clip_id="c", sha256="s", uri="u", stage="robot", start_ns=start * STEP, end_ns=end * STEP,
        times_ns=None, fps_hz=10.0, camera="wrist", origin_ns=5 * STEP, caption=None, caption_kind=None,
        caption_model=None, quarter_turns=0, licence=None, source_clip="c", redaction=None, redacted=[],
        decode_variant="", episode_id="e", embodiment="arm", task=None, outcome="unknown", group=["sha:s"],
        camera_index=camera_index,
    )  # fmt: skip


def steps(wrist: list[int], lost_state: int | None = None) -> pa.Table:
    """Ten steps whose frames in the second camera have these numbers, -1: none."""
    log = episode_log(10, ())
    if lost_state is not None:
        states = np.array(log.states)
        states[lost_state] = np.nan
        log = replace(log, states=states)
    own = np.array([NO_FRAME if n < 0 else n * STEP for n in wrist], np.int64)
    return step_table(log, "", (np.zeros(10, np.int64), own))


def test_steps_take_the_frames_that_they_were_paired_with() -> None:
    own, lost = steps_of(row(start=3, end=8), steps([0, 1, 2, 3, 3, 5, 6, 7, 8, 9]))
    assert own.times_ns == [n * STEP for n in (3, 3, 5, 6, 7)]
    assert own.states == own.actions == [3.0, 4.0, 5.0, 6.0, 7.0]
    assert own.control_source == ["human"] * 5
    assert own.are_paired
    assert lost == {}


def test_what_lacks_a_frame_or_a_state_is_left_out_and_counted() -> None:
    own, lost = steps_of(row(), steps([-1, 0, 1, 2, -1, -1, 5, 6, 7, 8], lost_state=7))
    assert own.states == [1.0, 2.0, 3.0, 6.0, 8.0, 9.0]
    assert own.times_ns == [n * STEP for n in (0, 1, 2, 5, 7, 8)]
    assert lost == {"step_without_frame": 3, "step_without_state": 1}
    none, lost = steps_of(row(), steps([-1] * 10))
    assert (none.times_ns, none.states, lost) == ([], None, {"step_without_frame": 10})


def test_steps_of_before_stand_where_their_clock_says() -> None:
    own, lost = steps_of(row(start=5, end=15), step_table(episode_log(10, ())))
    assert own.times_ns == [n * STEP for n in range(5, 15)]
    assert (own.are_paired, lost) == (False, {})


@pytest.mark.parametrize("shown", [[3], [0, 3, 3, 7]])
def test_a_frame_that_did_not_decode_takes_its_steps_along(shown: list[int]) -> None:
    own, _ = steps_of(row(), steps([0, 1, 2, 3, 3, 5, 6, 7, 8, 9]))
    times = [n * STEP for n in (3, 3)] if shown == [3] else [n * STEP for n in shown]
    kept = shown_steps(own, times)
    assert kept.times_ns == times
    assert kept.states == kept.actions == ([3.0, 4.0] if shown == [3] else [0.0, 3.0, 4.0, 7.0])
    assert kept.control_source == ["human"] * len(times)
