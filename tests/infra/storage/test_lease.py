"""One writer at a time: a live lease is refused, a dead one's freed, of two takers one wins."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from infra.storage import lease, objects
from schemas.errors import LeaseHeld

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(params=["files", "s3"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    base = str(tmp_path) if request.param == "files" else f"{request.getfixturevalue('bucket')}/{tmp_path.name}"
    return objects.join(base, "leases", "ingest.json")


def owner(**changed: Any) -> bytes:
    told: dict[str, Any] = {"run_id": "other", "host": "elsewhere", "pid": 1, "born": "1"}
    return json.dumps(told | {"expires_s": time.time() + 60} | changed).encode()


def _hold_forever(uri: str, held: Any) -> None:
    with lease.hold(uri, "victim"):
        held.set()
        time.sleep(600)


def _take_once(uri: str, together: Any, winners: Any) -> None:
    together.wait(60)
    try:
        with lease.hold(uri, str(os.getpid())):
            winners.put(True)
            together.wait(60)  # until everybody has tried
    except LeaseHeld:
        winners.put(False)
        together.wait(60)


@pytest.mark.slow
def test_a_held_lease_is_refused_and_goes_with_its_holder(uri: str) -> None:
    with lease.hold(uri, "a") as held:
        held.check()
        with pytest.raises(LeaseHeld, match="held by run a on"), lease.hold(uri, "b"):
            raise AssertionError("two hold it")
    assert not objects.exists(uri)
    with lease.hold(uri, "b"):
        pass


def test_an_expired_one_is_taken_over(uri: str) -> None:
    objects.put(uri, owner(expires_s=time.time() - 1))
    with lease.hold(uri, "a"):
        assert json.loads(objects.read_bytes(uri))["run_id"] == "a"
    objects.put(uri, owner())
    with pytest.raises(LeaseHeld, match="run other on elsewhere"), lease.hold(uri, "a"):
        raise AssertionError("a live lease was taken")


@pytest.mark.slow
def test_a_dead_process_of_this_machine_frees_it_at_once(tmp_path: Path) -> None:
    uri = str(tmp_path / "leases" / "ingest.json")
    held = SPAWN.Event()
    victim = SPAWN.Process(target=_hold_forever, args=(uri, held))
    victim.start()
    assert held.wait(60)
    with pytest.raises(LeaseHeld, match="run victim"), lease.hold(uri, "next"):
        raise AssertionError("a live lease was taken")
    assert victim.pid is not None
    os.kill(victim.pid, signal.SIGKILL)
    victim.join(20)
    assert objects.exists(uri)
    begun = time.monotonic()
    with lease.hold(uri, "next"):
        assert time.monotonic() - begun < 5


def test_a_pid_that_somebody_else_has_now_is_a_dead_owner(tmp_path: Path) -> None:
    uri = str(tmp_path / "ingest.json")
    objects.put(uri, owner(host=socket.gethostname(), pid=os.getpid(), born="1"))
    with lease.hold(uri, "a"):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("before", [None, "expired"])
def test_of_takers_that_race_one_wins(uri: str, before: str | None) -> None:
    if before:
        objects.put(uri, owner(expires_s=0.0))
    together, winners = SPAWN.Barrier(3), SPAWN.Queue()
    takers = [SPAWN.Process(target=_take_once, args=(uri, together, winners)) for _ in range(3)]
    for taker in takers:
        taker.start()
    assert sorted(winners.get(timeout=60) for _ in takers) == [False, False, True]
    for taker in takers:
        taker.join(60)
    assert not objects.exists(uri)


@pytest.mark.slow
def test_waiting_gets_it_when_the_holder_is_done(tmp_path: Path) -> None:
    uri, order = str(tmp_path / "ingest.json"), []
    with lease.hold(uri, "a"):
        waiting = threading.Thread(target=lambda: _wait(uri, order))
        waiting.start()
        time.sleep(0.7)
        order.append("a leaves")
    waiting.join(20)
    assert order == ["a leaves", "b holds"]


def _wait(uri: str, order: list[str]) -> None:
    with lease.hold(uri, "b", wait_s=15):
        order.append("b holds")


def test_a_holder_that_slept_past_its_lease_leaves_its_successors_alone(uri: str) -> None:
    with lease.hold(uri, "sleeper"):
        etag = objects.read(uri)[1]
        objects.put(uri, owner(run_id="successor"), if_match=etag)
    assert json.loads(objects.read_bytes(uri))["run_id"] == "successor"


def test_a_lost_lease_stops_the_next_commit(tmp_path: Path) -> None:
    uri = str(tmp_path / "ingest.json")
    with lease.hold(uri, "a", ttl_s=0.3) as held:
        objects.put(uri, owner(run_id="thief"))
        time.sleep(0.6)
        with pytest.raises(LeaseHeld, match="was lost"):
            held.check()
    assert json.loads(objects.read_bytes(uri))["run_id"] == "thief"
