"""The trigger: rules, the log of what fired, the outbox, the sinks."""

from __future__ import annotations

import dataclasses
import http.server
import itertools
import json
import multiprocessing
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.storage.tables import Store
from orchestration.trigger import sinks
from orchestration.trigger.due import look, pending
from orchestration.trigger.hop import trigger
from orchestration.trigger.rules import DAY_NS, HOUR_NS, TriggerOptions
from pipelines.hop import Run
from schemas import Release, Trigger
from schemas.arrow import rows_of
from schemas.errors import UsageError
from schemas.keys import key_of

START_NS = 1_795_000_000_000_000_000
OPTIONS = TriggerOptions()


def release(
    n: int,
    hours: dict[str, float],
    tasks: dict[str, tuple[int, int]] | None = None,
    embodiments: tuple[str, ...] = ("so101",),
    at_ns: int = START_NS,
) -> Release:
    counts = {
        "views": {view: {"clips": 1 + int(h * 100), "hours": h} for view, h in hours.items()},
        "tasks": {t: {"episodes": e, "scenes": s} for t, (e, s) in (tasks or {}).items()},
        "embodiments": {e: {"episodes": 1, "hours": 0.1} for e in embodiments},
        "hours_by_stage": {},
        "outcomes": {},
    }
    return Release(
        release_id=key_of("release", n), name=f"2026-11-21.{n}", parent=None, selection=str(n),
        counts_json=json.dumps(counts), created_ns=at_ns + n, run_id="test",
    )  # fmt: skip


def fired(events: list[Trigger]) -> list[tuple[str, str]]:
    return [(e.lane, e.rule) for e in events if e.event == "fired"]


def after_first(first: Release) -> list[Trigger]:
    return look([first], [], START_NS, OPTIONS, "test")


def judged(first: Release, second: Release, after_ns: int) -> list[Trigger]:
    return look([first, second], after_first(first), START_NS + after_ns, OPTIONS, "test")


def test_first_fires_once_a_lane_and_eval_trains_nothing() -> None:
    one = release(1, {"wm_web": 0.1, "wm_ego": 0.1, "idm_so101": 0.1, "eval": 0.1})
    events = after_first(one)
    assert fired(events) == [("idm_so101", "first"), ("world_model", "first")]
    assert len({e.key for e in events}) == 2
    assert look([one], events, START_NS + 99 * DAY_NS, OPTIONS, "again") == []


@pytest.mark.parametrize(
    ("base_h", "grown_h", "expected"),
    [(10, 4.99, False), (10, 5.0, True), (100, 6.99, False), (100, 7.0, True), (0, 5.0, True)],
)
def test_new_hours_is_the_larger_of_hours_and_fraction(base_h: float, grown_h: float, expected: bool) -> None:
    second = release(2, {"wm_ego": base_h + grown_h + 1e-9})
    events = judged(release(1, {"wm_ego": base_h}), second, 2 * DAY_NS)
    assert (fired(events) == [("world_model", "new_hours")]) is expected
    said = next(e for e in events if e.rule == "new_hours")
    assert f"{grown_h:+.3f} h" in said.reason
    assert f"limit {max(5, base_h * 0.07):.3f} h" in said.reason


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
        new = look([one, two], log, START_NS + int(days * DAY_NS), OPTIONS, "r")
        assert fired(new) == []
        log += new
    assert sum(e.rule == "stale" for e in log) == 1
    assert fired(look([one, two], log, START_NS + 14 * DAY_NS, OPTIONS, "r")) == [("world_model", "stale")]
    little = release(2, {"wm_ego": 100.9})
    assert fired(judged(one, little, 99 * DAY_NS)) == []


def test_cool_down_holds_a_met_rule_back_and_the_newest_release_gets_it() -> None:
    one, two, three = (release(n, {"wm_ego": 10.0 * n}) for n in (1, 2, 3))
    log = after_first(one)
    held = look([one, two], log, START_NS + HOUR_NS, OPTIONS, "r")
    assert fired(held) == []
    assert "met, but world_model cools down until 2026-11-1" in held[0].reason
    log += held
    log += look([one, two, three], log, START_NS + 2 * HOUR_NS, OPTIONS, "r")
    last = look([one, two, three], log, START_NS + 24 * HOUR_NS, OPTIONS, "r")
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
def test_any_history_fires_each_key_once_and_leaves_nothing_undelivered(moves: list[tuple[str, Any]]) -> None:
    releases: list[Release] = []
    log: list[Trigger] = []
    told: list[str] = []
    now_ns = START_NS

    def turn(fate: str) -> None:
        log.extend(look(releases, log, now_ns, OPTIONS, "r"))
        assert look(releases, log, now_ns, OPTIONS, "again") == []
        if fate in ("dies after firing", "refused"):
            return
        for t in pending(log):
            told.append(t.key)
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
    assert {t.key for t in shots} <= set(told)
    assert pending(log) == []
    for lane in {t.lane for t in shots}:
        times = sorted(t.at_ns for t in shots if t.lane == lane)
        assert all(b - a >= DAY_NS for a, b in itertools.pairwise(times))
        assert sum(t.rule == "first" for t in shots if t.lane == lane) == 1


