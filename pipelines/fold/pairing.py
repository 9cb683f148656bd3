"""Which frame of each camera is each row's.

Formats of one row a frame are paired by number, whatever the log's clock says: a recorder's loop runs slower than the
rate that its video is written at, and the video's clock is then the nominal one (docs/decisions/0044-frame-and-row.md).
Logs that date each frame are paired by the nearest date. Where rows are paired by number, the motion of the picture is
asked whether it agrees (`motion_witness`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from pipelines.fold import motion_witness
from pipelines.sources.logs.base import BadEpisode
from pipelines.sources.logs.episode_log import CameraSpan, EpisodeLog, Note, Times
from schemas.errors import BadMedia, TransientError
from schemas.spans import NS

NO_FRAME = np.iinfo(np.int64).min  # a row's time in a camera where it has no frame
LOST_SHARE = 0.5  # of the rows; an attempt of which more have no frame in any camera is refused
_NO_TIMES: Times = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class RecordedTimes:
    """A recording's frames: ns from the first, int64 (N,), ascending; its end, None where it is not decoded yet.

    motion: how much each frame differs from the one before, float32 (N,), NaN where it was not decoded, if known.
    refusal: why it cannot be used, (reason, detail).
    """

    frame_ns: Times = field(default_factory=lambda: _NO_TIMES)
    decoded_ns: int | None = None
    motion: npt.NDArray[np.float32] | None = None
    refusal: tuple[str, str] | None = None

    def step_ns(self, fps_hz: float) -> int:
        """How far its frames are apart: the median; by the rows' rate where it has one frame."""
        own = int(np.median(np.diff(self.frame_ns))) if len(self.frame_ns) > 1 else round(NS / fps_hz)
        return max(own, 1)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows' clock, int64 (T,), ns from the first, their rate, and how much each changes (`change_of`), if known."""

    t_ns: Times
    fps_hz: float
    change: npt.NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class PairedCamera:
    """A camera's span, which holds its rows' frames and nothing else, and each row's frame.

    row_ns: int64 (T,), when the row's frame is shown; NO_FRAME where it has none.
    vouched: by motion that fits, by dates, or by a shift that is declared; None: nothing says that it is shifted.
    """

    span: CameraSpan
    row_ns: Times
    notes: tuple[Note, ...] = ()
    surplus: str | None = None  # what is left out of the span, in words
    vouched: str | None = None


@dataclass(frozen=True, slots=True)
class PairedLog:
    """An attempt with the cameras that could be paired, each one's row_ns, and what was left out."""

    log: EpisodeLog
    row_ns: tuple[Times, ...]
    left: tuple[BadEpisode, ...]


def pair_cameras(
    log: EpisodeLog, recorded: Mapping[str, RecordedTimes], surplus: str | None, shift: int | None = None
) -> PairedLog:
    """The attempt with the frames of its rows. recorded: by uri. A camera that does not fit costs itself alone.

    But where one's motion says that the rows are shifted, and none's that they are not, those that say nothing go too.
    surplus, shift: as `[[robot]]` says them (`LogOptions`).
    BadMedia: video_mismatch, frame_shift, stamps_not_ascending, no_frame_in_time, cut_short or why its recordings
    cannot be used: no camera is left. no_pictures: it has none. rows_without_frames: more than half of the rows have
    no frame in any camera. TransientError: a camera's recording is not among those that the log named when they were
    decoded.
    """
    paired: list[PairedCamera] = []
    left: list[BadEpisode] = []
    rows = Rows(log.t_ns, log.fps_hz, motion_witness.change_of(log.states, log.actions))
    for span in log.cameras:
        part = f"{log.name}/camera {span.camera}"
        if span.uri not in recorded:
            raise TransientError(f"{part}: {span.uri} was not named when the log was read for its recordings")
        try:
            camera = pair_camera(span, rows, recorded[span.uri], surplus, shift)
        except BadMedia as e:
            left.append(BadEpisode(name=part, reason=e.reason, detail=e.detail))
            continue
        paired.append(camera)
    paired, suspected = _suspected(log.name, paired, left)
    left += suspected
    for camera in paired:
        if camera.surplus:
            part = f"{log.name}/camera {camera.span.camera}"
            left.append(BadEpisode(name=part, reason="surplus_frames", detail=camera.surplus))
    if not log.cameras:
        raise BadMedia("no_pictures", f"{log.name} has no camera")
    if not paired:
        raise BadMedia(left[0].reason, "; ".join(b.detail for b in left)[:500])
    lost = np.logical_and.reduce([camera.row_ns == NO_FRAME for camera in paired])
    if lost.mean() > LOST_SHARE:
        raise BadMedia("rows_without_frames", f"{int(lost.sum())} of {len(lost)} rows have no frame in any camera")
    notes = (*log.notes, *(note for camera in paired for note in camera.notes))
    fitted = replace(log, cameras=tuple(camera.span for camera in paired), notes=notes)
    return PairedLog(fitted, tuple(camera.row_ns for camera in paired), tuple(left))


