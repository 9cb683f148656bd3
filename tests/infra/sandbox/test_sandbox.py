"""The sandbox: however a child ends, the parent says which way it was, and no child outlives its parent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infra.sandbox import sandbox
from infra.sandbox.sandbox import Limits
from pipelines.media import decode_child, encode_child
from schemas.errors import BadMedia
from tests.support import children
from tests.support.threads import run_together

CHILD = children.__name__


def _ends(argv: list[str], limits: Limits = Limits()) -> BadMedia:
    with pytest.raises(BadMedia) as caught:
        sandbox.run(CHILD, argv, limits)
    return caught.value


def test_more_memory_than_the_limit_is_refused() -> None:
    ended = _ends(["hog"], Limits(memory_bytes=2 << 30))
    assert ended.reason == "decoder_memory"


@pytest.mark.slow
def test_a_child_that_never_ends_is_stopped_by_the_wall_clock() -> None:
    began_s = time.monotonic()
    ended = _ends(["spin"], Limits(wall_s=3.0))
    assert (ended.reason, ended.detail) == ("decoder_timeout", "no end after 3 s")
    assert time.monotonic() - began_s < 10


@pytest.mark.slow
def test_a_child_that_burns_the_processor_is_stopped() -> None:
    ended = _ends(["spin"], Limits(cpu_s=2, wall_s=120.0))
    assert (ended.reason, ended.detail) == ("decoder_timeout", "more than 2 s of processor time")


def test_a_crash_costs_one_input() -> None:
    ended = _ends(["crash"])
    assert (ended.reason, ended.detail.split(":")[0]) == ("decoder_crashed", "exit -11")


def test_an_exit_code_of_its_own_is_a_crash() -> None:
    assert _ends(["quit"]).reason == "decoder_crashed"


def test_bad_media_comes_through_as_it_was_raised() -> None:
    ended = _ends(["refuse"])
    assert (ended.reason, ended.detail) == ("odd_reason", "one line")


@pytest.mark.parametrize(
    "text", ["no such part", "two lines\nof which the last names no class", "MemoryError is a word"]
)
def test_a_bug_is_no_bad_media(text: str) -> None:
    with pytest.raises(RuntimeError, match="a bug, not bad media"):
        sandbox.run(CHILD, ["bug", text], Limits())


def test_secrets_are_not_seen_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY", "HANDWHEEL_SALT", "SOME_TOKEN"):
        monkeypatch.setenv(name, "s3cret-value")
    seen = json.loads(sandbox.run(CHILD, ["environment"], Limits()))
    assert "s3cret-value" not in seen.values()
    assert seen["OMP_NUM_THREADS"] == "1"


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.slow
def test_a_child_dies_with_its_parent(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    code = f"from infra.sandbox import sandbox as s; s.run({CHILD!r}, ['sleep', {str(mark)!r}], s.Limits())"
    parent = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    try:
        deadline_s = time.monotonic() + 60
        while not (mark.exists() and mark.read_text()):
            assert time.monotonic() < deadline_s, "the child did not start"
            time.sleep(0.05)
        child = int(mark.read_text())
        assert _alive(child)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    deadline_s = time.monotonic() + 10
    while _alive(child) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert not _alive(child)


def test_children_are_forked_by_a_process_with_one_thread() -> None:
    """A thread that held a lock at the fork would hold it for ever in the child."""
    for module in (decode_child, encode_child):
        with pytest.raises(RuntimeError, match="a bug, not bad media"):
            sandbox.run(module.__name__, [], Limits())
    parent = int(sandbox.run(CHILD, ["parent"], Limits()))
    assert parent != os.getpid()
    assert len(os.listdir(f"/proc/{parent}/task")) == 1
    assert int(sandbox.run(CHILD, ["parent"], Limits())) == parent


def test_starting_a_child_costs_little() -> None:
    sandbox.run(CHILD, ["parent"], Limits())
    assert sandbox.run_measured(CHILD, ["parent"], Limits()).cpu_s < 0.2


def test_a_killed_zygote_is_started_again() -> None:
    first = int(sandbox.run(CHILD, ["parent"], Limits()))
    os.kill(first, signal.SIGKILL)
    deadline_s = time.monotonic() + 10
    while _alive(first) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert int(sandbox.run(CHILD, ["parent"], Limits())) != first


def test_what_a_child_started_goes_with_it(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    assert _ends(["leave", str(mark)]).reason == "decoder_crashed"
    stray = int(mark.read_text())
    deadline_s = time.monotonic() + 10
    while _alive(stray) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert not _alive(stray)


def test_a_child_that_never_stops_talking_is_stopped() -> None:
    with pytest.raises(BadMedia) as caught:
        sandbox.run(CHILD, ["talk"], Limits(wall_s=60.0), max_output_bytes=1 << 20)
    assert (caught.value.reason, caught.value.detail) == ("decoder_crashed", "it wrote over 1048576 bytes of output")


def test_many_at_once_each_get_their_own_answer() -> None:
    def echo(thread: int) -> list[str]:
        return [sandbox.run(CHILD, ["echo", f"{thread} {i}"], Limits()).strip() for i in range(5)]

    assert run_together(echo, 8) == [[f"{thread} {i}" for i in range(5)] for thread in range(8)]
