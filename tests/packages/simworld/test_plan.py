"""Plans: dealt evenly, equal for equal arguments, small corpora that show something."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simworld.tasks import plan
from simworld.tasks.plan import TakeOptions


def corpus(seed: int, count: int, options: TakeOptions = TakeOptions()) -> list[plan.RecordingPlan]:
    return [plan.draw(seed, index, count, options) for index in range(count)]


@pytest.mark.parametrize("seed", [1, 7, 23])
@pytest.mark.slow
def test_forty_recordings_cover_every_value_of_every_axis(seed: int) -> None:
    shots = [shot for recording in corpus(seed, 40) for shot in recording.shots]
    for axis, values in plan.AXES.items():
        assert set(values) - {shot.variation[axis] for shot in shots} == set(), axis


@pytest.mark.parametrize("seed", [1, 2, 7])
def test_eight_recordings_already_show_the_world(seed: int) -> None:
    recordings = corpus(seed, 8)
    shots = [shot for recording in recordings for shot in recording.shots]
    values = {axis: {shot.variation[axis] for shot in shots} for axis in plan.AXES}
    assert len(values["verb"] - {"none"}) >= 5
    assert len(values["outcome"] - {"none", "success"}) >= 1
    assert "gesture" in values["negative"]
    assert values["negative"] & set(plan.UNMANNED)
    assert values["skin"] & {"porcelain", "light"}
    assert values["skin"] & {"brown", "dark"}
    assert values["glove"] - {"none"}
    assert "left" in values["handed"]
    assert Counter(len(recording.shots) for recording in recordings)[2] == 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 60), st.data())
@pytest.mark.slow
def test_a_plan_is_a_pure_function_and_plain(seed: int, count: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, count - 1))
    one, again = plan.draw(seed, index, count), plan.draw(seed, index, count)
    assert one == again
    assert json.loads(json.dumps(plan.plain(one))) == json.loads(json.dumps(plan.plain(again)))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 40), st.integers(1, 3), st.floats(2.0, 8.0))
@pytest.mark.slow
def test_tasks_lie_in_their_shot_one_after_the_other(seed: int, count: int, most: int, task_s: float) -> None:
    options = TakeOptions(tasks=(1, most), task_s=task_s)
    for shot in plan.draw(seed, seed % count, count, options).shots:
        ends = [0.0]
        for task in shot.tasks:
            assert ends[-1] < task.start_s < task.end_s
            assert task.outcome == "success" or task.verb in plan.CAUSES[task.outcome]
            ends.append(task.end_s)
        assert ends[-1] <= shot.duration_s + 0.5 / shot.fps_hz
        assert shot.frame_count == pytest.approx(shot.duration_s * shot.fps_hz)


def test_what_is_picked_up_is_what_the_next_task_puts_down() -> None:
    options = TakeOptions(tasks=(2, 2), fixed={"verb": "pick"})
    shots = [plan.draw(3, index, 12, options).shots[0] for index in range(12)]
    followed = [(a, b) for shot in shots for a, b in zip(shot.tasks, shot.tasks[1:], strict=False) if a.verb == "pick"]
    assert followed
    for a, b in followed:
        assert (b.verb, b.thing, b.colour) == ("place", a.thing, a.colour)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=8), st.integers(1, 200))
def test_a_deck_deals_by_weight(weights: list[int], count: int) -> None:
    values = tuple(str(k) for k in range(len(weights)))
    dealt = Counter(plan.deck(values, tuple(map(float, weights)), count))
    for value, weight in zip(values, weights, strict=True):
        assert abs(dealt[value] - count * weight / sum(weights)) < len(weights)


@pytest.mark.parametrize(
    ("axis", "value"), [(a, v) for a in ("skin", "glove", "verb", "outcome") for v in plan.AXES[a]]
)
@pytest.mark.slow
def test_an_axis_can_be_held(axis: str, value: str) -> None:
    for index in range(6):
        shot = plan.draw(5, index, 6, TakeOptions(fixed={"negative": "none", axis: value})).shots[0]
        assert shot.variation[axis] == value
        if axis in ("verb", "outcome"):
            assert getattr(shot.tasks[0], axis) == value
