"""The one pass over a recording, in the jail: cuts, signals and proxies. `main` is the child's entry.

Writes proxies.arrow (schemas.Proxy, a batch a clip) and prints {"facts", "clips"}; memory holds one clip at most.
"""

from __future__ import annotations

import dataclasses
import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import pyarrow as pa

from filters import cuts, redaction, signals
from infra import media
from pipelines.redact import UNREDACTED, Redactor
from schemas import Proxy
from schemas.arrow import schema_of, table_of
from schemas.errors import BadMedia
from schemas.keys import clip_id
from schemas.spans import NS, Span, merge, split

# A container that promises this much more than it holds was cut short; less is rounding or a longer audio track.
SHORT_NS = NS // 2


@dataclass(frozen=True, slots=True)
class PassOptions:
    """Options of the one pass: part of every asset's recipe."""

    proxy_hz: float = 4.0
    proxy_long_side_px: int = 448
    proxy_quality: int = 75  # JPEG; q75 costs .65 of the sample clips' own bytes, q85 .84, q95 1.48
    cut: cuts.CutOptions = field(default_factory=cuts.CutOptions)
    # Stages whose faces are blurred. First-person takes show people at home who never agreed to it; the web's were
    # published by others, a robot's show its own lab. It costs .14 to .18 core seconds a second: docs/privacy.md.
    blur_faces: tuple[str, ...] = ("ego",)
    versions: tuple[str, ...] = (cuts.VERSION, signals.VERSION, redaction.VERSION)

    def __post_init__(self) -> None:
        """ValueError: values with which no recording could be cut or sampled."""
        if not (self.proxy_hz > 0 and self.cut.longest_s > 0 and self.proxy_long_side_px >= 16):
            raise ValueError("proxy_hz and cut.longest_s must be over 0, and proxy_long_side_px 16 or more")
        if unknown := set(self.blur_faces) - {"web", "ego", "robot"}:
            raise ValueError(f"blur_faces: {', '.join(sorted(unknown))} is no stage; web, ego and robot are")


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a sample's pixels are made: upright size, turns, and what blurs faces, where that is asked for."""

    size: tuple[int, int]
    quarter_turns: int
    redactor: Redactor | None

    def rgb(self, picture: media.Picture) -> media.Rgb:
        """The sample, uint8 (h, w, 3)."""
        rgb = media.rgb(picture.frame, self.size, self.quarter_turns)
        return rgb if self.redactor is None else self.redactor.sample(rgb, picture.t_ns)


@dataclass(slots=True)
class OpenClip:
    """The clip under way."""

    start_ns: int
    samples: list[tuple[int, bytes]] = field(default_factory=list)
    states: list[Any] = field(default_factory=lambda: [s.start() for s in signals.SIGNALS])
    frames: int = 0
    damaged: int = 0


@dataclass(slots=True)
class Pending:
    """A frame whose cut is not decided yet, with its sample where it is one."""

    picture: media.Picture
    rgb: media.Rgb | None


def main(argv: list[str]) -> None:
    """argv: media path, out folder, JSON {"sha256", "options", "spans": [[start, end]] or null, "faces": path}.

    faces: the face detector's weights, where faces are blurred; else absent or null.
    """
    job = json.loads(argv[2])
    plain = job["options"] | {n: tuple(job["options"][n]) for n in ("blur_faces", "versions")}
    options = PassOptions(**plain | {"cut": cuts.CutOptions(**plain["cut"])})
    redactor = Redactor(Path(job["faces"])) if job.get("faces") else None
    print(json.dumps(decode(Path(argv[0]), Path(argv[1]), job["sha256"], options, job["spans"], redactor)))


def decode(
    path: Path, out: Path, sha256: str, options: PassOptions, spans: list[Span] | None, redactor: Redactor | None = None
) -> dict[str, Any]:
    """Facts and clips of a recording. With spans (a robot's episodes) those are the clips, else shots are."""
    container = media.open_media(path)
    stream = media.video_stream(container)
    pictures = media.pictures(container, stream)
    first = next(pictures, None)
    if first is None:
        raise BadMedia("no_frames", "a video stream without one decodable frame")
    facts = media.facts(container, stream, first.frame)
    size = media.fitted(facts.width_px, facts.height_px, options.proxy_long_side_px)
    sampling = Sampling(size, facts.quarter_turns, redactor)
    clips: list[dict[str, Any]] = []
    with (
        pa.OSFile(str(out / "proxies.arrow"), "wb") as sink,
        pa.ipc.new_file(sink, schema_of(Proxy)) as writer,
    ):
        decoded_ns = 0
        for clip, end_ns in _clips(_chain(first, pictures), sampling, options, spans):
            clips.append(_close(clip, end_ns, sha256, spans, writer, sampling))
            decoded_ns = end_ns
    lost = facts.declared_ns - decoded_ns
    duration_ns = facts.declared_ns if lost > SHORT_NS else decoded_ns
    kept = clips if spans is None else [c for c in clips if _inside(c, spans)]
    return {
        "facts": dataclasses.asdict(facts) | {"duration_ns": duration_ns, "decoded_ns": decoded_ns},
        "clips": kept,
    }


def _chain(first: media.Picture, rest: Iterator[media.Picture]) -> Iterator[media.Picture]:
    yield first
    yield from rest


def _inside(clip: dict[str, Any], spans: list[Span]) -> bool:
    return any(s <= clip["start_ns"] and clip["end_ns"] <= e for s, e in spans)


