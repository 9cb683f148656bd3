"""The one pass over a recording: cuts, signals and proxies. Memory holds one clip at most."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters import cuts, fingerprints
from infra.video import decoder, pixels
from infra.video.glued import check_one_recording
from pipelines.media.clip_bounds import Cutter, Gap, at_edges, at_shots, lengthen, touches, within
from pipelines.media.clip_builder import ClipBuilder, SampledFrame, add, close, proxy
from pipelines.media.face_blur import Redaction, Redactor
from pipelines.media.options import DecodeSpec, PassOptions
from pipelines.media.picture_motion import MotionTrack
from schemas import Clip, Proxy
from schemas.arrow import schema_of, table_of
from schemas.spans import NS, Span

# A container that promises this much more than it holds was cut short; less is rounding or a longer audio track.
SHORT_NS = NS // 2


@dataclass(frozen=True, slots=True)
class PassEnd:
    """What the pass tells at its end: of the container, how long it is, what no clip holds, how the picture moved."""

    facts: decoder.StreamFacts
    duration_ns: int
    decoded_ns: int
    gaps: list[Gap]
    motion: MotionTrack


ClipsThenEnd = Generator[Clip, None, PassEnd]


@dataclass(frozen=True, slots=True)
class SampleMaker:
    """How a sample's pixels are made: upright size, turns, and what blurs faces, where that is asked for."""

    size: tuple[int, int]
    quarter_turns: int
    redactor: Redactor | None

    def rgb(self, frame: pixels.Frame, t_ns: int) -> pixels.Rgb:
        """The sample, uint8 (h, w, 3)."""
        rgb = pixels.rgb(frame, self.size, self.quarter_turns)
        return rgb if self.redactor is None else self.redactor.sample(rgb, t_ns)

    def cells(self, frame: pixels.Frame) -> npt.NDArray[np.float64]:
        """Mean luma for the fingerprint, of what is not blurred: so few cells show no face."""
        return pixels.cells(frame, fingerprints.SIDE, self.quarter_turns)


