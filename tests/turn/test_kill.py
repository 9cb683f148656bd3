"""A small seeded part of `make kill`: hops killed, run again, and every table compared with an undisturbed run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import kill

KILLS = 4
SEED = 11


@pytest.mark.slow
def test_killed_hops_leave_what_undisturbed_ones_do(tmp_path: Path) -> None:
    hops = ("fold", "filter", "caption", "publish")
    tallies = kill.run(tmp_path, KILLS, SEED, hops, every=hops, hands=False)
    print(kill.table(tallies, 0.0))
    assert [w for t in tallies.values() for w in t.wrong] == []
    assert sum(t.kills for t in tallies.values()) == KILLS
