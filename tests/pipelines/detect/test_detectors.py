"""The tuple of detectors, and what their workers ask a cluster for."""

from __future__ import annotations

import numpy as np
import pytest

from filters import contact
from pipelines.detect.detectors import DETECTORS, Detector, detector_version, find_detector
from pipelines.engines import workers_that_fit
from schemas.errors import UsageError
from schemas.hands import Resources


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda d: d.name)
def test_a_detector_is_what_its_version_says(detector: Detector) -> None:
    opened = detector.open()
    assert opened.version == detector.version()
    assert detector.track_version == f"{opened.version}+{contact.VERSION}"
    frame = np.full((48, 64, 3), 90, np.uint8)
    assert opened.find_hands([frame, frame]) == [[], []]


def test_detectors_are_found_by_name_and_the_first_one_judges() -> None:
    assert len({d.name for d in DETECTORS}) == len(DETECTORS)
    assert find_detector("mediapipe").track_version == detector_version()
    assert detector_version().startswith("litert-hands-full-1-")
    with pytest.raises(UsageError, match="'magic'; there are mediapipe"):
        find_detector("magic")


def test_workers_are_as_many_as_their_resources_allow() -> None:
    one_gpu = Resources(num_cpus=2, num_gpus=1)
    assert workers_that_fit({"CPU": 8.0}, Resources()) == 8
    assert workers_that_fit({}, Resources()) == 1
    assert workers_that_fit({"CPU": 8.0, "GPU": 2.0}, one_gpu) == 2
    assert workers_that_fit({"CPU": 2.0, "GPU": 8.0}, one_gpu) == 1
    assert workers_that_fit({"CPU": 8.0, "GPU": 1.0}, Resources(num_gpus=0.25)) == 4
    with pytest.raises(UsageError, match="needs 1 GPU and Ray has 0"):
        workers_that_fit({"CPU": 8.0}, one_gpu)
