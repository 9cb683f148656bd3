"""Turns at a host: connections at once, starts a second, and rest when it asks for it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from infra.web import host_limits
from infra.web.download import ask, new_run
from infra.web.host_limits import Later, hold_back, turn
from schemas.errors import TransientError
from tests.support.web_server import Asked, serving


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

    with serving(answer) as site, ThreadPoolExecutor(8) as threads:
        limits = site.limits(host_connections=3)
        list(threads.map(lambda i: ask(site.url(f"/{i}"), limits), range(16)))
    assert 1 < most <= 3


def test_requests_start_no_faster_than_the_rate() -> None:
    with serving(lambda a: a.answer(200, b"x")) as site, ThreadPoolExecutor(8) as threads:
        limits = site.limits(host_requests_per_s=20.0, robots=False)
        begun = time.monotonic()
        list(threads.map(lambda i: ask(site.url(f"/{i}"), limits), range(9)))
    assert time.monotonic() - begun >= 8 / 20


def test_one_host_does_not_hold_up_another() -> None:
    hold_back("slow.example:80", 30)
    begun = time.monotonic()
    with turn("quick.example:80", 1, 0.0, 60.0):
        assert time.monotonic() - begun < 5


def test_too_long_a_rest_is_for_another_run() -> None:
    hold_back("resting.example:80", 500)
    with pytest.raises(Later, match=r"resting\.example:80 asks for 500 s"), turn("resting.example:80", 4, 0.0, 60.0):
        pytest.fail("it was asked")


def test_a_turn_that_fails_gives_its_connection_back() -> None:
    for _ in range(3):
        with pytest.raises(ValueError, match="no"), turn("failing.example:80", 1, 0.0, 60.0):
            raise ValueError("no")


def test_hosts_that_rest_no_longer_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_limits, "REMEMBERED", 20)
    hold_back("held.example:80", 60)
    for i in range(100):
        with turn(f"host{i}.example:80", 1, 0.0, 60.0):
            pass
    assert len(host_limits._next_s) <= 21 + 1
    assert "held.example:80" in host_limits._next_s


def test_a_host_that_gives_nothing_is_left_alone_until_the_next_run() -> None:
    with serving(lambda a: a.answer(503)) as site:
        for i in range(host_limits.FAILURES + 5):
            with pytest.raises(TransientError):
                ask(site.url(f"/{i}"), site.limits(attempts=2, robots=False))
        assert len(site.asked) == 2 * host_limits.FAILURES
        new_run()
        with pytest.raises(TransientError):
            ask(site.url("/again"), site.limits(attempts=2, robots=False))
        assert site.asked[-1] == "/again"


def test_a_host_that_answers_now_and_then_is_not_given_up() -> None:
    with serving(lambda a: a.answer(200 if a.path.endswith("0") else 503)) as site:
        for i in range(3 * host_limits.FAILURES):
            path = f"/{i}0" if i % (host_limits.FAILURES - 1) == 0 else f"/{i}1"
            try:
                ask(site.url(path), site.limits(attempts=1))
            except TransientError:
                continue
    assert len(site.asked) == 3 * host_limits.FAILURES


def test_the_host_that_failed_is_left_alone_and_not_the_one_that_named_it() -> None:
    with (
        serving(lambda a: a.answer(503)) as broken,
        serving(lambda a: a.answer(302, Location=broken.url("/v"))) as site,
    ):
        both = (f"127.0.0.1:{broken.port}", f"127.0.0.1:{site.port}")
        limits = site.limits(attempts=1, robots=False, allow_private=both)
        for i in range(host_limits.FAILURES + 2):
            with pytest.raises(TransientError):
                ask(site.url(f"/{i}"), limits)
        assert len(broken.asked) == host_limits.FAILURES
        assert len(site.asked) == host_limits.FAILURES + 2


def test_who_waits_for_a_host_that_is_left_alone_meanwhile_waits_no_longer() -> None:
    ends: list[str] = []

    def ask_it() -> None:
        try:
            with turn("given-up.example:80", 1, 0.0, 60.0):
                ends.append("asked")
        except TransientError:
            ends.append("left")

    with turn("given-up.example:80", 1, 0.0, 60.0):
        waiting = threading.Thread(target=ask_it)
        waiting.start()
        for _ in range(host_limits.FAILURES):
            host_limits.gave_up("given-up.example:80")
    waiting.join(5)
    host_limits.forget_failures()
    assert ends == ["left"]
