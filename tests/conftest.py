"""What tests of several rooms share. Each is made once a run and read only: copy a root before changing it."""

from __future__ import annotations

import pytest

from infra.models import weights
from infra.models.centerface import FaceDetector
from schemas.errors import TransientError
from tests.faults.turns import Turned
from tests.faults.turns import turned as turn_once
from tests.support import shared


def pytest_configure(config: pytest.Config) -> None:
    """The workers of a run inherit the folder that its first process made."""
    if not hasattr(config, "workerinput"):
        shared.start()


@pytest.fixture(scope="session")
def turned() -> Turned:
    """A corpus after one whole turn, by the command."""
    return turn_once()


@pytest.fixture(scope="session")
def face_detector() -> FaceDetector:
    """The detector with its real weights."""
    try:
        return FaceDetector(weights.face_weights())
    except TransientError as error:
        pytest.skip(f"no weights here: {error}")
