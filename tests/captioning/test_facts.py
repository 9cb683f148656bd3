"""What a caption of a part of an attempt may rest on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from captioning.facts import attempt_facts, basis_of
from schemas import Episode
from schemas.episodes import StoredTask
from schemas.spans import NS
from tests.support.corpus import episode

TEXTS = (("Open the drawer.", 0, 100), ("Put the cube in it.", 100, 220), ("Close it.", 220, 300))


@dataclass(frozen=True)
class _Clip:
    sha256: str
    start_ns: int
    end_ns: int


def _attempt(tasks: tuple[tuple[str, int, int], ...] = TEXTS, kind: str = "task") -> Episode:
    """Of 300 steps that lie 5 s into a recording, and take 30 s of it."""
    made = episode("x.jsonl", ("success", None, None), 30)
    camera = {**made.cameras[0], "start_ns": 5 * NS, "end_ns": 35 * NS}
    stored = [StoredTask(text=t, start_frame=a, end_frame=b, kind=kind) for t, a, b in tasks]
    return replace(made, cameras=[camera], tasks=stored)


def _clip(attempt: Episode, start_s: float, end_s: float) -> _Clip:
    return _Clip(attempt.cameras[0]["sha256"], round(start_s * NS), round(end_s * NS))


@pytest.mark.parametrize(
    ("span_s", "words"),
    [
        ((5, 15), "Open the drawer"),
        ((16, 26), "Put the cube in it"),
        ((5, 35), "Open the drawer. Put the cube in it. Close it"),
        ((24, 35), "Close it"),  # of the task before it shows 3 s
        ((12, 20), "Put the cube in it"),
    ],
)
def test_a_part_is_told_by_the_tasks_within_it(span_s: tuple[float, float], words: str) -> None:
    attempt = _attempt()
    assert attempt_facts(attempt, _clip(attempt, *span_s)).instruction == words


def test_parts_of_other_tasks_rest_on_other_words() -> None:
    attempt = _attempt()
    first, other = (basis_of((), attempt, _clip(attempt, *s)) for s in ((5, 14), (16, 26)))
    assert first != other


def test_subtasks_and_frames_without_a_task_leave_the_attempts_own_words() -> None:
    for attempt in (_attempt(kind="subtask"), _attempt(tasks=()), _attempt(tasks=(("Late.", 290, 300),))):
        assert attempt_facts(attempt, _clip(attempt, 5, 15)).instruction == "Pick the block."
