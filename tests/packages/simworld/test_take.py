"""Takes: hands go into nothing, hold what they hold, and things end where the plan says."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from simworld.tasks import measure, plan, take
from simworld.tasks.layout import prop_name
from simworld.tasks.plan import TakeOptions, TaskPlan
from simworld.tasks.take import PlayedShot

CASES = [(verb, "success") for verb in plan.VERBS] + [(v, c) for c, verbs in plan.CAUSES.items() for v in verbs]
FEW = {("pour", "spill"), ("stack", "success")}  # of the fast lane
EACH = [pytest.param(*case, marks=() if case in FEW else pytest.mark.slow) for case in CASES]
DEEPEST_M = 0.001
HZ = 6.0


@functools.cache
def of(verb: str, outcome: str) -> PlayedShot:
    index = CASES.index((verb, outcome))
    fixed = {"verb": verb, "outcome": outcome, "clutter": "few", "handed": ("right", "left")[index % 3 == 2]}
    return take.play(plan.draw(11, index, len(CASES), TakeOptions(task_s=3.2, fixed=fixed)).shots[0])


def times(one: PlayedShot) -> list[float]:
    return [float(t) for t in np.arange(0.0, one.duration_s, 1 / HZ)]


def task_of(one: PlayedShot) -> TaskPlan:
    return one.shot.tasks[0]


@functools.cache
def gaps(verb: str, outcome: str) -> list[dict[str, dict[str, float]]]:
    """At every time, by hand and thing, the distance."""
    one = of(verb, outcome)
    states = [one.at(t) for t in times(one)]
    return [{name: measure.gaps_m(one, state, name) for name in one.script.hands} for state in states]


@pytest.mark.slow
@pytest.mark.parametrize(("verb", "outcome"), CASES)
def test_no_hand_is_deeper_than_a_millimetre_in_anything(verb: str, outcome: str) -> None:
    for t, hands in zip(times(of(verb, outcome)), gaps(verb, outcome), strict=True):
        for name, things in hands.items():
            for thing, gap in things.items():
                assert gap > -DEEPEST_M, (round(t, 2), name, thing, round(gap * 1000, 2))


@pytest.mark.parametrize(("verb", "outcome"), EACH)
@pytest.mark.slow
def test_hands_touch_what_they_hold_and_nothing_while_they_rest(verb: str, outcome: str) -> None:
    one = of(verb, outcome)
    task = task_of(one)
    for t, hands in zip(times(one), gaps(verb, outcome), strict=True):
        for name, things in hands.items():
            stretch = one.script.hands[name].now(t)
            if stretch is not None and stretch.leads is not None:
                assert things[stretch.leads.name] <= measure.TOUCH_M, (round(t, 2), name)
        acting = hands[one.script.acting]
        if t < task.start_s or (t > task.end_s and verb != "pick"):
            assert min(acting.values(), default=1.0) > measure.TOUCH_M, round(t, 2)


@pytest.mark.slow
@pytest.mark.parametrize("verb", plan.CAUSES["miss"])
def test_a_miss_touches_nothing(verb: str) -> None:
    for hands in gaps(verb, "miss"):
        assert min(hands[of(verb, "miss").script.acting].values(), default=1.0) > measure.TOUCH_M


@pytest.mark.slow
@pytest.mark.parametrize(("verb", "cause"), [(v, c) for c in ("slip", "drop") for v in plan.CAUSES[c]])
def test_what_slips_or_drops_is_lost_for_good(verb: str, cause: str) -> None:
    one = of(verb, cause)
    task, failed_s = task_of(one), one.failed_s[0]
    name = prop_name(task.thing, task.colour)
    assert failed_s is not None
    after = [h[one.script.acting] for t, h in zip(times(one), gaps(verb, cause), strict=True) if t > failed_s + 0.4]
    assert after
    assert all(things.get(name, 1.0) > measure.TOUCH_M for things in after)
    end = one.script.props[name].at(one.duration_s)
    points = end.to_world(np.concatenate([m.vertices for m in one.script.props[name].thing.meshes]))
    assert points[:, 2].min() > -1e-6
    assert points[:, 2].min() < 0.05


@pytest.mark.parametrize("verb", plan.CAUSES["stuck"])
@pytest.mark.slow
def test_what_is_stuck_stays(verb: str) -> None:
    one = of(verb, "stuck")
    for prop in one.script.props.values():
        way = prop.at(one.duration_s).position - prop.home.position
        assert np.linalg.norm(way) < 1e-6


@pytest.mark.parametrize("verb", ["place", "stack"])
@pytest.mark.slow
def test_a_placed_thing_rests_on_its_target(verb: str) -> None:
    one = of(verb, "success")
    task = task_of(one)
    thing, target = (
        one.script.props[n]
        for n in (prop_name(task.thing, task.colour), prop_name(task.target or "", task.target_colour or ""))
    )
    end, there = thing.at(one.duration_s), target.at(one.duration_s)
    points = end.to_world(np.concatenate([m.vertices for m in thing.thing.meshes]))
    gap = float(target.thing.distance_from(points, there).min())
    assert -2e-4 < gap < 1e-3
    assert np.linalg.norm((end.position - there.position)[:2]) < 0.03


@pytest.mark.slow
def test_a_thing_that_is_picked_is_up_at_the_end() -> None:
    one = of("pick", "success")
    prop = one.script.props[prop_name(task_of(one).thing, task_of(one).colour)]
    assert prop.at(one.duration_s).position[2] > prop.home.position[2] + 0.05


@pytest.mark.parametrize("verb", ["push", "open", "close", "take"])
@pytest.mark.slow
def test_what_is_done_moves_something(verb: str) -> None:
    one = of(verb, "success")
    ways = [np.linalg.norm(p.at(one.duration_s).position - p.home.position) for p in one.script.props.values()]
    assert max(ways) > 0.03
    assert sum(way > 1e-6 for way in ways) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("verb", "outcome"), CASES)
def test_things_stay_over_the_table_and_out_of_each_other(verb: str, outcome: str) -> None:
    one = of(verb, outcome)
    clouds = {n: np.concatenate([m.vertices for m in p.thing.meshes])[::5] for n, p in one.script.props.items()}
    for t in times(one)[::2]:
        state = one.at(t)
        for name, prop in one.script.props.items():
            points = state.things[name].to_world(clouds[name])
            assert points[:, 2].min() > -1e-4, (name, round(t, 2))
            for other, second in one.script.props.items():
                if other != name and {prop.thing.name, second.thing.name} != {"jar", "lid"}:
                    gap = second.nearest(points, state.things[other], 0.005)[0]
                    assert gap > -0.002, (name, other, round(t, 2), gap)


@pytest.mark.slow
def test_the_hand_at_work_is_in_the_picture_most_of_the_time() -> None:
    shares = []
    for verb in ("place", "pour", "wipe", "stack", "push"):
        one = of(verb, "success")
        for t in times(one):
            state = one.at(t)
            at = state.camera.project(state.shapes[one.script.acting].keypoints)
            shares.append(float(((at > 0) & (at < 1)).all(axis=1).mean()))
    assert np.mean(np.array(shares) > 0.8) > 0.75


@pytest.mark.slow
def test_ways_have_no_jumps() -> None:
    for case in (("place", "success"), ("pour", "success"), ("pick", "miss")):
        one = of(*case)
        ways = [one.script.hand.at(t).wrist.position for t in np.arange(0, one.duration_s, 0.01)]
        assert np.linalg.norm(np.diff(ways, axis=0), axis=1).max() < 0.03  # 3 m/s