@contextmanager
def rows_file(path: Path, row: type) -> Iterator[pa.RecordBatchFileWriter]:
    """An Arrow file of rows of a class under `path`, open for `write`."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema_of(row)) as writer:
        yield writer


def write(writer: pa.RecordBatchFileWriter, row: Clip | Proxy) -> None:
    """Adds one row, a batch of its own."""
    for batch in table_of(type(row), [row]).to_batches():
        writer.write_batch(batch)


def one_pass(
    path: Path, out: Path, sha256: str, options: PassOptions, spec: DecodeSpec, redactor: Redactor | None
) -> ClipsThenEnd:
    """Each clip as it ends, its proxy written; then what the pass tells at its end. Clips and gaps tile it."""
    container = decoder.open_media(path)
    check_one_recording(path, container.format.name)
    stream = decoder.video_stream(container)
    pictures = decoder.pictures(container, stream)
    first = next(pictures, None)
    if first is None:
        raise decoder.without_frames(stream)
    decoder.check_one_eye(first.frame)
    facts = decoder.facts(container, stream, first.frame, spec.quarter_turns)
    size = pixels.fitted(facts.width_px, facts.height_px, options.proxy_long_side_px)
    sampling = SampleMaker(size, facts.quarter_turns, redactor)
    gaps: list[Gap] = []
    joints: list[int] = []
    motion = MotionTrack()
    decoded_ns = 0
    with rows_file(out / "proxies.arrow", Proxy) as proxies:
        frames = _with_cuts(itertools.chain([first], _noting_joints(pictures, joints)), sampling, options, spec, motion)
        for clip, decoded_ns in _clips(frames, spec, options, gaps):
            redaction = Redaction() if redactor is None else redactor.redaction(decoded_ns)
            row = close(clip, decoded_ns, sha256, options, spec, redaction)
            if spec.spans is None or _inside(row, spec.spans):
                write(proxies, proxy(clip, row, size))
                yield row
    gaps = [gap for gap in gaps if gap[0] < gap[1]]
    decoded_ns = max([decoded_ns, *(g[1] for g in gaps)])
    lost = 0 if joints else facts.declared_ns - decoded_ns  # a container knows one clock
    duration_ns = facts.declared_ns if lost > SHORT_NS else decoded_ns
    return PassEnd(facts, duration_ns, decoded_ns, gaps, motion)


def _noting_joints(pictures: Iterator[decoder.Picture], joints: list[int]) -> Iterator[decoder.Picture]:
    for picture in pictures:
        if picture.joint:
            joints.append(picture.t_ns)
        yield picture


def _inside(clip: Clip, spans: Iterable[Span]) -> bool:
    return any(s <= clip.start_ns and clip.end_ns <= e for s, e in spans)


def _clips(
    frames: Iterator[tuple[SampledFrame, bool]], spec: DecodeSpec, options: PassOptions, gaps: list[Gap]
) -> Iterator[tuple[ClipBuilder, int]]:
    """Clips with their ends; what lies between them goes to `gaps`, and both tile [0, decoded)."""
    longest_ns = round(options.cut.longest_s * NS)
    cut: Cutter = at_shots(longest_ns) if spec.spans is None else at_edges(spec.spans, longest_ns)
    clip: ClipBuilder | None = ClipBuilder(0)
    end_ns = 0
    for frame, starts_shot in frames:
        why = frame.before if frame.t_ns > end_ns + (frame.end_ns - frame.t_ns) // 2 else None
        if clip is not None and (why or frame.why_not):
            at = end_ns if why else frame.t_ns
            yield from _closed(clip, at, cut)
            clip = None
            gaps.append((at, frame.t_ns, why or "damaged"))
        if clip is None:
            lengthen(gaps, frame.t_ns, why or gaps[-1][2])
        if frame.why_not:
            lengthen(gaps, frame.end_ns, frame.why_not)
        elif clip is None:
            clip = ClipBuilder(frame.t_ns)
        if clip is not None:
            while (at_ns := cut(clip.start_ns, frame.t_ns, frame.end_ns, starts_shot)) is not None:
                if at_ns > clip.start_ns:
                    yield clip, at_ns
                    clip = ClipBuilder(at_ns)
            add(clip, frame, options)
        end_ns = frame.end_ns
    if clip is not None:
        yield from _closed(clip, end_ns, cut)


def _closed(clip: ClipBuilder, end_ns: int, cut: Cutter) -> Iterator[tuple[ClipBuilder, int]]:
    """The clip up to where it ends, cut on the way as ever: its last frame may be shown for long."""
    while (at_ns := cut(clip.start_ns, end_ns, end_ns, False)) is not None and at_ns < end_ns:
        if at_ns > clip.start_ns:
            yield clip, at_ns
            clip = ClipBuilder(at_ns)
    if end_ns > clip.start_ns:
        yield clip, end_ns


def _with_cuts(
    pictures: Iterator[decoder.Picture],
    sampling: SampleMaker,
    options: PassOptions,
    spec: DecodeSpec,
    motion: MotionTrack,
) -> Iterator[tuple[SampledFrame, bool]]:
    """Frames in order, each with whether it starts a shot; what is sampled is taken on the way, where clips lie.

    motion is filled where a robot's attempts lie: it tells whether their rows are of the same moments.
    """
    state = cuts.CutState()
    waiting: deque[SampledFrame] = deque()
    proxy_due, cells_due = _ticks(options.proxy_hz), _ticks(fingerprints.HZ)
    wanted = (lambda t_ns: True) if spec.spans is None else within(spec.spans)
    redacted = touches(spec.redacted)
    first: pixels.Rgb | None = None
    for t_ns, length_ns, frame, damaged, torn, joint, leap in pictures:
        why_not, before = "redacted" if redacted(t_ns, t_ns + length_ns) else None, None
        if spec.spans is None:
            why_not = why_not or ("damaged" if damaged else None)
            before = "damaged" if torn else "no_pictures" if leap else None
        taken = why_not is None and wanted(t_ns)
        rgb = sampling.rgb(frame, t_ns) if taken and proxy_due(t_ns) else None
        # A robot's attempts are not compared (pipelines/dedup/hop.py), and need no fingerprint.
        tiny = sampling.cells(frame) if taken and spec.spans is None and cells_due(t_ns) else None
        waiting.append(SampledFrame(t_ns, t_ns + length_ns, damaged, before, joint, why_not, rgb, tiny))
        first = luma = pixels.luma_like(frame, first)
        if spec.spans is not None:
            motion.add(t_ns, luma)
        for answer in cuts.update(state, luma, options.cut):
            yield waiting[0], answer | waiting.popleft().joint
    for answer in cuts.finish(state, options.cut):
        yield waiting[0], answer | waiting.popleft().joint


def _ticks(hz: float) -> Callable[[int], bool]:
    """Tells of each time, in order, whether a sample is due: the first in each period, of those that are asked for."""
    period_ns, due_ns = round(NS / hz), 0

    def due(t_ns: int) -> bool:
        nonlocal due_ns
        if t_ns < due_ns:
            return False
        due_ns = (t_ns // period_ns + 1) * period_ns
        return True

    return due
