"""What is redacted is in no shard either: the frame nearest to a time may be one that nobody may see."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.media.decode_child import decode
from pipelines.media.encode_child import Cut, encode
from pipelines.media.options import DecodeSpec, PassOptions
from schemas.spans import NS
from tests.support.media import Video, shot, write

MS = NS // 1000
TICKS = tuple(int(t) for t in np.cumsum([0, *np.random.default_rng(3).integers(20, 400, 39)]))
ENDS = (*TICKS[1:], TICKS[-1] + 100)  # of each frame; the last one's is the container's


@pytest.fixture(scope="module")
def irregular(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shots of 20 frames at irregular times, up to .4 s apart."""
    return write(tmp_path_factory.mktemp("vfr") / "vfr.mp4", [*shot(1, 20), *shot(2, 20)], Video(ticks=TICKS))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(0, TICKS[-1]), min_size=2, max_size=6, unique=True).map(sorted), st.booleans())
@pytest.mark.slow
def test_no_frame_of_a_shard_is_redacted_or_another_clips(
    irregular: Path, tmp_path_factory: pytest.TempPathFactory, edges: list[int], late: bool
) -> None:
    out = tmp_path_factory.mktemp("out")
    redacted = tuple((a * MS, b * MS) for a, b in list(pairwise(edges))[::2])
    reply = decode(irregular, out, "a" * 64, PassOptions(), DecodeSpec(redacted=redacted))
    spans = [(c["start_ns"] + late * 15 * MS, c["end_ns"]) for c in reply["clips"]]
    spans = [s for s in spans if s[0] < s[1]]
    cuts = [Cut(i, list(range(s, e, NS // 10)), e, 10.0, 64) for i, (s, e) in enumerate(spans)]
    encode(irregular, out, cuts, redacted=redacted)
    for cut, (_, end_ns) in zip(cuts, spans, strict=True):
        start_ns = max(c["start_ns"] for c in reply["clips"] if c["start_ns"] < end_ns)
        assert len(cut.frame_ns) == len(cut.times_ns)
        assert all(start_ns <= t < end_ns for t in cut.frame_ns)
        shown = [(t, ENDS[TICKS.index(t // MS)] * MS) for t in cut.frame_ns]
        assert not any(s < end and start < e for s, e in redacted for start, end in shown)
