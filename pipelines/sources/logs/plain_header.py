"""What a plain log's header says: each word for itself, so that a bad one costs itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.sources.logs.base import LogItem
from pipelines.sources.logs.episode_log import (
    COLLECT_MODES,
    MAX_RATE_HZ,
    OUTCOME_SOURCES,
    CameraSpan,
    Floats,
    check_text,
)
from pipelines.sources.logs.fields import Outcome, axis_names, number, outcome_of, text
from pipelines.sources.logs.parts import Parts
from schemas.errors import BadMedia

TEXTS = ("robot", "robot_id", "scene", "instruction", "policy", "world_model", "idm", "trained_on", "failure_mode",
         "mode", "last_phase")  # fmt: skip


def rate(header: Mapping[str, Any]) -> float | None:
    """BadMedia(bad_header): it is no rate."""
    fps_hz = number(header, "fps")
    if fps_hz is not None and not 0 < fps_hz <= MAX_RATE_HZ:
        raise BadMedia("bad_header", f"fps is {fps_hz:g}")
    return fps_hz


def outcome_stated(stated: Mapping[str, Any]) -> Outcome:
    """BadMedia(bad_header): a word, a source or a confidence that is none."""
    outcome, source, confidence = outcome_of(stated)
    if source not in (None, *OUTCOME_SOURCES) or (confidence is not None and not 0 <= confidence <= 1):
        raise BadMedia("bad_header", f"outcome {outcome} of {str(source)[:80]!r} with confidence {confidence}")
    return outcome, source, confidence


def names_stated(stated: Any, array: Floats | None) -> tuple[str, ...]:
    """BadMedia(bad_text): an axis' name that cannot be stored."""
    names = axis_names(stated, array)
    for name in names:
        check_text(name)
    return names


def collect_mode(header: Mapping[str, Any]) -> str:
    """As the header says, else by its policy's name: the simulator's own is scripted. BadMedia(bad_header)."""
    if mode := text(header, "collect_mode"):
        if mode not in COLLECT_MODES:
            raise BadMedia(
                "bad_header", f"collect_mode is {mode[:80]!r}, not one of {', '.join(sorted(COLLECT_MODES))}"
            )
        return mode
    policy = text(header, "policy")
    return "unknown" if policy is None else "scripted" if policy.startswith("scripted") else "autonomous"


def failure_frame(header: Mapping[str, Any], count: int) -> int | None:
    """BadMedia(bad_header): no step has that number."""
    frame = number(header, "failure_frame")
    if frame is not None and not 0 <= frame < count:
        raise BadMedia("bad_header", f"failure_frame {frame:g} of {count} steps")
    return None if frame is None else int(frame)


def failure_mode(words: Mapping[str, str | None]) -> str | None:
    """What the log blames, else the phase in which it ended."""
    mode = words["failure_mode"] or words["mode"]
    return mode if mode and mode != "expert" else words["last_phase"]


def cameras_of(header: Mapping[str, Any], item: LogItem, end_ns: int, parts: Parts) -> tuple[CameraSpan, ...]:
    """Those whose recording is there. BadMedia(missing_video): none is."""
    by_name = {m.uri.rpartition("/")[2]: m.uri for m in item.media}
    files = {m.camera: m.uri for m in item.media}
    if (only := parts.text(header, "camera")) and set(files) == {"main"}:
        files = {only: files["main"]}
    if isinstance(stated := header.get("cameras"), dict):
        files = {str(camera): by_name.get(str(file), "") for camera, file in stated.items()}
    beside = f"beside the log: {', '.join(sorted(by_name)) or 'no recording'}"
    if not any(files.values()):
        raise BadMedia("missing_video", beside)
    for camera in [camera for camera, uri in files.items() if not uri]:
        del files[camera]
        parts.refuse(f"camera {parts.name('camera', camera)}", "missing_camera", beside)
    spans: dict[str, CameraSpan] = {}
    for camera, uri in sorted(files.items()):
        if (name := parts.name("camera", camera)) in spans:
            parts.refuse(f"camera {name}", "name_taken", f"{camera[:80]!r} has the name of another camera here")
        else:
            spans[name] = CameraSpan(camera=name, uri=uri, start_ns=0, end_ns=end_ns, alone=True)
    return tuple(spans.values())
