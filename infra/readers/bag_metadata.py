"""What ROS 2 says of a bag, in YAML: `metadata.yaml`, and MCAP's METADATA record `rosbag2`."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.errors import BadMedia

LARGEST_BYTES = 1 << 20  # of YAML, which is parsed slowly; a topic takes about 1 kB

Metadata = Mapping[str, object]


def parse(text: str | bytes) -> Metadata:
    """The mapping below `rosbag2_bagfile_information`, where that is there, else the whole.

    BadMedia(bad_metadata): it is no mapping in YAML.
    """
    import yaml

    if len(text) > LARGEST_BYTES:
        raise BadMedia("bad_metadata", f"{len(text)} bytes of YAML")
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as e:
        raise BadMedia("bad_metadata", f"no YAML: {str(e)[:120]}") from e
    value = value.get("rosbag2_bagfile_information", value) if isinstance(value, dict) else value
    if not isinstance(value, dict):
        raise BadMedia("bad_metadata", "no mapping")
    return value


def custom_data(metadata: Metadata) -> dict[str, str]:
    """What the recorder's user attached, by key."""
    attached = metadata.get("custom_data")
    if not isinstance(attached, dict):
        return {}
    return {str(key): str(value) for key, value in attached.items() if isinstance(value, str | int | float)}
