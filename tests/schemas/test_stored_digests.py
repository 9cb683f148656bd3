"""Digests are over frozen stored names: what was written by the first commits is found by every later one.

The values were printed by commit bcc87f2, before any field, class or module had another name. What came later, a
version or a gate's limit, gives other digests and is left out of them here: names alone change none.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from filters.policies.policy import Policy
from infra.sandbox.sandbox import Limits
from infra.web.limits import FetchLimits
from pipelines.caption.backends import signature
from pipelines.caption.options import CaptionOptions
from pipelines.caption.worker import refusal_recipe
from pipelines.corpus.duplicates import version_of
from pipelines.ingest.limit_rejects import digest
from pipelines.media.options import DecodeSpec, PassOptions
from pipelines.publish.hop import release_recipe
from pipelines.publish.selection import PublishOptions
from schemas.keys import as_stored, digest_of, stored_as, stored_text

RECIPE = "9fcf7db5df88dc54"
VERSIONS = ("luma-histogram-3", "signals-4", "fingerprints-4", "ellipse-2x2-1")
POLICY = "09a3f11042132a4aab4867b9a789372dc8c42ba1ea42e637271a19c8f5ab83ab"
LIMITS = (
    "detector clip_least_s freeze_share_most brightness_least sharpness_least camera_motion_most text_share_most "
    "damaged_share_most bridge_s pad_s span_least_s longest_span_s hand_samples_least contact_accept_least "
    "contact_doubt_least purpose licences_held bimanual_share_least"
)


def test_the_pass_its_variants_and_what_is_compared_under_it() -> None:
    assert PassOptions(versions=VERSIONS).recipe == RECIPE
    assert len(PassOptions().versions) == len(VERSIONS)
    assert version_of(RECIPE) == "1de3df66a699dc07"
    assert DecodeSpec(redacted=((1, 2),), quarter_turns=1).decode_variant == "10a10839e8565ae1"
    assert DecodeSpec(spans=((0, 5),)).decode_variant == "e04760c19beb4e5a"
    assert DecodeSpec().decode_variant == ""


def test_the_policy_and_the_limits() -> None:
    stored = as_stored(Policy(detector="x"))
    assert digest_of({name: stored[name] for name in LIMITS.split()}) == POLICY
    assert Policy(detector="x").digest == digest_of(stored)
    assert digest(FetchLimits(), Limits()) == "aeed8f3858671d02"


def test_captioners() -> None:
    grounded = signature(CaptionOptions(), "ego")
    assert grounded == ("grounded 4", "5e68b3dad4b1333e4b482ea5901334ab6ec6dfb7ea7230bbae4162300d255cca")
    assert refusal_recipe(grounded, "b") == "41c23824f4a11674c56b22af1aec149abb4b0eb4ed2f08179974780b46c4e8a3"
    asked = CaptionOptions(backend="openai", model="m")
    human = ("openai m", "dcad955f99ff9bd2ba220388fb269155e76e5f8b6cdc7b03f56b316a1cbf7593")
    robot = ("openai m", "2efbfd7406e2e9e90690765f1c5a0697340d4441197aa85586b9ed7cd08ae2c6")
    assert signature(asked, "ego") == human
    assert signature(asked, "robot") == robot


def test_the_release_recipe() -> None:
    made = release_recipe(RECIPE, Policy(detector="x"), PublishOptions())
    assert json.loads(json.dumps({k: v for k, v in made.items() if k != "encoder"})) == {
        "pass": RECIPE,
        "policy": Policy(detector="x").digest,
        "publish": {
            "caption_models": [], "idm_long_side_px": 256,
            "level_weights": {"L1": 0.1, "L2": 0.2, "L3": 0.3, "L4": 0.3, "L5": 0.1}, "longest_span_s": 60.0,
            "original_share": 0.05, "seed": 7, "val_share": 0.1, "wm_fps_hz": 10.0, "wm_long_side_px": 320,
        },
        "purpose": "research",
    }  # fmt: skip


def test_a_better_name_changes_no_digest() -> None:
    @dataclass(frozen=True)
    class Before:
        least: float = 0.5
        inner: tuple[int, ...] = (1, 2)

    @dataclass(frozen=True)
    class After:
        min_share: float = stored_as("least", default=0.5)
        inner: tuple[int, ...] = (1, 2)

    assert digest_of(as_stored(After())) == digest_of(dataclasses.asdict(Before()))
    assert stored_text(After(), "Before") == "Before(least=0.5, inner=(1, 2))"
