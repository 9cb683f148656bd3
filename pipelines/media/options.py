"""What shapes the one pass: its options, and what is asked of one recording beyond them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from filters import cuts, face_blur, fingerprints
from pipelines.media.face_blur import version
from schemas import signals
from schemas.keys import as_stored, digest_of, variant_key
from schemas.spans import Span


@dataclass(frozen=True, slots=True)
class PassOptions:
    """Options of the one pass: part of every asset's recipe."""

    proxy_hz: float = 4.0  # samples a second in a proxy
    proxy_long_side_px: int = 448  # of a sample
    proxy_quality: int = 75  # JPEG quality; q75 costs .65 of the sample clips' own bytes, q85 .84, q95 1.48
    cut: cuts.CutOptions = field(default_factory=cuts.CutOptions)
    # Stages whose faces are blurred. First-person takes show people at home who never agreed to it; the web's were
    # published by others, a robot's show its own lab. It costs .14 to .18 core seconds a second: docs/privacy.md.
    blur_faces: tuple[str, ...] = ("ego",)
    versions: tuple[str, ...] = (cuts.VERSION, signals.VERSION, fingerprints.VERSION, face_blur.VERSION)
    generation: str = ""  # of the corpus (pipelines/media/generations.py), which sets it; empty for its first

    @property
    def recipe(self) -> str:
        """Digest of everything that shapes clips, signals and proxies."""
        plain = as_stored(self)
        generation = plain.pop("generation")
        first = digest_of(plain)[:16]
        return digest_of([first, generation])[:16] if generation else first

    def __post_init__(self) -> None:
        """ValueError: values with which no recording could be cut or sampled."""
        if not (self.proxy_hz > 0 and self.cut.longest_s > 0 and self.proxy_long_side_px >= 16):
            raise ValueError("proxy_hz and cut.longest_s must be over 0, and proxy_long_side_px 16 or more")
        if unknown := set(self.blur_faces) - {"web", "ego", "robot"}:
            raise ValueError(f"blur_faces: {', '.join(sorted(unknown))} is not a stage; web, ego and robot are")


@dataclass(frozen=True, slots=True)
class DecodeSpec:
    """What is asked of one recording beyond the options.

    spans: a robot's episodes, which are the clips then; None: shots are. redacted: spans that no clip may touch.
    quarter_turns: clockwise, on top of the container's own rotation. blur: faces are found and blurred.
    """

    spans: tuple[Span, ...] | None = None
    redacted: tuple[Span, ...] = ()
    quarter_turns: int = 0
    blur: bool = False

    @property
    def decode_variant(self) -> str:
        """What tells clips of the same bytes apart that were cut or turned otherwise; empty for plain ones."""
        attempts = "" if self.spans is None else "attempts"
        plain = (sorted(map(list, self.redacted)), self.quarter_turns % 4, version() if self.blur else "", attempts)
        return variant_key(*plain) if any(plain) else ""


def decode_job(sha256: str, options: PassOptions, spec: DecodeSpec, faces: str | None) -> str:
    """What the decoding child is told of a recording, as JSON. faces: path of the face detector's weights, or None."""
    job = {"sha256": sha256, "options": asdict(options), "spec": asdict(spec), "faces": faces}
    return json.dumps(job)
