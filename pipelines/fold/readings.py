"""Readings of small logs, kept from the step that names their recordings to the one that makes their rows.

Both ask for the same attempts. A data set of a file an episode is thousands of small logs, whose reading twice is most
of what a fold of it costs; a worker in another process, or one whose room is full, reads again.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from pipelines.sources.logs.base import BadEpisode
from pipelines.sources.logs.episode_log import EpisodeLog

ROOM_BYTES = 64 << 20  # of a process
LOG_BYTES = 1 << 20  # a log larger than this is read again: its bytes are what it costs
_WORDS_BYTES = 4096  # an attempt without its arrays, about
_SPAN_BYTES = 400

Attempts = Sequence[EpisodeLog | BadEpisode]

_lock = threading.Lock()
_waiting: dict[str, tuple[int, Attempts]] = {}
_run = ""
_used_bytes = 0


def keep(run_id: str, key: str, attempts: Attempts) -> None:
    """Keeps the log's attempts for one `take`, where there is room. What another run left is dropped."""
    global _run, _used_bytes
    size = sum(map(_size, attempts))
    with _lock:
        if run_id != _run:
            _waiting.clear()
            _run, _used_bytes = run_id, 0
        _used_bytes -= _waiting.pop(key, (0, None))[0]
        if size <= LOG_BYTES and _used_bytes + size <= ROOM_BYTES:
            _waiting[key] = (size, attempts)
            _used_bytes += size


def take(run_id: str, key: str) -> Attempts | None:
    """The log's attempts, which are kept no longer; None where this process does not have them."""
    global _used_bytes
    with _lock:
        size, attempts = _waiting.pop(key, (0, None)) if run_id == _run else (0, None)
        _used_bytes -= size
        return attempts


def _size(attempt: EpisodeLog | BadEpisode) -> int:
    if isinstance(attempt, BadEpisode):
        return _SPAN_BYTES
    arrays = (attempt.t_ns, attempt.states, attempt.actions, attempt.actions_executed, attempt.intervention,
              attempt.reward, attempt.done, *(c.frame_stamps_ns for c in attempt.cameras))  # fmt: skip
    spans = len(attempt.tasks) + len(attempt.cameras) + len(attempt.notes)
    return _WORDS_BYTES + _SPAN_BYTES * spans + sum(a.nbytes for a in arrays if a is not None)