# --- the hop on real tables ---


def run_on(root: Path, now_ns: int = START_NS + 1000, wait_s: float = 0.0, run_id: str = "run") -> Run:
    return Run(Store(str(root)), run_id, now_ns=lambda: now_ns, lease_wait_s=wait_s)


def published(root: Path, *rows: Release) -> Store:
    store = Store(str(root))
    store.insert("releases", rows, run_id="test")
    return store


def recorder(folder: Path, body: str = "") -> tuple[str, ...]:
    """A command that appends its arguments and its key to a file, then does `body`."""
    script = folder / "a trainer.py"
    script.write_text(
        "import json, os, sys\n"
        "with open(sys.argv[1], 'a') as f:\n"
        "    print(json.dumps([*sys.argv[2:], os.environ['HANDWHEEL_TRIGGER_KEY']]), file=f)\n"
        "print('training')\n" + body
    )
    return (sys.executable, str(script), str(folder / "told.jsonl"), "{pin}", "{lane} {rule}", "{nothing}")


def told(folder: Path) -> list[list[str]]:
    path = folder / "told.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def events(store: Store) -> list[Trigger]:
    return rows_of(Trigger, store.read("triggers"))


def test_command_gets_the_pin_once_and_a_second_look_adds_nothing(tmp_path: Path) -> None:
    root = tmp_path / "a corpus"
    store = published(root, release(1, {"wm_ego": 1.0}))
    options = TriggerOptions(command=recorder(tmp_path))
    done = trigger(run_on(root), options)
    pin = f"{root}/pins/2026-11-21.1.pin"
    (shot,) = done.triggers
    assert shot == {"rule": "first", "key": shot["key"], "release": "2026-11-21.1"}
    assert told(tmp_path) == [[pin, "world_model first", "{nothing}", shot["key"]]]
    assert (root / "logs" / "triggers" / f"{shot['key']}.log").read_text() == "training\n"
    assert done.added == {"triggers": 2}
    version = store.version("triggers")
    again = trigger(run_on(root, START_NS + DAY_NS), options)
    assert (again.added, again.triggers, again.undelivered) == ({}, [], [])
    assert store.version("triggers") == version
    assert len(told(tmp_path)) == 1


def test_a_shell_quoted_command_is_split_once_and_filled_in_afterwards() -> None:
    order = sinks.Order("k", "first", "world_model", "r {key}", "/a b/$(id).pin", "/a b", "why", 0)
    assert sinks.arguments("python 'my train.py' --pin={pin} {release}", order) == [
        "python", "my train.py", "--pin=/a b/$(id).pin", "r {key}",
    ]  # fmt: skip
    with pytest.raises(UsageError, match=r"trigger\.command"):
        sinks.arguments("python 'open", order)


def test_a_failing_command_stays_in_the_outbox_and_newer_ones_take_its_place(tmp_path: Path) -> None:
    root = tmp_path / "root"
    store = published(root, release(1, {"wm_ego": 1.0}))
    failing = TriggerOptions(command=recorder(tmp_path, "sys.exit(3)"))
    done = trigger(run_on(root), failing)
    assert "exited 3" in done.line()
    assert "run `handwheel trigger`" in done.line()
    assert done.undelivered == [done.triggers[0]["key"]]
    assert trigger(run_on(root), failing).triggers == []
    assert len(told(tmp_path)) == 2
    published(root, release(2, {"wm_ego": 9.0}))
    working = TriggerOptions(command=recorder(tmp_path))
    done = trigger(run_on(root, START_NS + 2 * DAY_NS), working)
    assert told(tmp_path)[2:] == [
        [f"{root}/pins/2026-11-21.2.pin", "world_model new_hours", "{nothing}", told(tmp_path)[-1][-1]]
    ]
    assert pending(events(store)) == []
    assert [e.release for e in events(store) if e.event == "delivered"] == ["2026-11-21.2"]


@pytest.mark.parametrize(
    ("command", "said"),
    [(("no-such-trainer",), "no-such-trainer: No such file"), (("sleep", "60"), "ran past")],
)
def test_what_can_be_wrong_with_a_command_is_said(tmp_path: Path, command: tuple[str, ...], said: str) -> None:
    published(tmp_path, release(1, {"wm_ego": 1.0}))
    done = trigger(run_on(tmp_path), TriggerOptions(command=command, command_timeout_s=0.3))
    assert said in done.notes[0]
    assert done.undelivered


