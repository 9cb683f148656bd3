"""audit cuts: boundaries against true cuts, one-to-one within a frame and 50 ms; long clips are nobody's fault."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipelines.audits.corpus_truth import Recording, Truth, join, truths_below
from pipelines.audits.cuts import METRICS, audit, boundaries, judge, paired
from pipelines.audits.tally import Tally
from pipelines.corpus.inventory import CurrentClip
from schemas.spans import NS
from tests.support.audits import shot, truth, truths, write
from tests.support.corpus import POLICY, RECIPE, corpus

times = st.lists(st.integers(1, 300), unique=True, max_size=12)  # in tenths of a second


def recording(cuts: list[int], edges: list[int], end: int = 301) -> Recording:
    """True cuts and clip boundaries, in tenths of a second."""
    ends = [0, *sorted(cuts), end]
    shots = [shot(a / 10, b / 10) for a, b in pairwise(ends)]
    bounds = [0, *sorted(edges), end]
    clips = [
        CurrentClip(
            clip_row_id=str(i),
            clip_id=str(i),
            sha256="s",
            start_ns=a * NS // 10,
            end_ns=b * NS // 10,
            cutter="c",
            stage="ego",
            licence=None,
        )
        for i, (a, b) in enumerate(pairwise(bounds))
    ]
    return Recording("s", "u", "ego", Truth(Path("t"), truth("u", shots)), tuple(clips))


def values(rec: Recording, longest_s: float = 60) -> list[float | None]:
    tally = Tally()
    judge(rec, longest_s, tally)
    return [e.estimate for e in tally.metrics(METRICS).values()]


@given(times)
def test_boundaries_at_every_cut_are_perfect(cuts: list[int]) -> None:
    assert values(recording(cuts, cuts)) == ([1.0, 1.0, 1.0] if cuts else [None, None, None])


@given(times, times)
def test_pairs_are_one_to_one_and_near(made: list[int], true: list[int]) -> None:
    pairs = paired(made, true, 1)
    assert len({m for m, _ in pairs}) == len({t for _, t in pairs}) == len(pairs)
    assert all(abs(m - t) <= 1 for m, t in pairs)
    assert len(pairs) >= len(set(made) & set(true))


def test_near_ones_count_and_far_ones_do_not() -> None:
    rec = recording([50, 100, 200], [51, 102, 250])  # 10 frames a second: 100 ms and 50 ms of tolerance
    assert values(rec) == [round(1 / 3, 6)] * 3
    tally = Tally()
    kinds = sorted((e.kind, (e.start_ns + e.end_ns) // 2 * 10 // NS) for e in judge(rec, 60, tally))
    assert kinds == [("false cut", 102), ("false cut", 250), ("missed cut", 100), ("missed cut", 200)]


def test_the_ends_of_long_clips_are_left_out_unless_they_are_cuts() -> None:
    rec = recording([200], [100, 200, 220])
    cut, tiles = boundaries(rec.clips, 10 * NS)
    assert (cut, tiles) == ([22 * NS], [10 * NS, 20 * NS])
    assert values(rec, longest_s=10) == [1.0, 0.5, round(2 / 3, 6)]


def test_a_corpus(tmp_path: Path) -> None:
    joined = join(corpus(tmp_path / "root"), RECIPE, POLICY, truths_below(write(tmp_path / "truth", truths())))
    result = audit(joined, 60.0)
    found = {name: e.estimate for name, e in result.metrics.items()}
    # The kitchen: 6 found, 8 missed, 10 false; the other recording has a boundary at 4 and no cut.
    assert found == {"recall": 0.5, "precision": round(1 / 3, 6), "f1": 0.4}
    assert {e.kind for e in result.examples} == {"missed cut", "false cut"}
    assert all(e.clips for e in result.examples)
    assert result.by["light"]["dim"]["recall"].n == 1
