"""Metadata in YAML: mappings, or refused; what PyYAML itself stumbles over included."""

from __future__ import annotations

import pytest

from infra.readers import yaml_mapping
from schemas.errors import BadMedia


def test_a_mapping_is_read() -> None:
    assert yaml_mapping.parse(b"policies: {A: {score: 0.5}}\n") == {"policies": {"A": {"score": 0.5}}}


@pytest.mark.parametrize(
    "text",
    ["", "- a", "a: [", "a: !!int ''", "a: !!bool x", "a: !!timestamp x", "a: !!float ''", "? []\n: 1", "[" * 5000,
     "a: !!python/object/apply:os.system [ls]", "a: \x00", " " * (yaml_mapping.LARGEST_BYTES + 1)],
)  # fmt: skip
@pytest.mark.slow
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BadMedia) as caught:
        yaml_mapping.parse(text)
    assert caught.value.reason == "bad_metadata"