def _suspected(
    name: str, paired: list[PairedCamera], left: list[BadEpisode]
) -> tuple[list[PairedCamera], list[BadEpisode]]:
    """Cameras that stay, and those of which nothing tells that the shift which another one shows is not theirs too."""
    shifted = next((b.name.rpartition(" ")[2] for b in left if b.reason == "frame_shift"), None)
    if shifted is None or any(camera.vouched == "motion" for camera in paired):
        return paired, []
    why = f"{shifted} shows that the rows are shifted, and its own motion does not tell whether they are here"
    gone = [camera.span.camera for camera in paired if camera.vouched is None]
    bad = [BadEpisode(name=f"{name}/camera {c}", reason="frame_shift", detail=f"{c}: {why}") for c in gone]
    return [camera for camera in paired if camera.vouched], bad


def pair_camera(
    span: CameraSpan, rows: Rows, recorded: RecordedTimes, surplus: str | None, shift: int | None = None
) -> PairedCamera:
    """One camera's frames by row. BadMedia: as `pair_cameras`."""
    if recorded.refusal is not None:
        raise BadMedia(recorded.refusal[0], f"{span.camera}: {recorded.refusal[1]}")
    stamps = span.frame_stamps_ns
    if stamps is not None and not len(stamps):
        raise BadMedia("no_frame_in_time", f"{span.camera}: the log dates no frame of it")
    first, stop = _window(span, recorded, rows.fps_hz)
    wanted, what = (len(rows.t_ns), "rows") if stamps is None else (len(stamps), "frames dated in the log")
    spare = stop - first - wanted
    if 0 < spare <= span.spare_frames:
        stop -= spare
    advice = _end_by_motion(rows, recorded, (first, stop)) if stamps is None and surplus is None else ""
    frames, lost = _without_surplus(span.camera, (first, stop), (wanted, what), surplus, advice)
    left_out = None
    if lost[1] > lost[0]:
        seconds = max(0, _end_ns(lost[1], recorded, rows.fps_hz) - int(recorded.frame_ns[lost[0]])) / NS
        left_out = f'{span.camera}: {lost[1] - lost[0]} frames ({seconds:.3f} s), by surplus = "{surplus}"'
        left_out += f": {wanted} {what}, {stop - first} frames in its video"
    notes: tuple[Note, ...] = ()
    vouched: str | None = None
    if stamps is None:
        notes = _drift(span.camera, rows, recorded.frame_ns[slice(*frames)], recorded.step_ns(rows.fps_hz))
        lag = _by_motion(span.camera, rows, recorded, frames, shift, lost[1] - lost[0])
        if lag is not None:
            notes += (Note(code="motion_lag", detail=f"{span.camera}: {lag.words()}"),)
        vouched = "motion" if lag is not None and lag.is_latency else None if shift is None else "shift"
        places, has_frame = _shifted(span.camera, frames, shift or 0)
        notes += _without_frame(span.camera, has_frame, f"by shift = {shift}")
    else:
        vouched = "dates"
        nearest, has_frame = _nearest(span, rows.t_ns, stamps)
        places = frames[0] + nearest
        notes = _without_frame(span.camera, has_frame, "by their dates")
    row_ns, cut = _within_decoded(span.camera, np.where(has_frame, recorded.frame_ns[places], NO_FRAME), recorded)
    used = places[row_ns != NO_FRAME]
    start_ns = int(recorded.frame_ns[used.min()])
    end_ns = _end_ns(int(used.max()) + 1, recorded, rows.fps_hz)
    notes = (*notes, *cut)
    if 0 < spare <= span.spare_frames:
        detail = f"{span.camera}: {spare} behind the last row's, which its recorder makes of the last one again"
        notes = (*notes, Note(code="spare_frames", detail=detail))
    return PairedCamera(replace(span, start_ns=start_ns, end_ns=end_ns), row_ns, notes, left_out, vouched)


