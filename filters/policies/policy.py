"""The policy: every number that a verdict rests on."""

from __future__ import annotations

import dataclasses
from typing import Any

from filters import licences
from filters.hand_spans import SpanRule
from filters.policies.whole_clip import DAMAGED, TOO_SHORT
from schemas.arrow import column
from schemas.keys import as_stored, digest_of, stored_as
from schemas.signals.base import Gate
from schemas.signals.brightness import TOO_DARK
from schemas.signals.camera_motion import MOVING_CAMERA
from schemas.signals.freeze_share import FROZEN
from schemas.signals.sharpness import BLURRED
from schemas.signals.text_share import BURNED_IN_TEXT
from schemas.spans import NS


def _limit(stored: str, default: float, doc: str) -> Any:
    """A limit on hand tracks, with its name in digests."""
    return stored_as(stored, default=default, metadata={"doc": doc})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Every number of the verdict, its only home. Two policies with equal digests decide alike.

    A gate's limit is a field of its own; the order of the fields is the order of a clip's reasons.
    """

    detector: str = column("whose hand tracks are judged: hands.detector")
    min_clip_s: float = TOO_SHORT.policy_field("clip_least_s")
    max_freeze_share: float = FROZEN.policy_field("freeze_share_most")
    min_brightness: float = TOO_DARK.policy_field("brightness_least")
    min_sharpness: float = BLURRED.policy_field("sharpness_least")
    max_camera_motion: float = MOVING_CAMERA.policy_field("camera_motion_most")
    max_text_share: float = BURNED_IN_TEXT.policy_field("text_share_most")
    max_damaged_share: float = DAMAGED.policy_field("damaged_share_most")
    bridge_s: float = column("a gap without hands up to this does not end a run", default=0.75)
    pad_s: float = column("added on both sides of a run", default=1.0)
    min_span_s: float = _limit("span_least_s", 1.0, "shorter spans of hands are rejected")
    longest_span_s: float = column("longer kept spans are cut in equal parts. Ours", default=20.0)
    min_hand_samples: int = _limit("hand_samples_least", 2, "fewer: brief_hands; a lone one is as often false. Ours")
    min_contact: float = _limit(
        "contact_accept_least",
        0.45,
        "strongest contact of a run. docs/hands.md: work .67 and more, gestures .26 and less",
    )
    min_weak_contact: float = _limit(
        "contact_doubt_least", 0.3, "from here to min_contact: weak_contact; a whole arm in view stays below (.25)"
    )
    purpose: str = column(
        "research or commercial: what its releases are for. docs/privacy.md has what each allows",
        default=licences.RESEARCH,
    )
    licences_held: tuple[str, ...] = column(
        "licences' exact words under which you have an agreement of your own for this purpose", default=()
    )
    min_bimanual_share: float = _limit("bimanual_share_least", 0.1, "samples with two hands. schemas.Decision: a tenth")

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
            round(self.min_span_s * NS),
            round(self.longest_span_s * NS),
            self.min_hand_samples,
            self.min_contact,
            self.min_weak_contact,
        )

    def limit(self, gate: Gate) -> float:
        """What this policy takes as a gate's limit."""
        return float(getattr(self, FIELD_OF[gate]))


# The policy's field of each gate, in the order of a clip's reasons.
FIELD_OF: dict[Gate, str] = {f.metadata["gate"]: f.name for f in dataclasses.fields(Policy) if "gate" in f.metadata}
