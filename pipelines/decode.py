"""The one pass over a recording, in the jail: cuts, signals and proxies. `main` is the child's entry.

Writes proxies.arrow and clips.arrow (schemas.Proxy and schemas.Clip, a batch a clip) and prints {"facts", "gaps"}:
memory holds one clip at most.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import pyarrow as pa

from filters import cuts, redaction, signals
from infra import media, pixels
from pipelines.redact import UNREDACTED, Redactor, version
from pipelines.tiling import Cutter, Gap, at_edges, at_shots, lengthen, touches, within
from schemas import Clip, Proxy
from schemas.arrow import schema_of, table_of
from schemas.keys import clip_id, digest_of, key_of
from schemas.spans import NS, Span

# A container that promises this much more than it holds was cut short; less is rounding or a longer audio track.
SHORT_NS = NS // 2
UNSTAMPED: dict[str, Any] = {"run_id": "", "camera": None}  # columns of clips.arrow that the parent fills in

Passing = Generator[dict[str, Any], None, dict[str, Any]]


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

    @property
    def recipe(self) -> str:
        """Digest of everything that shapes clips, signals and proxies."""
        return digest_of(dataclasses.asdict(self))[:16]

    def __post_init__(self) -> None:
        """ValueError: values with which no recording could be cut or sampled."""
        if not (self.proxy_hz > 0 and self.cut.longest_s > 0 and self.proxy_long_side_px >= 16):
            raise ValueError("proxy_hz and cut.longest_s must be over 0, and proxy_long_side_px 16 or more")
        if unknown := set(self.blur_faces) - {"web", "ego", "robot"}:
            raise ValueError(f"blur_faces: {', '.join(sorted(unknown))} is no stage; web, ego and robot are")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of one recording beyond the options.

    spans: a robot's episodes, which are the clips then; None: shots are. redacted: spans that no clip may touch.
    quarter_turns: clockwise, on top of the container's own rotation. blur: faces are found and blurred.
    """

    spans: tuple[Span, ...] | None = None
    redacted: tuple[Span, ...] = ()
    quarter_turns: int = 0
    blur: bool = False

    @property
    def tiling(self) -> str:
        """What tells clips of the same bytes apart that were cut or turned otherwise; empty for plain ones."""
        plain = (sorted(map(list, self.redacted)), self.quarter_turns % 4, version() if self.blur else "")
        return key_of(*plain)[:16] if any(plain) else ""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a sample's pixels are made: upright size, turns, and what blurs faces, where that is asked for."""

    size: tuple[int, int]
    quarter_turns: int
    redactor: Redactor | None

    def rgb(self, frame: Any, t_ns: int) -> pixels.Rgb:
        """The sample, uint8 (h, w, 3)."""
        rgb = pixels.rgb(frame, self.size, self.quarter_turns)
        return rgb if self.redactor is None else self.redactor.sample(rgb, t_ns)


@dataclass(slots=True)
class OpenClip:
    """The clip under way."""

    start_ns: int
    samples: list[tuple[int, bytes]] = field(default_factory=list)
    states: list[Any] = field(default_factory=lambda: [s.start() for s in signals.SIGNALS])
    frames: int = 0
    damaged: int = 0


@dataclass(slots=True)
class Seen:
    """A frame whose cut is not decided yet: the sample taken of it, if any, and why no clip may hold it, if so."""

    t_ns: int
    end_ns: int
    damaged: bool
    torn: bool
    why_not: str | None
    rgb: pixels.Rgb | None


def preload() -> None:
    """What every child would load on its way: Arrow takes in pandas with its first table (.35 s)."""
    table_of(Proxy, [])


def main(argv: list[str]) -> None:
    """argv: media path, out folder, JSON {"sha256", "options", "asked", "faces": weights of their detector or null}."""
    job = json.loads(argv[2])
    plain = job["options"] | {n: tuple(job["options"][n]) for n in ("blur_faces", "versions")}
    options = PassOptions(**plain | {"cut": cuts.CutOptions(**plain["cut"])})
    told = job["asked"] | {"redacted": tuple((s, e) for s, e in job["asked"]["redacted"])}
    told["spans"] = None if told["spans"] is None else tuple((s, e) for s, e in told["spans"])
    cv2.setNumThreads(1)
    redactor = Redactor(Path(job["faces"])) if told["blur"] else None
    with _writer(Path(argv[1]) / "clips.arrow", Clip) as clips:
        passing = one_pass(Path(argv[0]), Path(argv[1]), job["sha256"], options, Asked(**told), redactor)
        print(json.dumps(_drained(passing, lambda row: _write(clips, Clip, row | UNSTAMPED))))


