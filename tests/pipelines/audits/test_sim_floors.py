"""Floors: how good hands, cuts, captions and outcomes are on a small seeded world, and no worse from now on.

The numbers were measured on this world (seed, quality and count stand in world_fixture.py); floors lie below them by
what a few frames more or less make. They are no claim about real video.
"""

from __future__ import annotations

import pytest

from pipelines.audits.result import broken
from tests.support.sim import turned

FLOORS: dict[str, list[tuple[str, float]]] = {
    "hands": [
        ("recall", 0.25), ("precision", 0.9), ("side_accuracy", 0.8), ("kept_recall", 0.4),
        ("kept_precision", 0.75), ("kept_precision_padded", 0.9), ("idle_refused", 0.9),
    ],
    "cuts": [("recall", 1.0), ("precision", 1.0)],
    "captions": [
        ("verb", 0.88), ("object", 0.9), ("colour", 0.95), ("failure_told", 0.95), ("success_told", 0.95),
        ("length", 1.0), ("all", 0.9),
    ],
    "outcomes": [("known", 0.8), ("accuracy", 0.8)],
}  # fmt: skip
CEILINGS: dict[str, list[tuple[str, float]]] = {
    "hands": [("keypoint_error", 0.12)],
    "cuts": [],
    "captions": [],
    "outcomes": [("false_success", 0.25), ("false_failure", 0.5), ("calibration_error", 0.2)],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FLOORS))
def test_no_worse_than_its_floor(name: str) -> None:
    result = turned().audit(name)
    assert result.n > 0
    assert broken(result, FLOORS[name], CEILINGS[name]) == []
    assert not result.unmatched.get("recordings_without_truth")
