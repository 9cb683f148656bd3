"""Which takes stay: the best of the same seconds, in any order, and never without a kept one that shows them."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from filters.duplicates import (
    COPY,
    MIN_COVERED_SHARE,
    MIRRORED,
    CandidateSpan,
    ClipPair,
    CopiedSpan,
    find_copied_spans,
    group_clips,
)
from schemas.spans import NS, merge


def take(clip: str, span: tuple[int, int], pixels: int = 100) -> CandidateSpan:
    """A take that is named by its clip and start."""
    return CandidateSpan(f"{clip}@{span[0]}", clip, span[0] * NS, span[1] * NS, pixels)


def test_more_pixels_then_length_then_the_least_clip_stays() -> None:
    pair = [ClipPair("a", "b", 0, False)]
    assert find_copied_spans([take("a", (0, 9)), take("b", (0, 9), 200)], pair) == {"a@0": CopiedSpan(COPY, "b@0")}
    assert find_copied_spans([take("a", (0, 8)), take("b", (0, 9))], pair) == {"a@0": CopiedSpan(COPY, "b@0")}
    assert find_copied_spans([take("a", (0, 9)), take("b", (0, 9))], pair) == {"b@0": CopiedSpan(COPY, "a@0")}


def test_only_what_is_shown_elsewhere_goes() -> None:
    pair = [ClipPair("a", "b", 10 * NS, False)]  # b begins 10 s into a
    spans = [take("a", (0, 10)), take("a", (10, 20)), take("b", (0, 10), 200), take("b", (10, 20), 200)]
    assert find_copied_spans(spans, pair) == {"a@10": CopiedSpan(COPY, "b@0")}
    small = [take("a", (0, 30)), take("b", (0, 10), 200)]
    assert find_copied_spans(small, pair) == {}  # a third of it is shown: both stay
    assert find_copied_spans([take("a", (0, 30), 50)], pair) == {}  # what keep did not accept shows nothing


def test_a_mirrored_take_is_told_and_a_true_copy_comes_first() -> None:
    spans = [take("a", (0, 9), 300), take("b", (0, 9), 200), take("c", (0, 9))]
    flipped = [ClipPair("a", "b", 0, True), ClipPair("a", "c", 0, True), ClipPair("b", "c", 0, False)]
    assert find_copied_spans(spans, flipped) == {"b@0": CopiedSpan(MIRRORED, "a@0"), "c@0": CopiedSpan(MIRRORED, "a@0")}
    assert find_copied_spans([spans[1], spans[2]], flipped) == {"c@0": CopiedSpan(COPY, "b@0")}


def test_the_end_of_a_chain_stays() -> None:
    spans = [take("a", (0, 9), 300), take("b", (0, 9), 200), take("c", (0, 9))]
    assert find_copied_spans(spans, [ClipPair("a", "b", 0, False), ClipPair("b", "c", 0, False)]) == {
        "b@0": CopiedSpan(COPY, "a@0")
    }


CLIPS = st.sampled_from("abcdef")
TAKES = st.lists(
    st.builds(lambda c, s, n, p: take(c, (s, s + n), p), CLIPS, *(st.integers(k > 0, 9 - 3 * k) for k in range(3))),
    max_size=12, unique_by=lambda t: t.span_id,
)  # fmt: skip
PAIRS = st.lists(
    st.builds(
        lambda ab, o, f: ClipPair(*sorted(ab), o * NS, f),
        st.lists(CLIPS, min_size=2, max_size=2, unique=True), st.integers(-5, 5), st.booleans(),
    ), max_size=8,
)  # fmt: skip


@given(TAKES, PAIRS, st.randoms(use_true_random=False))
def test_any_order_gives_the_same_and_nothing_is_lost(
    takes: list[CandidateSpan], pairs: list[ClipPair], rng: random.Random
) -> None:
    gone = find_copied_spans(takes, pairs)
    mixed, turned = rng.sample(takes, len(takes)), rng.sample(pairs, len(pairs))
    assert find_copied_spans(mixed, turned) == gone
    kept = [t for t in takes if t.span_id not in gone]
    for t in (t for t in takes if t.span_id in gone):
        spans = []
        for p in pairs:
            for mine, other, offset_ns in ((p.clip_a, p.clip_b, p.offset_ns), (p.clip_b, p.clip_a, -p.offset_ns)):
                if mine == t.clip_id:
                    shown = [(k.start_ns + offset_ns, k.end_ns + offset_ns) for k in kept if k.clip_id == other]
                    spans += [(max(s, t.start_ns), min(e, t.end_ns)) for s, e in shown]
        assert sum(e - s for s, e in merge(spans)) >= MIN_COVERED_SHARE * (t.end_ns - t.start_ns)
        assert gone[t.span_id].of in {k.span_id for k in kept}


@given(PAIRS, st.randoms(use_true_random=False))
def test_groups_are_what_pairs_connect(pairs: list[ClipPair], rng: random.Random) -> None:
    found = group_clips(pairs)
    assert found == group_clips(rng.sample(pairs, len(pairs)))
    assert all(found[p.clip_a] == found[p.clip_b] <= min(p.clip_a, p.clip_b) for p in pairs)
    assert len(set(found.values())) >= len(found) - len({(p.clip_a, p.clip_b) for p in pairs})
