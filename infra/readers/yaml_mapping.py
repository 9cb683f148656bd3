"""The door to YAML: small files of metadata, as mappings."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.errors import BadMedia

LARGEST_BYTES = 1 << 20  # YAML is parsed slowly

Metadata = Mapping[str, object]
# What PyYAML raises on tags that contradict their values (`!!int ""`, `!!bool x`, `!!timestamp x`) is as broken.
BROKEN = (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError)


def parse(text: str | bytes) -> Metadata:
    """BadMedia(bad_metadata): it is no mapping in YAML, or a large one."""
    import yaml

    if len(text) > LARGEST_BYTES:
        raise BadMedia("bad_metadata", f"{len(text)} bytes of YAML, limit {LARGEST_BYTES}")
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, *BROKEN) as e:
        raise BadMedia("bad_metadata", f"no YAML: {str(e)[:120]}") from e
    if not isinstance(value, dict):
        raise BadMedia("bad_metadata", "no mapping")
    return value
