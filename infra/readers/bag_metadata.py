"""What ROS 2 says of a bag, in YAML: `metadata.yaml`, and MCAP's METADATA record `rosbag2`."""

from __future__ import annotations

from infra.readers import yaml_mapping
from infra.readers.yaml_mapping import Metadata
from schemas.errors import BadMedia


def parse(text: str | bytes) -> Metadata:
    """The mapping below `rosbag2_bagfile_information`, where that is there, else the whole.

    BadMedia(bad_metadata): it is no mapping in YAML.
    """
    whole = yaml_mapping.parse(text)
    value = whole.get("rosbag2_bagfile_information", whole)
    if not isinstance(value, dict):
        raise BadMedia("bad_metadata", "no mapping")
    return value


def custom_data(metadata: Metadata) -> dict[str, str]:
    """What the recorder's user attached, by key."""
    attached = metadata.get("custom_data")
    if not isinstance(attached, dict):
        return {}
    return {str(key): str(value) for key, value in attached.items() if isinstance(value, str | int | float)}
