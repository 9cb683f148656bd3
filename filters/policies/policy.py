"""The policy: every number that a verdict rests on."""

from __future__ import annotations

import dataclasses

from filters import licences
from filters.hand_spans import SpanRule
from filters.policies.whole_clip import DAMAGED, TOO_SHORT
from schemas.arrow import column
from schemas.keys import as_stored, digest_of
from schemas.signals.base import Gate
from schemas.signals.brightness import TOO_DARK
from schemas.signals.camera_motion import MOVING_CAMERA
from schemas.signals.freeze_share import FROZEN
from schemas.signals.sharpness import BLURRED
from schemas.signals.text_share import BURNED_IN_TEXT
from schemas.spans import NS


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Every number of the verdict, its only home. Two policies with equal digests decide alike.

    A gate's limit is a field of its own; the order of the fields is the order of a clip's reasons.
    """

    detector: str = column("whose hand tracks are judged: hands.detector")
    clip_least_s: float = TOO_SHORT.policy_field()
    freeze_share_most: float = FROZEN.policy_field()
    brightness_least: float = TOO_DARK.policy_field()
    sharpness_least: float = BLURRED.policy_field()
    camera_motion_most: float = MOVING_CAMERA.policy_field()
    text_share_most: float = BURNED_IN_TEXT.policy_field()
    damaged_share_most: float = DAMAGED.policy_field()
    bridge_s: float = column("gap without hands that a run outlives. facts: .75", default=0.75)
    pad_s: float = column("added on both sides of a run. facts: 1", default=1.0)
    span_least_s: float = column("shorter spans of hands are rejected. facts: 1", default=1.0)
    longest_span_s: float = column("longer kept spans are cut in equal parts. Ours", default=20.0)
    hand_samples_least: int = column("fewer: brief_hands; a lone one is as often false. Ours", default=2)
    contact_accept_least: float = column(
        "strongest contact of a run. docs/hands.md: work .67 and more, gestures .26 and less", default=0.45
    )
    contact_doubt_least: float = column(
        "from here to accept: weak_contact; a whole arm in view stays below (.25)", default=0.3
    )
    purpose: str = column(
        "research or commercial: what its releases are for. docs/privacy.md has what each allows",
        default=licences.RESEARCH,
    )
    licences_held: tuple[str, ...] = column(
        "licences' exact words under which you have an agreement of your own for this purpose", default=()
    )
    bimanual_share_least: float = column("samples with two hands. schemas.Decision: a tenth", default=0.1)

    def __post_init__(self) -> None:
        """ValueError: a purpose that is not one of licences.PURPOSES."""
        licences.refusal(None, self.purpose)

    @property
    def digest(self) -> str:
        """64 hex digits over all fields."""
        return digest_of(as_stored(self))

    @property
    def span_rule(self) -> SpanRule:
        """The part that makes spans of hand tracks, in ns."""
        return SpanRule(
            round(self.bridge_s * NS),
            round(self.pad_s * NS),
            round(self.span_least_s * NS),
            round(self.longest_span_s * NS),
            self.hand_samples_least,
            self.contact_accept_least,
            self.contact_doubt_least,
        )

    def limit(self, gate: Gate) -> float:
        """What this policy takes as a gate's limit."""
        return float(getattr(self, FIELD_OF[gate]))


# The policy's field of each gate, in the order of a clip's reasons.
FIELD_OF: dict[Gate, str] = {f.metadata["gate"]: f.name for f in dataclasses.fields(Policy) if "gate" in f.metadata}
