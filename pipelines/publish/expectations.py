"""What a view's rows must be before they are published."""

from __future__ import annotations

from infra.gate import Expectation
from pipelines.publish.selection import PublishOptions


def expectations(view: str, options: PublishOptions) -> list[Expectation]:
    """Great Expectations' classes and arguments for a view's rows (without their video)."""
    geometry = options.view(view)
    rules: list[Expectation] = [
        ("ExpectTableRowCountToBeBetween", {"min_value": 1}),
        ("ExpectColumnValuesToBeUnique", {"column": "clip_id"}),
        ("ExpectColumnValuesToMatchRegex", {"column": "sha256", "regex": "^[0-9a-f]{64}$"}),
        ("ExpectColumnValuesToBeUnique", {"column": "row_sha256"}),
        ("ExpectColumnValuesToBeInSet", {"column": "split", "value_set": ["train", "val"]}),
        ("ExpectColumnValuesToBeInSet", {"column": "stage", "value_set": [geometry.stage]}),
        ("ExpectColumnValuesToBeBetween", {"column": "frames", "min_value": 1}),
        (
            "ExpectColumnValuesToBeBetween",
            {"column": "seconds", "min_value": 0, "max_value": geometry.longest_span_s},
        ),
        (
            "ExpectColumnValuesToBeBetween",
            {"column": "width_px", "min_value": 2, "max_value": geometry.long_side_px},
        ),
        (
            "ExpectColumnValuesToBeBetween",
            {"column": "height_px", "min_value": 2, "max_value": geometry.long_side_px},
        ),
        ("ExpectColumnValuesToBeBetween", {"column": "bytes", "min_value": 1}),
        ("ExpectColumnValuesToBeNull", {"column": "licence_refusal"}),
    ]
    if geometry.needs_caption:
        rules.append(("ExpectColumnValuesToNotBeNull", {"column": "caption"}))
        rules.append(("ExpectColumnValueLengthsToBeBetween", {"column": "caption", "min_value": 3, "max_value": 2000}))
    if geometry.stage == "robot":
        outcomes = ["success", "failure", "unknown"]
        rules.append(("ExpectColumnValuesToBeInSet", {"column": "outcome", "value_set": outcomes}))
        rules.append(("ExpectColumnValuesToNotBeNull", {"column": "episode_id"}))
    if view.startswith("idm_"):
        rules.append(("ExpectColumnUniqueValueCountToBeBetween", {"column": "action_dim", "max_value": 1}))
        rules.append(("ExpectColumnUniqueValueCountToBeBetween", {"column": "state_dim", "max_value": 1}))
    return rules
