"""Labels in a log of messages: words and numbers in every spelling."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipelines.sources.logs.topic_choice import Choice, Part
from pipelines.sources.logs.topic_words import is_discarded, outcome
from schemas.errors import BadMedia

LABEL = Part("/label")
CHOICE = Choice(state=(), action=(), cameras={}, task=None, outcome=LABEL, discarded=LABEL)


def recorded(value: Any) -> Any:
    """A log whose topic says the opposite first, then the value."""
    is_text = isinstance(value, str)
    series = SimpleNamespace(
        values=np.array([[np.nan], [np.nan]] if is_text else [[0.0], [value]]), log_ns=np.array([0, 1]),
        texts=["unknown", value] if is_text else [], axes=("data",),
    )  # fmt: skip
    return SimpleNamespace(series={"/label": series})


@pytest.mark.parametrize(
    ("value", "ending", "discarded"),
    [
        ("succeeded", "success", True), (" FALSE ", "failure", False), ("unlabeled", "unknown", False),
        (1.0, "success", True), (0.0, "failure", False), (-1.0, "unknown", False), (np.nan, "unknown", False),
    ],
)  # fmt: skip
def test_labels_and_flags_in_every_spelling(value: Any, ending: str, discarded: bool) -> None:
    assert outcome(recorded(value), CHOICE)[0] == ending
    assert is_discarded(recorded(value), CHOICE) is discarded


def test_what_is_no_label_is_refused() -> None:
    for judge in (outcome, is_discarded):
        with pytest.raises(BadMedia, match="perhaps"):
            judge(recorded("perhaps"), CHOICE)
