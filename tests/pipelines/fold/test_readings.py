"""A small log is read once a run; room is bounded; nothing outlives its run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipelines.fold import readings
from pipelines.sources.logs.base import BadEpisode

PARTS = (BadEpisode(name="episode_000001", reason="discarded", detail=""),)


@pytest.fixture(autouse=True)
def empty_room() -> Iterator[None]:
    readings.keep("before", "nothing", ())
    yield
    readings.keep("after", "nothing", ())


def test_what_is_kept_is_taken_once() -> None:
    readings.keep("run", "log", PARTS)
    assert readings.take("run", "other") is None
    assert readings.take("run", "log") is PARTS
    assert readings.take("run", "log") is None


def test_another_run_reads_again() -> None:
    readings.keep("run", "log", PARTS)
    assert readings.take("next", "log") is None
    readings.keep("next", "other", PARTS)
    assert readings.take("run", "log") is None
    assert readings.take("next", "log") is None


def test_a_large_log_and_a_full_room_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    readings.keep("run", "large", PARTS * (readings.LOG_BYTES // 400 + 1))
    assert readings.take("run", "large") is None
    monkeypatch.setattr(readings, "ROOM_BYTES", 1000)
    for key in ("first", "second", "third"):
        readings.keep("run", key, PARTS)
    assert readings.take("run", "third") is None
    assert readings.take("run", "first") is PARTS
    readings.keep("run", "third", PARTS)
    assert readings.take("run", "third") is PARTS