def _clips(
    pictures: Iterator[media.Picture],
    sampling: Sampling,
    options: PassOptions,
    spans: list[Span] | None,
) -> Iterator[tuple[OpenClip, int]]:
    """Clips with their ends; they tile [0, decoded)."""
    cut = _at_shots(options) if spans is None else _at_edges(spans, options)
    clip = OpenClip(0)
    end_ns = 0
    for pending, starts_shot in _with_cuts(pictures, sampling, options, spans):
        t_ns, next_ns = pending.picture.t_ns, pending.picture.t_ns + pending.picture.length_ns
        while (at := cut(t_ns, next_ns, starts_shot)) is not None:
            if at > clip.start_ns:
                yield clip, at
                clip = OpenClip(at)
        _add(clip, pending, options)
        end_ns = next_ns
    while (at := cut(end_ns, end_ns, False)) is not None and at < end_ns:
        if at > clip.start_ns:
            yield clip, at
            clip = OpenClip(at)
    if end_ns > clip.start_ns:
        yield clip, end_ns


# cut(t_ns, next_ns, starts_shot): where the clip under way ends before the frame that is shown over [t_ns, next_ns);
# asked again until it says None.
Cutter = Callable[[int, int, bool], int | None]


def _at_shots(options: PassOptions) -> Cutter:
    """Cut at shots, and before the frame that would make a clip too long; where no frame comes in time, without one."""
    longest = round(options.cut.longest_s * NS)
    start = 0

    def cut(t_ns: int, next_ns: int, starts_shot: bool) -> int | None:
        nonlocal start
        if t_ns > start and (starts_shot or next_ns - start > longest):
            start = min(t_ns, start + longest)
            return start
        return None

    return cut


def _at_edges(spans: list[Span], options: PassOptions) -> Cutter:
    """Cut at every time at which a clip of given spans starts or ends."""
    longest = round(options.cut.longest_s * NS)
    edges = iter(sorted({t for span in spans for part in split((span[0], span[1]), longest) for t in part}))
    coming = next(edges, None)

    def cut(t_ns: int, next_ns: int, starts_shot: bool) -> int | None:
        nonlocal coming
        del next_ns, starts_shot
        if coming is None or t_ns < coming:
            return None
        at, coming = coming, next(edges, None)
        return at

    return cut


def _within(spans: list[Span] | None) -> Callable[[int], bool]:
    """Whether a time lies in any of the spans, for times that do not decrease; None: every time does."""
    left = [] if spans is None else merge((s[0], s[1]) for s in spans)

    def inside(t_ns: int) -> bool:
        while left and left[0][1] <= t_ns:
            del left[0]
        return spans is None or (bool(left) and left[0][0] <= t_ns)

    return inside


def _with_cuts(
    pictures: Iterator[media.Picture],
    sampling: Sampling,
    options: PassOptions,
    spans: list[Span] | None,
) -> Iterator[tuple[Pending, bool]]:
    """Frames in order, each with whether it starts a shot; a sample's pixels are taken on the way, inside the spans."""
    state = cuts.CutState()
    waiting: deque[Pending] = deque()
    period_ns = round(NS / options.proxy_hz)
    due_ns = 0
    inside = _within(spans)
    for picture in pictures:
        rgb = None
        if picture.t_ns >= due_ns and inside(picture.t_ns):
            rgb = sampling.rgb(picture)
            due_ns = (picture.t_ns // period_ns + 1) * period_ns
        waiting.append(Pending(picture, rgb))
        for answer in cuts.update(state, media.luma(picture.frame), options.cut):
            yield waiting.popleft(), answer
    for answer in cuts.finish(state, options.cut):
        yield waiting.popleft(), answer


def _add(clip: OpenClip, pending: Pending, options: PassOptions) -> None:
    clip.frames += 1
    clip.damaged += pending.picture.damaged
    if pending.rgb is None:
        return
    sample = signals.sample_of(pending.picture.t_ns, pending.rgb)
    clip.states = [s.update(state, sample) for s, state in zip(signals.SIGNALS, clip.states, strict=True)]
    quality = [cv2.IMWRITE_JPEG_QUALITY, options.proxy_quality]
    ok, jpeg = cv2.imencode(".jpg", pending.rgb[:, :, ::-1], quality)
    if not ok:
        raise RuntimeError("JPEG encoder refused a frame")
    clip.samples.append((pending.picture.t_ns, jpeg.tobytes()))


def _close(
    clip: OpenClip, end_ns: int, sha256: str, spans: list[Span] | None, writer: Any, sampling: Sampling
) -> dict[str, Any]:
    """The clip's columns; its proxy goes to the writer, unless it lies outside every given span."""
    row: dict[str, Any] = {
        "clip_id": clip_id(sha256, clip.start_ns, end_ns),
        "sha256": sha256,
        "start_ns": clip.start_ns,
        "end_ns": end_ns,
        "cutter": cuts.VERSION if spans is None else "episode",
        "frame_count": clip.frames,
        "damaged_frames": clip.damaged,
    }
    row |= {s.name: s.finish(state) for s, state in zip(signals.SIGNALS, clip.states, strict=True)}
    row |= UNREDACTED if sampling.redactor is None else sampling.redactor.columns(end_ns)
    if spans is None or _inside(row, spans):
        times, jpegs = [t for t, _ in clip.samples], [j for _, j in clip.samples]
        proxy = Proxy(
            clip_id=row["clip_id"], sample_ns=times, width_px=sampling.size[0], height_px=sampling.size[1],
            jpegs=jpegs, redaction=row["redaction"],
        )  # fmt: skip
        for batch in table_of(Proxy, [proxy]).to_batches():
            writer.write_batch(batch)
    return row
