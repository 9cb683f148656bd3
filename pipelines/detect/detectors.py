"""The hand detectors, by the name that `detect.detectors` gives them: one file and one line each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from filters import contact
from infra.models import mediapipe_hands
from schemas.errors import UsageError
from schemas.hands import HandDetector, Resources


@dataclass(frozen=True, slots=True)
class Detector:
    """A hand detector: what names its tracks, how a worker makes it, and what that worker holds of a machine."""

    name: str
    version: Callable[[], str]  # of its model, weights and thresholds; loads nothing
    open: Callable[[], HandDetector]  # loads the model; once a worker
    resources: Resources = Resources()

    @property
    def track_version(self) -> str:
        """hands.detector: all that shapes a hand track, the detector and the evidence of contact."""
        return f"{self.version()}+{contact.VERSION}"


DETECTORS: tuple[Detector, ...] = (
    Detector("mediapipe", mediapipe_hands.version, mediapipe_hands.LiteHandDetector),
)  # fmt: skip


def find_detector(name: str) -> Detector:
    """The detector of that name. UsageError: there is none."""
    for detector in DETECTORS:
        if detector.name == name:
            return detector
    raise UsageError(f"detect.detectors has {name!r}; there are {', '.join(d.name for d in DETECTORS)}")


def detector_version() -> str:
    """hands.detector of the first detector: the one by whose tracks a policy judges unless it says otherwise."""
    return DETECTORS[0].track_version
