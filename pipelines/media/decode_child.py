"""The one pass in the sandbox: `main` is the child's entry.

Writes proxies.arrow and clips.arrow (schemas.Proxy and schemas.Clip, a batch a clip), motion.npy where a robot's
attempts are cut, and prints {"facts", "gaps"}.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2

from filters import cuts
from pipelines.media.decode_pass import ClipsThenEnd, PassEnd, one_pass, rows_file, write
from pipelines.media.face_blur import Redactor
from pipelines.media.options import DecodeSpec, PassOptions
from pipelines.media.picture_motion import MOTION_FILE
from schemas import Clip, Proxy
from schemas.arrow import table_of, to_dict


def preload() -> None:
    """What every child would load on its way: Arrow takes in pandas with its first table (.35 s)."""
    table_of(Proxy, [])


def main(argv: list[str]) -> None:
    """argv: media path, out folder, JSON {"sha256", "options", "spec", "faces": weights of their detector or null}."""
    path, out, job = Path(argv[0]), Path(argv[1]), json.loads(argv[2])
    spec = _spec(job["spec"])
    cv2.setNumThreads(1)
    redactor = Redactor(Path(job["faces"])) if spec.blur else None
    with rows_file(out / "clips.arrow", Clip) as clips:
        clips_then_end = one_pass(path, out, job["sha256"], _options(job["options"]), spec, redactor)
        end = _drained(clips_then_end, lambda clip: write(clips, clip))
        if spec.spans is not None:
            end.motion.save(out / MOTION_FILE)
        print(json.dumps(_reply(end)))


def _options(plain: dict[str, Any]) -> PassOptions:
    tuples = {name: tuple(plain[name]) for name in ("blur_faces", "versions")}
    return PassOptions(**plain | tuples | {"cut": cuts.CutOptions(**plain["cut"])})


def _spec(plain: dict[str, Any]) -> DecodeSpec:
    spans = None if plain["spans"] is None else tuple((start, end) for start, end in plain["spans"])
    return DecodeSpec(**plain | {"spans": spans, "redacted": tuple((start, end) for start, end in plain["redacted"])})


def decode(
    path: Path,
    out: Path,
    sha256: str,
    options: PassOptions,
    spec: DecodeSpec = DecodeSpec(),
    redactor: Redactor | None = None,
) -> dict[str, Any]:
    """Facts, clips and gaps of a recording at once, for those who can hold them."""
    clips: list[Clip] = []
    end = _drained(one_pass(path, out, sha256, options, spec, redactor), clips.append)
    return _reply(end) | {"clips": [to_dict(clip) for clip in clips]}


def _reply(end: PassEnd) -> dict[str, Any]:
    """What the child prints."""
    facts = dataclasses.asdict(end.facts) | {"duration_ns": end.duration_ns, "decoded_ns": end.decoded_ns}
    return {"facts": facts, "gaps": end.gaps}


def _drained(clips_then_end: ClipsThenEnd, take: Callable[[Clip], object]) -> PassEnd:
    """Hands on every clip as it comes; what the pass says at its end."""
    while True:
        try:
            take(next(clips_then_end))
        except StopIteration as e:
            end: PassEnd = e.value
            return end