def _window(span: CameraSpan, recorded: RecordedTimes, fps_hz: float) -> tuple[int, int]:
    """Places of the frames in the span, half a frame early: seconds that were added up in floats miss by less."""
    if span.alone:
        return 0, len(recorded.frame_ns)
    half = recorded.step_ns(fps_hz) // 2
    first, stop = np.searchsorted(recorded.frame_ns, [span.start_ns - half, span.end_ns - half])
    return int(first), int(stop)


def _without_surplus(
    camera: str, window: tuple[int, int], wanted_what: tuple[int, str], surplus: str | None, advice: str
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Places of as many frames as wanted, and of those that are left out. BadMedia(video_mismatch): both counts."""
    (first, stop), (wanted, what) = window, wanted_what
    there = stop - first
    counts = f"{camera}: {wanted} {what}, {there} frames in its video"
    if there < wanted:
        raise BadMedia("video_mismatch", f"{counts}; nothing tells which rows lack theirs: record or cut it again")
    if there == wanted:
        return window, (stop, stop)
    if surplus == "tail":
        return (first, first + wanted), (first + wanted, stop)
    if surplus == "head":
        return (stop - wanted, stop), (first, stop - wanted)
    remedy = f'[[robot]] surplus = "tail" takes the first {wanted}, "head" the last{advice}'
    raise BadMedia("video_mismatch", f"{counts}; {remedy}")


def _end_ns(stop: int, recorded: RecordedTimes, fps_hz: float) -> int:
    """Where the frame before place `stop` ends: with the next one or the recording, but within two usual steps."""
    usual = int(recorded.frame_ns[stop - 1]) + 2 * recorded.step_ns(fps_hz)
    following = int(recorded.frame_ns[stop]) if stop < len(recorded.frame_ns) else usual
    return min(following, usual, usual if recorded.decoded_ns is None else recorded.decoded_ns)


def _shifted(
    camera: str, frames: tuple[int, int], shift: int
) -> tuple[Times, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """The place of each row's frame, `shift` later than its number, and whether it is one of the frames."""
    if abs(shift) >= frames[1] - frames[0]:
        raise BadMedia("rows_without_frames", f"{camera}: shift = {shift} leaves no row its frame")
    places = np.arange(*frames) + shift
    return np.clip(places, frames[0], frames[1] - 1), (places >= frames[0]) & (places < frames[1])


def _by_motion(
    camera: str, rows: Rows, recorded: RecordedTimes, frames: tuple[int, int], shift: int | None, surplus: int
) -> motion_witness.Lag | None:
    """What the picture's motion says of pairing by number, where it says anything. surplus: frames that are left out.

    BadMedia(frame_shift): it says that they are shifted, and `[[robot]] shift` does not say by how much.
    """
    if rows.change is None or recorded.motion is None:
        return None
    lag = motion_witness.measured(rows.change, recorded.motion[slice(*frames)], rows.fps_hz)
    if lag is not None and lag.is_shift and shift is None:
        remedy = (
            f"[[robot]] shift = {lag.frames} pairs each row with the frame that many later (the camera's own latency "
            "is in it: look at the pictures), shift = 0 with its own; or record it again"
        )
        if surplus and abs(abs(lag.frames) - surplus) <= lag.honest:
            remedy = f"as if the {surplus} frames that [[robot]] surplus leaves out lay at the other end; {remedy}"
        raise BadMedia("frame_shift", f"{camera}: {lag.words()}; {remedy}")
    return lag


def _end_by_motion(rows: Rows, recorded: RecordedTimes, window: tuple[int, int]) -> str:
    """Which end the frames beyond the rows lie at by the picture's motion, in words, where it tells one of the two.

    It is advice: were some of them at either end, it would tell the end of most.
    """
    first, stop, wanted = *window, len(rows.t_ns)
    surplus = stop - first - wanted
    if rows.change is None or recorded.motion is None or surplus <= 0:
        return ""
    tail, head = (
        motion_witness.measured(rows.change, recorded.motion[at : at + wanted], rows.fps_hz)
        for at in (first, first + surplus)
    )
    for end, lag, other, apart in (("tail", tail, head, -surplus), ("head", head, tail, surplus)):
        if lag is not None and lag.is_plainly_better(other, apart):
            return f'; its motion speaks for "{end}": {lag.words()}'
    return ""


def _nearest(span: CameraSpan, t_ns: Times, stamps: Times) -> tuple[Times, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """The frame that was taken nearest to each row, the earlier of two, and whether it lies within the tolerance."""
    if (np.diff(stamps) < 0).any():
        detail = f"{span.camera}: frame {int(np.argmax(np.diff(stamps) < 0)) + 1} is dated before the one before it"
        raise BadMedia("stamps_not_ascending", detail)
    after = np.clip(np.searchsorted(stamps, t_ns), 1, max(1, len(stamps) - 1))
    before = after - 1
    after = np.minimum(after, len(stamps) - 1)
    nearest = np.where(t_ns - stamps[before] <= stamps[after] - t_ns, before, after)
    usual = int(np.median(np.diff(stamps))) if len(stamps) > 1 else 0
    tolerance = usual if span.tolerance_ns is None else span.tolerance_ns
    has_frame = np.abs(stamps[nearest] - t_ns) <= tolerance
    if not has_frame.any():
        raise BadMedia("no_frame_in_time", f"{span.camera}: no frame lies within {tolerance / NS:.3f} s of any row")
    return nearest, has_frame


def _within_decoded(camera: str, row_ns: Times, recorded: RecordedTimes) -> tuple[Times, tuple[Note, ...]]:
    """The rows' frames without those that its video lists and that do not decode. BadMedia(cut_short): none is left."""
    if recorded.decoded_ns is None:
        return row_ns, ()
    lost = row_ns >= recorded.decoded_ns
    decoded = np.where(lost, NO_FRAME, row_ns)
    why = f"its video decodes to {recorded.decoded_ns / NS:.3f} s"
    if (decoded == NO_FRAME).all():
        raise BadMedia("cut_short", f"{camera}: {why}, before the first row's frame")
    return decoded, _without_frame(camera, ~lost, why)


def _without_frame(camera: str, has_frame: np.ndarray[tuple[int], np.dtype[np.bool_]], why: str) -> tuple[Note, ...]:
    lost = int(len(has_frame) - np.count_nonzero(has_frame))
    if not lost:
        return ()
    return (Note(code="rows_without_frame", detail=f"{camera}: {lost} of {len(has_frame)} rows, {why}"),)


def _drift(camera: str, rows: Rows, shown_ns: Times, step_ns: int) -> tuple[Note, ...]:
    """A note where row and frame of one number lie more than a frame apart by their clocks."""
    apart = np.abs(rows.t_ns - (shown_ns - shown_ns[0]))
    if apart.max() <= step_ns:
        return ()
    at = int(apart.argmax())
    detail = (
        f"{camera}: {rows.t_ns[-1] / NS:.3f} s by the rows' clock, {(shown_ns[-1] - shown_ns[0]) / NS:.3f} s by the "
        f"video's, up to {apart[at] / step_ns:.1f} frames apart at row {at}; paired by number"
    )
    return (Note(code="clock_drift", detail=detail),)
