"""The rules, and the log of what fired: pure, under any history."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.trigger.due import due_events, pending
from orchestration.trigger.options import TriggerOptions
from orchestration.trigger.rules import DAY_NS, HOUR_NS
from schemas import Release, Trigger
from schemas.keys import key_of
from tests.support.triggers import START_NS, release

OPTIONS = TriggerOptions()


def fired(events: list[Trigger]) -> list[tuple[str, str]]:
    return [(e.lane, e.rule) for e in events if e.event == "fired"]


def after_first(first: Release) -> list[Trigger]:
    return due_events([first], [], START_NS, OPTIONS, "test")


def judged(first: Release, second: Release, after_ns: int) -> list[Trigger]:
    return due_events([first, second], after_first(first), START_NS + after_ns, OPTIONS, "test")


def test_first_fires_once_a_lane_and_eval_trains_nothing() -> None:
    one = release(1, {"wm_web": 0.1, "wm_ego": 0.1, "idm_so101": 0.1, "eval": 0.1})
    events = after_first(one)
    assert fired(events) == [("idm_so101", "first"), ("world_model", "first")]
    assert len({e.key for e in events}) == 2
    assert due_events([one], events, START_NS + 99 * DAY_NS, OPTIONS, "again") == []


@pytest.mark.parametrize(
    ("base_h", "grown_h", "expected"),
    [(10, 4.99, False), (10, 5.0, True), (100, 6.99, False), (100, 7.0, True), (0, 5.0, True)],
)
def test_new_hours_is_the_larger_of_hours_and_share(base_h: float, grown_h: float, expected: bool) -> None:
    second = release(2, {"wm_ego": base_h + grown_h + 1e-9})
    events = judged(release(1, {"wm_ego": base_h}), second, 2 * DAY_NS)
    assert (fired(events) == [("world_model", "new_hours")]) is expected
    event = next(e for e in events if e.rule == "new_hours")
    assert f"{grown_h:+.3f} h" in event.reason
    assert f"limit {max(5, base_h * 0.07):.3f} h" in event.reason


@pytest.mark.parametrize(
    ("episodes", "scenes", "expected"), [(30, 3, True), (29, 3, False), (30, 2, False), (300, 30, True)]
)
def test_new_task_needs_episodes_and_scenes(episodes: int, scenes: int, expected: bool) -> None:
    one = release(1, {"wm_robot": 1.0}, {"pick": (99, 9)})
    two = release(2, {"wm_robot": 1.0}, {"pick": (200, 9), "pour": (episodes, scenes)})
    assert (fired(judged(one, two, 2 * DAY_NS)) == [("world_model", "new_task")]) is expected


def test_new_task_judges_an_idm_only_where_it_can_tell_whose_task_it_is() -> None:
    many = ("so101", "droid")
    one, two = (release(n, {"idm_so101": 1.0}, {"t": (50, 5)} if n == 2 else {}, many) for n in (1, 2))
    assert [e.rule for e in judged(one, two, 2 * DAY_NS)] == ["new_hours", "stale"]
    one, two = (release(n, {"idm_so101": 1.0}, {"t": (50, 5)} if n == 2 else {}) for n in (1, 2))
    assert fired(judged(one, two, 2 * DAY_NS)) == [("idm_so101", "new_task")]


def test_stale_fires_when_the_clock_alone_moves_on() -> None:
    one, two = release(1, {"wm_ego": 100.0}), release(2, {"wm_ego": 101.0})
    log = after_first(one)
    for days in (1, 5, 13.99):
        new = due_events([one, two], log, START_NS + int(days * DAY_NS), OPTIONS, "r")
        assert fired(new) == []
        log += new
    assert sum(e.rule == "stale" for e in log) == 1
    assert fired(due_events([one, two], log, START_NS + 14 * DAY_NS, OPTIONS, "r")) == [("world_model", "stale")]
    little = release(2, {"wm_ego": 100.9})
    assert fired(judged(one, little, 99 * DAY_NS)) == []


def test_cool_down_holds_a_met_rule_back_and_the_newest_release_gets_it() -> None:
    one, two, three = (release(n, {"wm_ego": 10.0 * n}) for n in (1, 2, 3))
    log = after_first(one)
    held_back = due_events([one, two], log, START_NS + HOUR_NS, OPTIONS, "r")
    assert fired(held_back) == []
    assert "met, but world_model cools down until 2026-11-1" in held_back[0].reason
    log += held_back
    log += due_events([one, two, three], log, START_NS + 2 * HOUR_NS, OPTIONS, "r")
    last = due_events([one, two, three], log, START_NS + 24 * HOUR_NS, OPTIONS, "r")
    assert [(e.rule, e.release) for e in last if e.event == "fired"] == [("new_hours", three.name)]


def test_of_two_rules_that_are_met_one_fires() -> None:
    one = release(1, {"wm_robot": 1.0})
    two = release(2, {"wm_robot": 9.0}, {"pour": (40, 4)})
    events = judged(one, two, 20 * DAY_NS)
    assert fired(events) == [("world_model", "new_hours")]
    assert {e.rule: e.reason.split("; ")[-1] for e in events if e.event == "skipped"} == {
        "new_task": "coalesced into new_hours", "stale": "coalesced into new_hours",
    }  # fmt: skip


RELEASES = st.fixed_dictionaries(
    {},
    optional={
        "wm_ego": st.floats(0, 40), "wm_robot": st.floats(0, 40),
        "idm_so101": st.floats(0, 40), "idm_arm2": st.floats(0, 40),
    },
)  # fmt: skip
MOVES = st.one_of(
    st.tuples(st.just("release"), RELEASES),
    st.tuples(st.just("look"), st.sampled_from(["delivers", "dies after firing", "dies after telling", "refused"])),
    st.tuples(st.just("clock"), st.sampled_from([1, HOUR_NS, 23 * HOUR_NS, DAY_NS, 15 * DAY_NS])),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(MOVES, max_size=40))
@pytest.mark.slow
def test_any_history_fires_each_key_once_and_leaves_nothing_undelivered(moves: list[tuple[str, Any]]) -> None:
    releases: list[Release] = []
    log: list[Trigger] = []
    delivered: list[str] = []
    now_ns = START_NS

    def turn(fate: str) -> None:
        log.extend(due_events(releases, log, now_ns, OPTIONS, "r"))
        assert due_events(releases, log, now_ns, OPTIONS, "again") == []
        if fate in ("dies after firing", "refused"):
            return
        for t in pending(log):
            delivered.append(t.key)
            if fate == "delivers":
                row = {"trigger_id": key_of(t.key, "delivered"), "event": "delivered", "at_ns": now_ns}
                log.append(dataclasses.replace(t, **row))

    for move, value in moves:
        if move == "release":
            releases.append(release(len(releases), value, at_ns=now_ns))
        elif move == "clock":
            now_ns += value
        else:
            turn(value)
    turn("delivers")
    assert len({t.trigger_id for t in log}) == len(log)
    shots = [t for t in log if t.event == "fired"]
    assert {t.key for t in shots} <= set(delivered)
    assert pending(log) == []
    for lane in {t.lane for t in shots}:
        times = sorted(t.at_ns for t in shots if t.lane == lane)
        assert all(b - a >= DAY_NS for a, b in itertools.pairwise(times))
        assert sum(t.rule == "first" for t in shots if t.lane == lane) == 1
