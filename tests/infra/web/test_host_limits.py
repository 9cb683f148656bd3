"""Turns at a host: connections at once, starts a second, and rest when it asks for it."""

from __future__ import annotations

import copy
import subprocess
import sys
import threading
import time

import pytest

from infra.web import Client, Memory, RetryNextRun
from infra.web.host_limits import HostLimits
from schemas.errors import TransientError
from tests.support.threads import run_together
from tests.support.web_server import Asked, serving

MAX_FAILURES = HostLimits().max_failures


def test_no_more_connections_at_once_than_allowed() -> None:
    now, most, lock = 0, 0, threading.Lock()

    def answer(asked: Asked) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.05)
        with lock:
            now -= 1
        asked.answer(200, b"x")

    with serving(answer) as site:
        client = site.client(host_connections=3, robots=False)
        run_together(lambda i: client.look_up(site.url(f"/{i}")), 16)
    assert most == 3


def test_requests_start_no_faster_than_the_rate() -> None:
    with serving(lambda a: a.answer(200, b"x")) as site:
        client = site.client(host_requests_per_s=20.0, robots=False)
        begun = time.monotonic()
        run_together(lambda i: client.look_up(site.url(f"/{i}")), 9)
    assert time.monotonic() - begun >= 8 / 20


def test_one_host_does_not_hold_up_another() -> None:
    hosts = HostLimits()
    hosts.hold_back("slow.example:80", 30)
    begun = time.monotonic()
    with hosts.host_slot("quick.example:80", 1, 0.0, 60.0):
        assert time.monotonic() - begun < 5


def test_too_long_a_rest_is_for_another_run() -> None:
    hosts = HostLimits()
    hosts.hold_back("resting.example:80", 500)
    slot = hosts.host_slot("resting.example:80", 4, 0.0, 60.0)
    with pytest.raises(RetryNextRun, match=r"resting\.example:80 asks for 500 s"), slot:
        pytest.fail("it was asked")


def test_a_turn_that_fails_gives_its_connection_back() -> None:
    hosts = HostLimits()
    for _ in range(3):
        with pytest.raises(ValueError, match="no"), hosts.host_slot("failing.example:80", 1, 0.0, 60.0):
            raise ValueError("no")


def test_hosts_that_rest_no_longer_are_forgotten() -> None:
    hosts = HostLimits(max_hosts=20)
    hosts.hold_back("resting.example:80", 60)
    for i in range(100):
        with hosts.host_slot(f"host{i}.example:80", 1, 0.0, 60.0):
            pass
    assert len(hosts) <= 21 + 1
    with pytest.raises(RetryNextRun), hosts.host_slot("resting.example:80", 1, 0.0, 0.0):
        pytest.fail("it was asked")


def test_a_host_that_gives_nothing_is_left_alone_until_the_next_run() -> None:
    with serving(lambda a: a.answer(503)) as site:
        for i in range(MAX_FAILURES + 5):
            with pytest.raises(TransientError):
                site.client(attempts=2, robots=False).look_up(site.url(f"/{i}"))
        assert len(site.asked) == 2 * MAX_FAILURES
        site.client().new_run()
        with pytest.raises(TransientError):
            site.client(attempts=2, robots=False).look_up(site.url("/again"))
        assert site.asked[-1] == "/again"


def test_a_host_that_answers_now_and_then_is_not_given_up() -> None:
    with serving(lambda a: a.answer(200 if a.path.endswith("0") else 503)) as site:
        for i in range(3 * MAX_FAILURES):
            path = f"/{i}0" if i % (MAX_FAILURES - 1) == 0 else f"/{i}1"
            try:
                site.client(attempts=1).look_up(site.url(path))
            except TransientError:
                continue
    assert len(site.asked) == 3 * MAX_FAILURES


def test_the_host_that_failed_is_left_alone_and_not_the_one_that_named_it() -> None:
    with (
        serving(lambda a: a.answer(503)) as broken,
        serving(lambda a: a.answer(302, Location=broken.url("/v"))) as site,
    ):
        both = (f"127.0.0.1:{broken.port}", f"127.0.0.1:{site.port}")
        client = site.client(attempts=1, robots=False, allow_private=both)
        for i in range(MAX_FAILURES + 2):
            with pytest.raises(TransientError):
                client.look_up(site.url(f"/{i}"))
        assert len(broken.asked) == MAX_FAILURES
        assert len(site.asked) == MAX_FAILURES + 2


def test_who_waits_for_a_host_that_is_left_alone_meanwhile_waits_no_longer() -> None:
    hosts, ends = HostLimits(), list[str]()

    def ask_it() -> None:
        try:
            with hosts.host_slot("given-up.example:80", 1, 0.0, 60.0):
                ends.append("asked")
        except TransientError:
            ends.append("left")

    with hosts.host_slot("given-up.example:80", 1, 0.0, 60.0):
        waiting = threading.Thread(target=ask_it)
        waiting.start()
        for _ in range(MAX_FAILURES):
            hosts.count_failure("given-up.example:80")
    waiting.join(5)
    assert ends == ["left"]


def test_clients_of_a_process_share_what_it_remembers_and_so_do_their_copies() -> None:
    one, other = Client(), Client()
    assert one.memory is other.memory is copy.copy(one.memory)
    assert Client(memory=Memory()).memory is not one.memory


def test_the_face_loads_no_client_of_http() -> None:
    code = "import sys, infra.web; print([m for m in ('httpx', 'httpcore', 'tenacity') if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
