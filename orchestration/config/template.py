"""What `handwheel init` writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from filters.policies.policy import Policy


def commented() -> str:
    """The text of a new handwheel.toml: what one sets first, with every default of the policy shown."""
    return TEMPLATE.replace("@POLICY@", "\n".join(_policy_lines()))


def _policy_lines() -> Iterator[str]:
    """A comment for each number and word of the policy: its key, default and doc."""
    for field in fields(Policy):
        if isinstance(field.default, int | float | str):
            doc = field.metadata.get("doc")
            yield f"# {field.name} = {field.default!r}" + (f"  # {doc}" if doc else "")


TEMPLATE = """\
# Handwheel: what comes in, and where it goes. Relative paths are relative to this file.
root = "corpus"                       # a folder or s3://bucket/prefix

[[source]]
kind = "folder"                       # url_list, webdataset, ego4d, ...: docs/sources.md has them all
uri = "media"
stage = "ego"                         # web, ego
# licence = "CC-BY-4.0"

# [[robot]]
# kind = "plain_log"                  # plain_log, lerobot
# uri = "logs"

# [ingest.cutting]
# blur_faces = ["ego"]                # web, ego, robot: whose faces are blurred; docs/privacy.md

[captions]
backend = "grounded"                  # grounded, openai, transformers

# [trigger]
# command = "python train.py --pin {pin}"

# What is kept: every number and its default. "Ours" marks one that was chosen for Handwheel and is in no paper.
[policy]
@POLICY@

# [engines.beam]
# runner = "embedded"                 # or FlinkRunner, DataflowRunner, PortableRunner with their flags
# flags = []
# [engines.ray]
# address = "local"
"""
