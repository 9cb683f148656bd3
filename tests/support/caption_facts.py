"""Facts to test captions with: hand-made ones, and strategies for any."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from captioning.facts import AttemptFacts, Facts, HandFacts, SideFacts
from schemas.keys import clip_id

SHA256 = "ab" * 32


def side(**changes: Any) -> SideFacts:
    values = {"share": 0.8, "x": 0.7, "y": 0.7, "dx": -0.3, "dy": 0.02, "path": 0.9, "contact_share": 0.8}
    return SideFacts(**(values | changes))


RIGHT_ONLY = HandFacts(samples=16, left=None, right=side(), both_share=0.0)
BOTH = HandFacts(samples=16, left=side(path=0.1, dx=0.0, x=0.3, contact_share=None), right=side(), both_share=0.6)


def facts(**changes: Any) -> Facts:
    values: dict[str, Any] = {
        "sha256": SHA256, "start_ns": 0, "end_ns": 4_200_000_000, "stage": "ego", "narration": None,
        "hands": None, "basis": "b",
        "camera_motion": 0.005, "attempt": None,
    }  # fmt: skip
    values |= changes
    values.setdefault("span_id", clip_id(values["sha256"], values["start_ns"], values["end_ns"]))
    return Facts(**values)


def attempt(**changes: Any) -> AttemptFacts:
    values: dict[str, Any] = {
        "instruction": "Pick the pink block and place it at the goal.", "outcome": "failure",
        "outcome_source": "sim",
        "failure_mode": "lower", "failed_after_s": None, "embodiment": "so101_sim",
        "collect_mode": "scripted",
    }  # fmt: skip
    return AttemptFacts(**(values | changes))


def robot(**changes: Any) -> Facts:
    return facts(stage="robot", attempt=attempt(**changes))


share = st.floats(0, 1)
sides = st.builds(
    SideFacts,
    share=share, x=share, y=share, dx=st.floats(-1, 1), dy=st.floats(-1, 1), path=st.floats(0, 50),
    contact_share=st.none() | share,
)  # fmt: skip
hand_facts = st.builds(
    HandFacts, samples=st.integers(1, 240), left=st.none() | sides, right=st.none() | sides, both_share=share
)

NOUNS = [
    "cup",
    "wooden board",
    "the drawer",
    "spray bottle",
    "a knife",
    "an onion",
    "measuring tape",
    "pan",
    "dough",
    "boxes",
    "the left hand",
    "scissors",
    "drying rack",
    "dishes",
    "electric screwdriver",
    "blue cloth",
    "leaves",
    "glass of water",
    "phone",
    "paint brush",
]
PLACES = [
    "on the table",
    "into sink",
    "from the counter",
    "in a bowl",
    "next to the plate",
    "with his right hand",
    "with both hands",
    "onto floor",
    "under tap",
    "against a wall",
    "",
]
VERBS_3 = [
    "picks up",
    "puts down",
    "opens",
    "washes",
    "cuts",
    "stirs",
    "takes",
    "holds",
    "fries",
    "tries",
    "drops",
    "unscrews",
    "looks at",
    "wipes",
    "ties",
]
VERBS_0 = [
    "pick up",
    "put down",
    "open",
    "wash",
    "cut",
    "stir",
    "take",
    "hold",
    "insert",
    "drop",
    "unscrew",
    "look at",
    "wipe",
    "turn on",
    "pour",
]
noun, place = st.sampled_from(NOUNS), st.sampled_from(PLACES)
subject = st.sampled_from(["#C C ", "C ", "#c c ", "The person ", "A man ", "#O man X ", "Someone ", "The right hand "])
ego4d = st.builds(
    lambda s, v, n, p, j, v2, n2: f"{s}{v} {n} {p}{j + v2 + ' ' + n2 if j else ''}".strip() + ".",
    subject, st.sampled_from(VERBS_3), noun, place, st.sampled_from(["", " and ", ", then ", " and then "]),
    st.sampled_from(VERBS_3), noun,
)  # fmt: skip
epic = st.builds(lambda v, n, p: f"{v} {n} {p}".strip(), st.sampled_from(VERBS_0), noun, place)
described = st.builds(lambda n, p: f"A view of {n} {p}".strip(), noun, place)
narrations = st.lists(ego4d | epic | described, min_size=1, max_size=3).map(" ".join) | ego4d | epic
embodiments = st.sampled_from(["so101_sim", "franka", "WidowX-250", "neo", "mobile_aloha"])
modes = st.none() | st.sampled_from(["lower", "TRAVERSE", "calibration_bias", "object dropped", "timeout", "grasp"])
attempts = st.builds(
    AttemptFacts,
    instruction=st.none() | epic | st.just("Pick the pink block and place it at the goal."),
    outcome=st.sampled_from(["success", "failure", "unknown"]), outcome_source=st.none(), failure_mode=modes,
    failed_after_s=st.none() | st.floats(0, 100), embodiment=embodiments, collect_mode=st.just("unknown"),
)  # fmt: skip


@st.composite
def any_facts(draw: st.DrawFn) -> Facts:
    start = draw(st.integers(0, 10**12))
    acting = draw(st.none() | attempts)
    return facts(
        start_ns=start, end_ns=start + draw(st.integers(1, 60 * 10**9)),
        camera_motion=draw(st.none() | share),
        stage="robot" if acting else draw(st.sampled_from(["web", "ego"])), attempt=acting,
        narration=None if acting else draw(st.none() | narrations),
        hands=None if acting else draw(st.none() | hand_facts),
    )  # fmt: skip
