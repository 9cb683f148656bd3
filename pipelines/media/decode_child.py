"""The one pass in the sandbox: `main` is the child's entry.

Writes proxies.arrow and clips.arrow (schemas.Proxy and schemas.Clip, a batch a clip) and prints {"facts", "gaps"}.
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
from schemas import Clip, Proxy
from schemas.arrow import table_of, to_dict


def preload() -> None:
    """What every child would load on its way: Arrow takes in pandas with its first table (.35 s)."""
    table_of(Proxy, [])


def main(argv: list[str]) -> None:
    """argv: media path, out folder, JSON {"sha256", "options", "spec", "faces": weights of their detector or null}."""
    job = json.loads(argv[2])
    plain = job["options"] | {n: tuple(job["options"][n]) for n in ("blur_faces", "versions")}
    options = PassOptions(**plain | {"cut": cuts.CutOptions(**plain["cut"])})
    told = job["spec"] | {"redacted": tuple((s, e) for s, e in job["spec"]["redacted"])}
    told["spans"] = None if told["spans"] is None else tuple((s, e) for s, e in told["spans"])
    cv2.setNumThreads(1)
    redactor = Redactor(Path(job["faces"])) if told["blur"] else None
    with rows_file(Path(argv[1]) / "clips.arrow", Clip) as clips:
        passing = one_pass(Path(argv[0]), Path(argv[1]), job["sha256"], options, DecodeSpec(**told), redactor)
        print(json.dumps(_reply(_drained(passing, lambda clip: write(clips, clip)))))


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


def _drained(passing: ClipsThenEnd, take: Callable[[Clip], object]) -> PassEnd:
    """Hands on every clip as it comes; what the pass says at its end."""
    while True:
        try:
            take(next(passing))
        except StopIteration as e:
            end: PassEnd = e.value
            return end
