"""Cuts and encodes spans of one recording, in the jail. `main` is the child's entry."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra import encoding, media, pixels
from schemas.errors import BadMedia


@dataclass(slots=True)
class Cut:
    """One span to encode: the times of its frames, sorted, in ns from the recording's first frame."""

    index: int
    times_ns: list[int]
    fps_hz: float
    long_side_px: int
    quarter_turns: int = 0
    frame_ns: list[int] = field(default_factory=list)
    encoder: encoding.Encoder | None = None
    size: tuple[int, int] = (0, 0)

    def due(self, until_ns: int) -> int:
        """How many of the times not yet served lie before `until_ns`."""
        return max(0, bisect_left(self.times_ns, until_ns) - len(self.frame_ns))

    def close(self) -> None:
        """Ends its file."""
        if self.encoder is not None:
            self.encoder.close()
            self.encoder = None


def main(argv: list[str]) -> None:
    """argv: media path, out folder, path of a JSON list of {"times_ns", "fps_hz", "long_side_px", "quarter_turns"}.

    Writes <index>.mp4 a span and prints [{"frame_ns", "width_px", "height_px"}], in the list's order.
    """
    cuts = [Cut(i, **job) for i, job in enumerate(json.loads(Path(argv[2]).read_text()))]
    encode(Path(argv[0]), Path(argv[1]), cuts)
    print(json.dumps([{"frame_ns": c.frame_ns, "width_px": c.size[0], "height_px": c.size[1]} for c in cuts]))


def encode(path: Path, out: Path, cuts: list[Cut]) -> None:
    """Encodes all cuts in one pass; a time's frame is the one nearest to it.

    BadMedia `span_unreadable`: a span whose frames did not decode this time.
    """
    container = media.open_media(path)
    stream = media.video_stream(container, threads=2)
    waiting = sorted((c for c in cuts if c.times_ns), key=lambda c: c.times_ns[0])
    start_ns = max(0, waiting[0].times_ns[0] - 1_000_000_000) if waiting else 0
    last: media.Picture | None = None
    facts: media.Facts | None = None
    for picture in _with_end(media.pictures(container, stream, start_ns)):
        if picture is not None and facts is None:
            facts = media.facts(container, stream, picture.frame, cuts[0].quarter_turns)
        if last is not None and facts is not None:
            # Half way to the next frame the next one becomes the nearest.
            until = (last.t_ns + picture.t_ns + 1) // 2 if picture else last.t_ns + max(last.length_ns, 500_000_000)
            _serve(waiting, last, until, facts, out)
            for cut in [c for c in waiting if len(c.frame_ns) == len(c.times_ns)]:
                cut.close()
                waiting.remove(cut)
            if not waiting:
                break
        last = picture
    if waiting:
        for cut in waiting:
            cut.close()
        raise BadMedia("span_unreadable", f"{len(waiting)} spans end after the last frame that decodes")


def _with_end(pictures: Iterator[media.Picture]) -> Iterator[media.Picture | None]:
    yield from pictures
    yield None


def _serve(cuts: list[Cut], picture: media.Picture, until_ns: int, facts: media.Facts, out: Path) -> None:
    """Writes the picture to every cut that has times before `until_ns`."""
    scaled: dict[tuple[int, int], Any] = {}
    for cut in cuts:
        count = cut.due(until_ns)
        if not count:
            continue
        if cut.encoder is None:
            cut.size = pixels.fitted(facts.width_px, facts.height_px, cut.long_side_px, multiple=2)
            cut.encoder = encoding.Encoder(out / f"{cut.index}.mp4", cut.size, cut.fps_hz)
        if cut.size not in scaled:
            scaled[cut.size] = pixels.rgb(picture.frame, cut.size, facts.quarter_turns)
        for _ in range(count):
            cut.encoder.write(scaled[cut.size])
            cut.frame_ns.append(picture.t_ns)
