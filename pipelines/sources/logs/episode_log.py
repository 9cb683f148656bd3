"""One robot attempt in memory, the same for every log format, checked when it is made."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from schemas.errors import BadMedia

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Times = npt.NDArray[np.int64]

OUTCOMES = frozenset({"success", "failure", "unknown"})
OUTCOME_SOURCES = frozenset({"human", "sensor", "vlm", "sim"})
COLLECT_MODES = frozenset({"autonomous", "teleop", "play", "scripted", "unknown"})
# Who holds the controls in each mode, where no step says otherwise.
CONTROL_OF_MODE = {"autonomous": "policy", "teleop": "human", "play": "human", "scripted": "script"}

# Names become names of views, files and metrics.
SAFE_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]|\.(?!\.)){0,127}")
_LONGEST_TEXT = 65_536
MAX_RATE_HZ = 100_000
LOST_SHARE = 0.5  # of the steps; an attempt that lacks more readings of a kind is refused


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSpan:
    """The attempt's span [start_ns, end_ns) in one camera's recording, from the recording's first frame.

    alone: the recording holds this attempt and nothing else.
    frame_stamps_ns: when each frame of the span was taken, by the log, int64 (M,), on the clock of `t_ns` (0 is the
    first step's time); row and frame are then paired by nearest stamp within tolerance_ns, and a row beyond it has no
    frame in this camera. None: frame i of the span is row i's, so that there must be as many.
    spare_frames: as many frames behind the last row's may be its recorder's own doing, which shows the last one again.
    """

    camera: str
    uri: str
    start_ns: int
    end_ns: int
    alone: bool
    frame_stamps_ns: Times | None = None
    tolerance_ns: int | None = None
    spare_frames: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpan:
    """What was to be done in the steps [start_frame, end_frame), in the log's own words. kind: task, subtask, ..."""

    text: str
    start_frame: int
    end_frame: int
    kind: str = "task"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something of an attempt that its reader should know, and that costs it nothing. code: stable."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeLog:
    """One attempt: T steps of S states and A actions. Arrays are read-only copies.

    A step whose state, action or reward holds NaN or infinity has none of it (null in the table).

    Raises BadMedia with one of: unsafe_name, bad_text, bad_field, empty_episode, no_states_or_actions,
    length_mismatch, non_finite, time_not_increasing, bad_span.
    """

    name: str
    uri: str
    revision: str
    modified_ns: int
    embodiment: str
    robot: str | None
    scene: str | None
    instruction: str | None
    outcome: str
    outcome_source: str | None
    outcome_confidence: float | None
    failure_mode: str | None
    failure_frame: int | None
    policy_id: str | None
    world_model_id: str | None
    idm_id: str | None
    trained_on: str | None
    collect_mode: str
    calibration_json: str | None
    fps_hz: float
    state_names: tuple[str, ...]
    action_names: tuple[str, ...]
    t_ns: Times  # (T,), the first is 0
    states: Floats | None  # (T, S)
    actions: Floats | None  # (T, A), commanded
    actions_executed: Floats | None  # (T, A)
    control_source: str | None  # policy, human, script
    intervention: Flags | None  # (T,)
    reward: Floats | None  # (T,)
    done: Flags | None  # (T,)
    cameras: tuple[CameraSpan, ...]
    tasks: tuple[TaskSpan, ...] = ()  # where they change on the way
    ever_succeeded: bool | None = None  # success was reached at some step, whatever the outcome is
    split: str | None = None  # train, val or test, as the log's makers drew it
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        _check_words(self)
        _freeze(self)
        _check_arrays(self)
        _check_cameras(self)


_DTYPES: dict[str, tuple[type[np.generic], int]] = {
    "t_ns": (np.int64, 1),
    "states": (np.float32, 2),
    "actions": (np.float32, 2),
    "actions_executed": (np.float32, 2),
    "intervention": (np.bool_, 1),
    "reward": (np.float32, 1),
    "done": (np.bool_, 1),
}


def _freeze(log: EpisodeLog) -> None:
    for name, (dtype, ndim) in _DTYPES.items():
        value = getattr(log, name)
        if value is None:
            continue
        with np.errstate(over="ignore", invalid="ignore"):  # overflow becomes inf, which is refused
            copy = np.array(value, dtype=dtype, order="C")
        if copy.ndim != ndim:
            raise BadMedia("length_mismatch", f"{name} has {copy.ndim} dimensions, not {ndim}")
        copy.setflags(write=False)
        object.__setattr__(log, name, copy)


def _check_arrays(log: EpisodeLog) -> None:
    count = len(log.t_ns)
    if count == 0:
        raise BadMedia("empty_episode", f"{log.name} has no steps")
    if log.states is None and log.actions is None:
        raise BadMedia("no_states_or_actions", f"{log.name} has neither, so nothing tells it from another")
    for name in _DTYPES:
        value = getattr(log, name)
        if value is None:
            continue
        if len(value) != count:
            raise BadMedia("length_mismatch", f"{name} has {len(value)} rows, {count} steps")
        if value.dtype == np.float32:
            _note_lost(log, name, value)
    if log.t_ns[0] != 0 or (np.diff(log.t_ns) <= 0).any():
        raise BadMedia("time_not_increasing", f"at step {int(np.argmax(np.diff(log.t_ns) <= 0)) + 1}")
    if not (np.isfinite(log.fps_hz) and 0 < log.fps_hz <= MAX_RATE_HZ):
        raise BadMedia("bad_field", f"fps_hz is {log.fps_hz}")
    if log.failure_frame is not None and not 0 <= log.failure_frame < count:
        raise BadMedia("bad_field", f"failure_frame {log.failure_frame} of {count} steps")


def lost_rows(value: Floats) -> Flags:
    """(T,) Steps whose value, or one of its axes, is no finite number: a reading that was lost."""
    bad = ~np.isfinite(value)
    return np.asarray(bad if bad.ndim == 1 else bad.any(axis=1), np.bool_)


def _note_lost(log: EpisodeLog, name: str, value: Floats) -> None:
    """A lost reading costs its step and is noted.

    BadMedia(non_finite): more than LOST_SHARE of the steps lack it, and it is no reward, without which the rest holds.
    """
    lost = lost_rows(value)
    if lost.mean() > LOST_SHARE and name != "reward":
        raise BadMedia("non_finite", f"{name} in {int(lost.sum())} of {len(lost)} steps, first {int(np.argmax(lost))}")
    if lost.any():
        detail = f"{name} in {int(lost.sum())} of {len(lost)} steps, first {int(np.argmax(lost))}"
        note = Note(code="lost_readings", detail=detail)
        if note not in log.notes:  # `replace` makes the log of its own notes
            object.__setattr__(log, "notes", (*log.notes, note))


def _check_words(log: EpisodeLog) -> None:
    check_name("episode", log.name)
    check_name("embodiment", log.embodiment)
    allowed = {
        "outcome": (log.outcome, OUTCOMES),
        "outcome_source": (log.outcome_source, OUTCOME_SOURCES | {None}),
        "collect_mode": (log.collect_mode, COLLECT_MODES),
        "control_source": (log.control_source, {None, "policy", "human", "script"}),
    }
    for name, (value, values) in allowed.items():
        if value not in values:
            raise BadMedia("bad_field", f"{name} is {str(value)[:80]!r}")
    if (log.outcome == "unknown") != (log.outcome_source is None):
        raise BadMedia("bad_field", f"outcome {log.outcome} with source {log.outcome_source}")
    if log.outcome_confidence is not None and not 0 <= log.outcome_confidence <= 1:
        raise BadMedia("bad_field", f"outcome_confidence is {log.outcome_confidence}")
    for text in _texts(log):
        check_text(text)


def _texts(log: EpisodeLog) -> list[str]:
    own = [v for f in fields(log) if isinstance(v := getattr(log, f.name), str)]
    return [*own, *log.state_names, *log.action_names]


def _check_cameras(log: EpisodeLog) -> None:
    names = [c.camera for c in log.cameras]
    if len(set(names)) != len(names):
        raise BadMedia("bad_field", f"two cameras of one name: {names}")
    for span in log.cameras:
        check_name("camera", span.camera)
        if not 0 <= span.start_ns < span.end_ns:
            raise BadMedia("bad_span", f"{span.camera} [{span.start_ns}, {span.end_ns})")


def safe_name(what: str, stated: str) -> tuple[str, Note | None]:
    """A robot's or a camera's name as views and files can have it, with a note where it is not the log's own word."""
    if SAFE_NAME.fullmatch(stated):
        return stated, None
    name = re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9_.-]+", "_", stated)).strip("_.-")[:128] or "unknown"
    detail = f"{stated[:80]!r} is {name!r} here: letters, digits, `_`, `-` and `.`"
    return name, Note(code=f"{what}_renamed", detail=storable(detail))


def storable(text: str) -> str:
    """A text of anybody's, for people: without NUL and what is no Unicode, and not without end."""
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()[:1000]


def check_name(what: str, name: str) -> None:
    """BadMedia(unsafe_name) unless it is 1 to 128 letters, digits, `_`, `-` and single dots."""
    if not SAFE_NAME.fullmatch(name):
        raise BadMedia("unsafe_name", f"{what} {name[:80]!r}")


def check_text(text: str) -> None:
    """BadMedia(bad_text) unless it is storable: UTF-8 without lone surrogates and NUL, at most 64 Ki."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise BadMedia("bad_text", "lone surrogate") from error
    if size > _LONGEST_TEXT or "\0" in text:
        raise BadMedia("bad_text", f"{size} bytes, limit {_LONGEST_TEXT}, or a NUL")