def test_without_a_sink_it_is_recorded_and_waits(tmp_path: Path) -> None:
    store = published(tmp_path, release(1, {"wm_ego": 1.0}))
    done = trigger(run_on(tmp_path), TriggerOptions())
    assert [t["rule"] for t in done.triggers] == ["first"]
    assert "delivered to nobody" in done.line()
    assert trigger(run_on(tmp_path), TriggerOptions()).added == {}
    assert [e.event for e in events(store)] == ["fired"]
    trigger(run_on(tmp_path), TriggerOptions(command=recorder(tmp_path)))
    assert len(told(tmp_path)) == 1


def test_nothing_published_is_nothing_to_do(tmp_path: Path) -> None:
    assert trigger(run_on(tmp_path), TriggerOptions()).line() == "nothing new"


def test_a_crash_between_telling_and_recording_tells_again_with_the_same_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    store = published(root, release(1, {"wm_ego": 1.0}))
    options = TriggerOptions(command=recorder(tmp_path))
    insert = Store.insert

    def dying(self: Store, table: str, rows: Any, *, run_id: str) -> int:
        rows = list(rows)
        if any(r.event == "delivered" for r in rows):
            raise KeyboardInterrupt
        return insert(self, table, rows, run_id=run_id)

    with monkeypatch.context() as patched:
        patched.setattr(Store, "insert", dying)
        with pytest.raises(KeyboardInterrupt):
            trigger(run_on(root), options)
    trigger(run_on(root), options)
    trigger(run_on(root), options)
    assert len(told(tmp_path)) == 2
    assert len({line[-1] for line in told(tmp_path)}) == 1
    assert sorted(e.event for e in events(store)) == ["delivered", "fired"]


def _contend(folder: str, n: int, barrier: Any) -> None:
    barrier.wait()
    options = TriggerOptions(command=recorder_args(folder))
    trigger(run_on(Path(folder) / "root", wait_s=60, run_id=f"run{n}"), options)


def recorder_args(folder: str) -> tuple[str, ...]:
    return (sys.executable, f"{folder}/a trainer.py", f"{folder}/told.jsonl", "{pin}")


def test_processes_that_look_at_once_fire_once(tmp_path: Path) -> None:
    recorder(tmp_path)
    store = published(tmp_path / "root", release(1, {"wm_ego": 1.0, "idm_so101": 1.0}))
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    workers = [context.Process(target=_contend, args=(str(tmp_path), n, barrier)) for n in range(3)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert [w.exitcode for w in workers] == [0, 0, 0]
    assert sorted(e.event for e in events(store)) == ["delivered", "delivered", "fired", "fired"]
    assert len(told(tmp_path)) == 2


# --- the webhook ---


class Receiver(http.server.ThreadingHTTPServer):
    """Answers with the statuses it is given, then 204; keeps what it was sent."""

    def __init__(self, statuses: list[int]) -> None:
        super().__init__(("127.0.0.1", 0), Hook)
        self.statuses = statuses
        self.got: list[tuple[dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class Hook(http.server.BaseHTTPRequestHandler):
    """Records a POST and answers."""

    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), body))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver([])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_webhook_is_signed_and_retried(tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib
    import hmac

    monkeypatch.setenv("HOOK_SECRET", "s3cret")
    receiver.statuses = [503]
    store = published(tmp_path, release(1, {"wm_ego": 1.0}))
    done = trigger(run_on(tmp_path), TriggerOptions(webhook_url=receiver.url, webhook_secret_env="HOOK_SECRET"))
    assert done.undelivered == []
    assert len(receiver.got) == 2
    headers, body = receiver.got[-1]
    signed = headers["X-Handwheel-Timestamp"].encode() + b"." + body
    good = hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
    assert headers["X-Handwheel-Signature"] == f"v1={good}"
    said = json.loads(body)
    assert headers["X-Handwheel-Key"] == said["key"] == done.triggers[0]["key"]
    assert (said["rule"], said["release"], said["lane"]) == ("first", "2026-11-21.1", "world_model")
    assert said["pin"].endswith("/pins/2026-11-21.1.pin")
    assert "s3cret" not in store.read("triggers").to_pandas().to_csv()


def test_webhook_that_says_no_is_not_asked_again_in_this_run(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", "s3cret")
    receiver.statuses = [403]
    published(tmp_path, release(1, {"wm_ego": 1.0}))
    options = TriggerOptions(webhook_url=receiver.url, webhook_secret_env="HOOK_SECRET")
    assert "403" in trigger(run_on(tmp_path), options).notes[0]
    assert len(receiver.got) == 1
    assert trigger(run_on(tmp_path), options).undelivered == []


def test_webhook_without_a_secret_sends_nothing(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOOK_SECRET", raising=False)
    published(tmp_path, release(1, {"wm_ego": 1.0}))
    done = trigger(run_on(tmp_path), TriggerOptions(webhook_url=receiver.url, webhook_secret_env="HOOK_SECRET"))
    assert "set HOOK_SECRET" in done.notes[0]
    assert receiver.got == []
