"""Cuts and encodes spans of one recording, in the sandbox. `main` is the child's entry."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from filters import face_blur
from infra.models.centerface import LONG_SIDE_PX as LOOK_PX
from infra.video import decoder, pixels
from infra.video import encoder as encoding
from pipelines.media.clip_bounds import touches
from pipelines.media.face_blur import Redactor, by_time
from schemas.errors import BadMedia
from schemas.spans import Span


@dataclass(slots=True)
class Cut:
    """One span to encode: the times of its frames, sorted, and its end, in ns from the recording's first frame.

    exact: its times are frames' own, and one whose frame is not shown is passed over.
    """

    index: int
    times_ns: list[int]
    end_ns: int
    fps_hz: float
    long_side_px: int
    quarter_turns: int = 0
    exact: bool = False
    served: int = 0  # of its times, those that were passed over included
    frame_ns: list[int] = field(default_factory=list)
    encoder: encoding.Encoder | None = None
    size: tuple[int, int] = (0, 0)

    def due(self, at_ns: int, until_ns: int, next_ns: int | None) -> int:
        """How many of the times not yet served are those of the picture at `at_ns`, and marks them as served.

        It is the nearest before `until_ns`, or an exact cut's own. next_ns: of the picture after it, None at the
        recording's end. One beyond the span's end shows what is not to be seen in it: another shot, or what was
        redacted.
        """
        before = self.served
        if self.exact:
            first, stop = bisect_left(self.times_ns, at_ns), bisect_right(self.times_ns, at_ns)
            self.served = len(self.times_ns) if next_ns is None else max(before, stop)
            return stop - max(first, before) if stop > before else 0
        last = next_ns is not None and next_ns >= self.end_ns
        self.served = max(before, len(self.times_ns) if last else bisect_left(self.times_ns, until_ns))
        return self.served - before

    def close(self) -> None:
        """Ends its file."""
        if self.encoder is not None:
            self.encoder.close()
            self.encoder = None


@dataclass(frozen=True, slots=True)
class Blur:
    """Blurs a recording's frames: the faces of the samples around each, and what is found in the frame itself."""

    redactor: Redactor
    sampled: list[tuple[int, face_blur.Array]]

    def faces(self, picture: decoder.Picture, facts: decoder.StreamFacts) -> face_blur.Array:
        """Faces (N, 5) of a frame, looked for at the size of a proxy whatever size is encoded."""
        size = pixels.fitted(facts.width_px, facts.height_px, LOOK_PX)
        own = self.redactor.faces(pixels.rgb(picture.frame, size, facts.quarter_turns))
        return np.concatenate([face_blur.faces_near(self.sampled, picture.t_ns), own])


def main(argv: list[str]) -> None:
    """argv: media path, out folder, path of JSON {"cuts", "redacted", "blur"}.

    cuts: [{"times_ns", "end_ns", "fps_hz", "long_side_px", "quarter_turns", "exact"}]. redacted: spans of which no
    frame is shown. blur: null, or {"weights": path of the face detector's, "faces": clips.faces of the recording}.
    Writes <index>.mp4 a span and prints [{"frame_ns", "width_px", "height_px"}], in the list's order.
    """
    job = json.loads(Path(argv[2]).read_text())
    cuts = [Cut(i, **cut) for i, cut in enumerate(job["cuts"])]
    blur = Blur(Redactor(Path(job["blur"]["weights"])), by_time(job["blur"]["faces"])) if job["blur"] else None
    encode(Path(argv[0]), Path(argv[1]), cuts, blur, [(start, end) for start, end in job["redacted"]])
    print(json.dumps([{"frame_ns": c.frame_ns, "width_px": c.size[0], "height_px": c.size[1]} for c in cuts]))


def encode(path: Path, out: Path, cuts: list[Cut], blur: Blur | None = None, redacted: Iterable[Span] = ()) -> None:
    """Encodes all cuts in one pass; a time's frame is the one nearest to it that is in its span and not redacted.

    An exact cut's is the one of this very time; without it the time is not in frame_ns.
    BadMedia `span_unreadable`: a span whose frames did not decode this time.
    """
    container = decoder.open_media(path)
    stream = decoder.video_stream(container, threads=2)
    waiting = sorted((c for c in cuts if c.times_ns), key=lambda c: c.times_ns[0])
    start_ns = max(0, waiting[0].times_ns[0] - 1_000_000_000) if waiting else 0
    last: decoder.Picture | None = None
    facts: decoder.StreamFacts | None = None
    for picture in _shown(decoder.pictures(container, stream, start_ns), redacted):
        if picture is not None and facts is None:
            facts = decoder.facts(container, stream, picture.frame, cuts[0].quarter_turns)
        if last is not None and facts is not None:
            # Half way to the next frame the next one becomes the nearest.
            until = (last.t_ns + picture.t_ns + 1) // 2 if picture else last.t_ns + max(last.length_ns, 500_000_000)
            _serve(waiting, last, (until, picture and picture.t_ns), Source(facts, out, blur))
            for cut in [c for c in waiting if c.served == len(c.times_ns)]:
                cut.close()
                waiting.remove(cut)
            if not waiting:
                break
        last = picture
    waiting += [c for c in cuts if c.times_ns and not c.frame_ns and c not in waiting]
    if waiting:
        for cut in waiting:
            cut.close()
        raise BadMedia("span_unreadable", f"{len(waiting)} spans end after the last frame that decodes")


def _shown(pictures: Iterator[decoder.Picture], redacted: Iterable[Span]) -> Iterator[decoder.Picture | None]:
    """Pictures that touch nothing redacted, then None."""
    hidden = touches(redacted)
    yield from (p for p in pictures if not hidden(p.t_ns, p.t_ns + p.length_ns))
    yield None


@dataclass(frozen=True, slots=True)
class Source:
    """What every frame of the recording shares."""

    facts: decoder.StreamFacts
    out: Path
    blur: Blur | None


def _serve(cuts: list[Cut], picture: decoder.Picture, until: tuple[int, int | None], source: Source) -> None:
    """Writes the picture to every cut for which it is due: Cut.due."""
    facts, blur = source.facts, source.blur
    scaled: dict[tuple[int, int], pixels.Rgb] = {}
    faces: npt.NDArray[np.float32] | None = None
    for cut in cuts:
        count = cut.due(picture.t_ns, *until)
        if not count:
            continue
        if cut.encoder is None:
            cut.size = pixels.fitted(facts.width_px, facts.height_px, cut.long_side_px, multiple=2)
            cut.encoder = encoding.Encoder(source.out / f"{cut.index}.mp4", cut.size, cut.fps_hz)
        if cut.size not in scaled:
            rgb = pixels.rgb(picture.frame, cut.size, facts.quarter_turns)
            if blur is not None:
                faces = blur.faces(picture, facts) if faces is None else faces
                rgb = face_blur.blur_faces(rgb, faces)
            scaled[cut.size] = rgb
        for _ in range(count):
            cut.encoder.write(scaled[cut.size])
            cut.frame_ns.append(picture.t_ns)