def decode(
    path: Path, out: Path, sha256: str, options: PassOptions, asked: Asked = Asked(), redactor: Redactor | None = None
) -> dict[str, Any]:
    """Facts, clips and gaps of a recording at once, for those who can hold them."""
    clips: list[dict[str, Any]] = []
    return _drained(one_pass(path, out, sha256, options, asked, redactor), clips.append) | {"clips": clips}


def _drained(passing: Passing, take: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Hands on every clip as it comes; what the pass says at its end."""
    while True:
        try:
            take(next(passing))
        except StopIteration as e:
            return dict(e.value)


@contextmanager
def _writer(path: Path, row: type) -> Iterator[Any]:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema_of(row)) as writer:
        yield writer


def _write(writer: Any, row: type, values: dict[str, Any]) -> None:
    for batch in table_of(row, [values]).to_batches():
        writer.write_batch(batch)


def one_pass(
    path: Path, out: Path, sha256: str, options: PassOptions, asked: Asked, redactor: Redactor | None
) -> Passing:
    """Columns of each clip as it ends, its proxy written; at the end {"facts", "gaps"}. Clips and gaps tile it."""
    container = media.open_media(path)
    stream = media.video_stream(container)
    pictures = media.pictures(container, stream)
    first = next(pictures, None)
    if first is None:
        raise media.without_frames(stream)
    facts = media.facts(container, stream, first.frame, asked.quarter_turns)
    size = pixels.fitted(facts.width_px, facts.height_px, options.proxy_long_side_px)
    sampling = Sampling(size, facts.quarter_turns, redactor)
    gaps: list[Gap] = []
    decoded_ns = 0
    with _writer(out / "proxies.arrow", Proxy) as proxies:
        frames = _with_cuts(itertools.chain([first], pictures), sampling, options, asked)
        for clip, decoded_ns in _clips(frames, asked, options, gaps):
            row = _columns(clip, decoded_ns, sha256, options, asked)
            row |= UNREDACTED if redactor is None else redactor.columns(decoded_ns)
            if asked.spans is None or _inside(row, asked.spans):
                _write(proxies, Proxy, _proxy(clip, row, size))
                yield row
    gaps = [gap for gap in gaps if gap[0] < gap[1]]
    decoded_ns = max([decoded_ns, *(g[1] for g in gaps)])
    lost = facts.declared_ns - decoded_ns
    duration_ns = facts.declared_ns if lost > SHORT_NS else decoded_ns
    return {"facts": dataclasses.asdict(facts) | {"duration_ns": duration_ns, "decoded_ns": decoded_ns}, "gaps": gaps}


def _inside(clip: dict[str, Any], spans: Iterable[Span]) -> bool:
    return any(s <= clip["start_ns"] and clip["end_ns"] <= e for s, e in spans)


def _clips(
    frames: Iterator[tuple[Seen, bool]], asked: Asked, options: PassOptions, gaps: list[Gap]
) -> Iterator[tuple[OpenClip, int]]:
    """Clips with their ends; what lies between them goes to `gaps`, and both tile [0, decoded)."""
    longest_ns = round(options.cut.longest_s * NS)
    cut: Cutter = at_shots(longest_ns) if asked.spans is None else at_edges(asked.spans, longest_ns)
    clip: OpenClip | None = OpenClip(0)
    end_ns = 0
    for frame, starts_shot in frames:
        hole = asked.spans is None and frame.torn and frame.t_ns > end_ns + (frame.end_ns - frame.t_ns) // 2
        if clip is not None and (hole or frame.why_not):
            if (at := end_ns if hole else frame.t_ns) > clip.start_ns:
                yield clip, at
            clip = None
            gaps.append((at, frame.t_ns, "damaged"))
        if clip is None:
            lengthen(gaps, frame.t_ns, gaps[-1][2])
        if frame.why_not:
            lengthen(gaps, frame.end_ns, frame.why_not)
        elif clip is None:
            clip = OpenClip(frame.t_ns)
        if clip is not None:
            while (at_ns := cut(clip.start_ns, frame.t_ns, frame.end_ns, starts_shot)) is not None:
                if at_ns > clip.start_ns:
                    yield clip, at_ns
                    clip = OpenClip(at_ns)
            _add(clip, frame, options)
        end_ns = frame.end_ns
    while clip is not None and (at_ns := cut(clip.start_ns, end_ns, end_ns, False)) is not None and at_ns < end_ns:
        if at_ns > clip.start_ns:
            yield clip, at_ns
            clip = OpenClip(at_ns)
    if clip is not None and end_ns > clip.start_ns:
        yield clip, end_ns


def _with_cuts(
    pictures: Iterator[media.Picture], sampling: Sampling, options: PassOptions, asked: Asked
) -> Iterator[tuple[Seen, bool]]:
    """Frames in order, each with whether it starts a shot; a sample's pixels are taken on the way, where clips lie."""
    state = cuts.CutState()
    waiting: deque[Seen] = deque()
    period_ns = round(NS / options.proxy_hz)
    due_ns = 0
    wanted = (lambda t_ns: True) if asked.spans is None else within(asked.spans)
    redacted = touches(asked.redacted)
    first: pixels.Rgb | None = None
    for t_ns, length_ns, frame, damaged, torn in pictures:
        why_not = "redacted" if redacted(t_ns, t_ns + length_ns) else None
        if damaged and asked.spans is None:
            why_not = why_not or "damaged"
        rgb = None
        if t_ns >= due_ns and why_not is None and wanted(t_ns):
            rgb = sampling.rgb(frame, t_ns)
            due_ns = (t_ns // period_ns + 1) * period_ns
        waiting.append(Seen(t_ns, t_ns + length_ns, damaged, torn, why_not, rgb))
        first = luma = pixels.luma_like(frame, first)
        for answer in cuts.update(state, luma, options.cut):
            yield waiting.popleft(), answer
    for answer in cuts.finish(state, options.cut):
        yield waiting.popleft(), answer


def _add(clip: OpenClip, frame: Seen, options: PassOptions) -> None:
    clip.frames += 1
    clip.damaged += frame.damaged
    if frame.rgb is None:
        return
    sample = signals.sample_of(frame.t_ns, frame.rgb)
    clip.states = [s.update(state, sample) for s, state in zip(signals.SIGNALS, clip.states, strict=True)]
    quality = [cv2.IMWRITE_JPEG_QUALITY, options.proxy_quality]
    ok, jpeg = cv2.imencode(".jpg", cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR), quality)
    if not ok:
        raise RuntimeError("JPEG encoder refused a frame")
    clip.samples.append((frame.t_ns, jpeg.tobytes()))


def _columns(clip: OpenClip, end_ns: int, sha256: str, options: PassOptions, asked: Asked) -> dict[str, Any]:
    """The clip's columns."""
    key = clip_id(sha256, clip.start_ns, end_ns)
    row: dict[str, Any] = {
        "clip_row_id": key_of(key, options.recipe, asked.tiling),
        "clip_id": key,
        "sha256": sha256,
        "start_ns": clip.start_ns,
        "end_ns": end_ns,
        "tiling": asked.tiling,
        "cutter": cuts.VERSION if asked.spans is None else "episode",
        "frame_count": clip.frames,
        "damaged_frames": clip.damaged,
        "recipe": options.recipe,
    }
    return row | {s.name: s.finish(state) for s, state in zip(signals.SIGNALS, clip.states, strict=True)}


def _proxy(clip: OpenClip, row: dict[str, Any], size: tuple[int, int]) -> dict[str, Any]:
    return {
        "clip_row_id": row["clip_row_id"], "clip_id": row["clip_id"], "sample_ns": [t for t, _ in clip.samples],
        "width_px": size[0], "height_px": size[1], "jpegs": [j for _, j in clip.samples],
    }  # fmt: skip
